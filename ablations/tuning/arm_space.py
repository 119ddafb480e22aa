"""What is searched in one arm of a retuned grid: the ranges, the fields that its factors hold, and the candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ablations.grid.faults import fault_lines
from ablations.grid.merge import SETS, Patch, experiment, key_of
from ablations.grid.retune import Retune
from ablations.planning.treatment import named_fields
from ablations.tuning.history import TrialSoFar
from ablations.tuning.paths import with_values
from ablations.tuning.propose import propose
from ablations.tuning.ranges import holds
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.base import content_hash
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Arm
from pipeline.spec.tuning import AnyRange, Choice, Integer, LogUniform, RandomSearch

FACTOR = 10.0  # each way around what an arm has, where the grid gives no range
LUCK = ("placebo", "rerun")  # strategies that change nothing but random streams
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class ArmSpace:
    """The fields of one arm."""

    written: dict[str, Any]  # searched field -> its value in the recipe as written
    ranges: dict[str, AnyRange]  # searched field -> what is tried there
    held: dict[str, str]  # field -> why it is not searched in this arm
    likeness: str  # equal in arms that differ by luck alone


def space_of(arm: Arm, patches: Mapping[str, Patch], retune: Retune) -> ArmSpace:
    """What to search in an arm.

    Args:
        arm: as planned, with the recipe as written.
        patches: switch -> what it changes, dotted paths resolved.
        retune: as the grid has it.

    Raises:
        SpecError: bare has no such field, a field without a range is no number above 0, or an end of a range cannot be.
    """
    dumped = experiment(arm.recipe).model_dump(mode="json")
    written: dict[str, Any] = {}
    ranges: dict[str, AnyRange] = {}
    held: dict[str, str] = {}
    for path, asked in retune.fields.items():
        where = f"retune.fields.{path}"
        owner = next((switch for switch in arm.factors if _writes(patches[switch], path)), None)
        value = _value_at(dumped, path)
        if owner is not None:
            held[path] = f"{owner} sets it"
        elif value is _ABSENT and not arm.factors:
            raise SpecError(f"{where}: bare has no such field; name one that it has, such as optimizer.lr")
        elif value is _ABSENT:
            held[path] = "its recipe has no such field"
        else:
            written[path] = value
            ranges[path] = asked or _around(value, f"{where}: in arm {arm.name}")
            _check_ends(arm, path, ranges[path], f"{where}: in arm {arm.name}")
    strategies = [entry for entry in dumped["strategies"] if entry["kind"] not in LUCK]
    space = {path: found.model_dump(mode="json") for path, found in ranges.items()}
    return ArmSpace(written, ranges, held, content_hash([{**dumped, "strategies": strategies}, space]))


def candidates(space: ArmSpace, trials: int, seed: int) -> list[dict[str, Any]]:
    """The settings to try: those of the recipe as written where the ranges hold them, then draws. No state.

    A search that learned from its first trials would have to wait for them, and estimators draw their first ten or so
    at random anyway; drawn beforehand, every arm with the same ranges tries the same settings, and the plan knows all
    of its runs. A small discrete space may be used up earlier.
    """
    if not space.ranges:
        return []
    found = [space.written] if all(holds(one, space.written[path]) for path, one in space.ranges.items()) else []
    while len(found) < trials:
        so_far: Sequence[TrialSoFar] = [TrialSoFar(number, values, (), 1) for number, values in enumerate(found)]
        values = propose(space.ranges, RandomSearch(seed=seed), so_far)
        if values is None:
            break
        found.append(values)
    return found


def _writes(patch: Patch, path: str) -> bool:
    """Whether a factor names a field, the whole of it or a part. A `kind` alone names no other field of its part."""
    return any(
        leaf == path or leaf.startswith(f"{path}.") or path.startswith(f"{leaf}.") for leaf in named_fields(patch)
    )


def _value_at(dumped: Mapping[str, Any], path: str) -> Any:
    place: Any = dumped
    for part in path.split("."):
        if isinstance(place, list):
            place = next((entry for entry in place if isinstance(entry, Mapping) and key_of(entry) == part), _ABSENT)
        else:
            place = place.get(part, _ABSENT) if isinstance(place, Mapping) else _ABSENT
    return _ABSENT if path in SETS else place


def _around(value: Any, where: str) -> AnyRange:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise SpecError(
            f"{where} it is {value!r}, and only a number above 0 has a range by default; give one, as in "
            "{kind: log_uniform, low: 1.0e-5, high: 1.0e-3} or {kind: choice, values: [...]}"
        )
    if isinstance(value, int):
        return Integer(low=max(1, round(value / FACTOR)), high=round(value * FACTOR), log=True)
    return LogUniform(low=float(f"{value / FACTOR:.4g}"), high=float(f"{value * FACTOR:.4g}"))


def _check_ends(arm: Arm, path: str, found: AnyRange, where: str) -> None:
    for value in found.values if isinstance(found, Choice) else (found.low, found.high):
        try:
            experiment(with_values(arm.recipe, {path: value}))
        except ValidationError as error:
            fault = fault_lines(error, "", ExperimentSpec)[0].removeprefix(f"{path}: ")
            raise SpecError(f"{where}, {value!r} cannot be: {fault}; give the field a range that fits") from error
