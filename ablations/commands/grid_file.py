"""A grid's file as the commands that plan it need it: read, checked, planned; every message names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.spec.errors import DataError, SpecError


def load(grid: Path, data: str | None):
    """The grid that a file holds, checked as far as it can be without its data.

    Args:
        grid: the file.
        data: instead of its `base.data.path`.
    """
    from ablations.grid.conditions import condition_grids
    from ablations.grid.spec import parse_grid, with_data_path
    from ablations.grid.yaml_file import read_yaml
    from ablations.planning.screen import check_screen

    spec = parse_grid(with_data_path(read_yaml(grid), data), str(grid))
    with naming(grid):
        check_screen(spec)
        condition_grids(spec)
    return spec


@contextmanager
def naming(grid: Path | str) -> Iterator[None]:
    """Every line of a message about what a file says names the file."""
    try:
        yield
    except (SpecError, DataError) as error:
        raise type(error)("\n".join(f"{grid}: {line}" for line in str(error).splitlines())) from error


def planned_grid(grid: Path | str, spec, resolve_precision, home=None, seeds: tuple[int, ...] | None = None):
    """The plan of a grid; what only shows once it meets the data and the libraries names the file as well.

    Args:
        grid: the file, and which of its conditions.
        spec: what it holds.
        resolve_precision: turns "auto" into a number format.
        home: where its weights are and its study may have run already; None: it is only checked.
        seeds: all to run; None: the grid's and those that a rule has added in this home.
    """
    from ablations.planning.more_seeds import seeds_so_far
    from ablations.planning.plan import build_plan
    from ablations.records.store import known_plan

    known = None if home is None else known_plan(home, spec.study)
    if known is not None and known.tuning is not None:
        raise SpecError(f"{grid}: study: {spec.study!r} is a search in this home; give the grid another name")
    if home is not None and seeds is None:
        seeds = seeds_so_far(spec, known)
    with naming(grid):
        return build_plan(spec, resolve_precision, weights=home.weights if home else None, seeds=seeds)


def planned_conditions(grid: Path, spec, planned, resolve_precision, home=None):
    """The plans of a grid's conditions, with the seeds of its own; a message names the file and the condition."""
    from ablations.planning.conditions import plan_conditions

    def build(one):
        return planned_grid(
            f"{grid}: condition {one.condition.name}", one.grid, resolve_precision, home, planned.plan.seeds
        )

    return plan_conditions(spec, planned, build, f"{grid}: ")
