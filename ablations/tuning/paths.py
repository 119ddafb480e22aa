"""Dotted paths into a recipe; an entry of a list goes by its kind, as in `strategies.mixup.alpha`."""

import copy
from collections.abc import Mapping
from typing import Any

from ablations.grid.merge import SETS, key_of
from pipeline.spec.errors import SpecError


def with_values(recipe: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a recipe with these fields set.

    Args:
        recipe: as a person writes it, dotted paths resolved.
        values: dotted path -> value.

    Raises:
        SpecError: a path leads through a plain value, or to an entry that the recipe does not have.
    """
    result = copy.deepcopy(dict(recipe))
    for path, value in values.items():
        _set(result, path, copy.deepcopy(value))
    return result


def _set(recipe: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place: Any = recipe
    for depth, part in enumerate(parents):
        if isinstance(place, list):
            place = _entry(place, part, ".".join(parents[:depth]))
        else:
            place = place.setdefault(part, [] if part in SETS else {})
        if not isinstance(place, dict | list):
            raise SpecError(
                f"goes below {'.'.join(parents[: depth + 1])}, which base sets to the plain value {place!r}"
            )
    if isinstance(place, list):
        raise SpecError(f"names a whole entry of {'.'.join(parents)}; name one of its fields, as in {path}.FIELD")
    place[last] = value


def _entry(items: list[Any], kind: str, where: str) -> Any:
    kinds = [key_of(item) for item in items if isinstance(item, Mapping)]
    if kind not in kinds:
        raise SpecError(
            f"base.{where} has no {kind}, only {', '.join(map(str, kinds)) or 'no entry at all'}; add "
            f"{{kind: {kind}}} there, so that the search can set its fields"
        )
    return items[kinds.index(kind)]
