"""Every effect of a study as a row of comma-separated values, for spreadsheets and plots of one's own."""

import csv
import io
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from reports.results.effect import Effect
from reports.results.study import Analysis


def to_csv(analysis: Analysis) -> str:
    """One row per effect, controls last, with all that the JSON says about it.

    Columns are the paths of the JSON: `ci95.low`, `differences.0` for seed 0, `others.paired t.p` for a method,
    `secondary.nll.q` for a metric; those that depend on the study come last. Numbers keep all their digits; what was
    not measured is empty.
    """
    rows = [_cells(Effect, effect, "") for effect in analysis.effects + analysis.controls]
    always = _cells(Effect, None, "")  # first, and also where there is no effect
    columns = list(dict.fromkeys(column for row in (always, *rows) for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cells(model: type[BaseModel], value: BaseModel | None, prefix: str) -> dict[str, Any]:
    """Column -> cell. A model that is missing still has its columns, so that they do not depend on the results."""
    cells: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        path, entry = prefix + name, None if value is None else getattr(value, name)
        inner = _model_in(field.annotation)
        kind = get_origin(field.annotation)
        if kind is tuple and inner is not None:
            key = next(iter(inner.model_fields))  # each entry is named by its first field
            for each in entry or ():
                found = _cells(inner, each, f"{path}.{getattr(each, key)}.")
                cells.update((column, cell) for column, cell in found.items() if not column.endswith(f".{key}"))
        elif inner is not None:
            cells.update(_cells(inner, entry, f"{path}."))
        elif kind is dict:
            cells.update((f"{path}.{key}", each) for key, each in (entry or {}).items())
        elif kind is tuple:
            cells[path] = "; ".join(map(str, entry or ()))
        else:
            cells[path] = entry
    return cells


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model`, `Model | None` or `tuple[Model, ...]`."""
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)
