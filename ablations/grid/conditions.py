"""The conditions of a grid: under each, its whole design is asked again over another base, as a study of its own.

A study of its own, because a spread is pooled over arms only where these may scatter alike, which a tenth of the
data or another network does not promise. Runs that several conditions need are trained once all the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from ablations.designs import Halving
from ablations.grid.factors import check_factor
from ablations.grid.merge import SETS, Patch, apply_patch, claims_of, key_of, merge, undot
from ablations.grid.spec import GridSpec, parse_grid
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Condition

BASE = "base"
"""The condition that every study has: what the grid's own base says."""

Level = tuple[str, str]
"""What varies, and its name there."""


@dataclass(frozen=True, slots=True)
class ConditionGrid:
    """A condition, and the grid that is run under it."""

    condition: Condition
    grid: GridSpec


def condition_grids(grid: GridSpec) -> tuple[ConditionGrid, ...]:
    """One grid for each condition: one thing differs from the base, or with `cross_conditions` every combination.

    Noise floor and cost block stay with the study itself, which measures luck and time.

    Raises:
        SpecError: a condition is no patch of the base, says the same as another one, or a factor would undo it.
    """
    if not grid.conditions:
        if grid.cross_conditions:
            raise SpecError("cross_conditions: there are no conditions to cross; name some under conditions")
        return ()
    if grid.retune is not None:
        raise SpecError(
            "conditions: with retune the settings found under the base would be judged under conditions that they were "
            "not searched for. Take conditions out, or retune in one grid and write what it finds into another"
        )
    if isinstance(grid.design, Halving):
        raise SpecError(
            f"conditions: with design {grid.design.kind!r} each condition could keep other factors, and none could be "
            f"compared; use design: {{kind: {grid.design.then}}} with the factors that are left"
        )
    patches = dict(_patches(grid))
    for level, patch in patches.items():
        _check_not_undone(grid, f"conditions.{'.'.join(level)}", patch)
    found: list[ConditionGrid] = []
    known = {grid.experiment(()).model_dump_json(): BASE}
    for levels in _combinations(grid):
        _check_apart({level: patches[level] for level in levels})
        one = _under(grid, {level: patches[level] for level in levels})
        experiment = one.grid.experiment(()).model_dump_json()
        if (same := known.get(experiment)) is not None:
            raise SpecError(
                f"{_where(levels)}: the bare recipe is the same as under {same}"
                + (", which is always among the conditions" if same == BASE else "")
                + "; leave one of them out, or change something"
            )
        if any(other.condition.study == one.condition.study for other in found):
            raise SpecError(f"{_where(levels)}: another condition is study {one.condition.study!r} too; rename one")
        known[experiment] = one.condition.name
        found.append(one)
    return tuple(found)


def _patches(grid: GridSpec) -> Iterator[tuple[Level, dict[str, Any]]]:
    for what, levels in grid.conditions.items():
        if not levels:
            raise SpecError(f"conditions.{what}: names no condition; give at least one, as in {{tenth: {{...}}}}")
        for name, patch in levels.items():
            where = f"conditions.{what}.{name}"
            try:
                check_factor(where, name, patch)
            except ValueError as error:
                raise SpecError(str(error)) from error
            yield (what, name), undot(patch, where)


def _combinations(grid: GridSpec) -> Iterator[tuple[Level, ...]]:
    """The levels that hold at once; the base is not among them."""
    every = [[(what, name) for name in levels] for what, levels in grid.conditions.items()]
    if not grid.cross_conditions:
        yield from ((level,) for levels in every for level in levels)
        return
    for chosen in product(*([None, *levels] for levels in every)):
        if levels := tuple(level for level in chosen if level is not None):
            yield levels


def _under(grid: GridSpec, patches: Mapping[Level, Patch]) -> ConditionGrid:
    names = [f"{what}={name}" for what, name in patches]
    study = ".".join([grid.study, *(name.replace("=", "-") for name in names)])
    changes = merge({}, dict(zip(names, patches.values(), strict=True)), names)
    base = apply_patch(undot(grid.base, BASE), changes)
    name = ", ".join(names)
    raw = grid.model_dump(mode="json") | {
        "study": study,
        "question": f"{grid.question} ({name})" if grid.question else "",
        "notes": f"Study {grid.study} under the condition {name}. {grid.notes}".rstrip(),
        "base": base,
        "conditions": {},
        "cross_conditions": False,
        "noise_floor": False,
    }
    raw["resources"] = raw["resources"] | {"timing_rounds": 0}
    condition = Condition(name=name, study=study, changes=changes)
    return ConditionGrid(condition, parse_grid(raw, _where(tuple(patches))))


def _where(levels: tuple[Level, ...]) -> str:
    return " + ".join(f"conditions.{what}.{name}" for what, name in levels)


def _check_apart(patches: Mapping[Level, Patch]) -> None:
    """Of two that hold at once, neither may undo the other."""
    for (one, first), (other, second) in combinations(patches.items(), 2):
        if shared := sorted(set(_leaves(first)) & set(_leaves(second))):
            raise SpecError(
                f"{_where((one,))} and {_where((other,))} both set {shared[0]!r}, so they cannot be crossed; leave it "
                "to one of them, or take cross_conditions out"
            )


def _check_not_undone(grid: GridSpec, where: str, patch: Patch) -> None:
    """A factor is laid over the base, so what both set would be the factor's, and the condition's no more."""
    written = set(_leaves(patch))
    for switch, change in grid.patches().items():
        for claim in sorted(claims_of(change)):
            if any(path == claim or path.startswith(f"{claim}.") for path in written):
                raise SpecError(
                    f"{where}: sets {claim!r}, and so does {grid.where((switch,))}, which would undo it there; leave "
                    "it to one of them"
                )


def _leaves(patch: Patch, prefix: str = "") -> Iterator[str]:
    """What a patch writes, leaf by leaf, below a `kind` too; members of sets as `claims_of` names them."""
    for name, value in patch.items():
        if name in SETS and not prefix:
            yield from (f"{name}[{key_of(one)}]" for one in value if isinstance(one, Mapping))
        elif isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
