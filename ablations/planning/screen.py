"""A screen by successive halving: from a grid with many factors to one with the few that are worth judging."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ablations.designs import Halving
from ablations.designs.halving import Rung
from ablations.grid.factors import LEVELS, factor_of, switches_of
from ablations.grid.spec import GridSpec, parse_grid
from ablations.planning.planned import Planned
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.study import ScreenRound
from reports.records.load import StudyData
from reports.scale import scale_of_metric

RunRung = Callable[[GridSpec], StudyData]
"""Plans and trains the grid of a rung, and reads back what it found."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What is left to judge, and how it was chosen."""

    grid: GridSpec
    rounds: tuple[ScreenRound, ...] = ()

    def written_into(self, planned: Planned) -> Planned:
        """The plan of what is left, which also says what chose it."""
        if not self.rounds:
            return planned
        names = [name for name in self.rounds[0].gains if name not in self.rounds[-1].kept]
        note = (
            f"screened: {len(self.rounds[0].gains)} factors by short runs with one seed; not judged: "
            f"{', '.join(names)}. Those scores chose the factors and judge nothing; everything below rests on "
            "fresh seeds"
        )
        notes = (*planned.plan.design_notes, note)
        return replace(planned, plan=planned.plan.model_copy(update={"screen": self.rounds, "design_notes": notes}))


def check_screen(grid: GridSpec) -> Halving | None:
    """The screen that a grid asks for, if it does.

    Raises:
        SpecError: the screen would see a seed that is to judge, or would keep every factor.
    """
    design = grid.design
    if not isinstance(design, Halving):
        return None
    if design.seed in grid.seeds:
        raise SpecError(
            f"design.seed={design.seed} is among seeds {list(grid.seeds)}: survivors must be judged by runs that did "
            "not choose them; take another seed for the screen"
        )
    num_switches = sum(len(levels) for levels in grid.levels().values())
    if num_switches <= design.survivors:
        raise SpecError(
            f"design: {num_switches} factors and design.survivors={design.survivors}: nothing is left to screen; use "
            f"design: {{kind: {design.then}}}, or fewer survivors"
        )
    return design


def rungs_of(grid: GridSpec, design: Halving) -> tuple[Rung, ...]:
    """What the screen of this grid will try."""
    num_switches = sum(len(levels) for levels in grid.levels().values())
    return design.rungs(num_switches, grid.experiment(()).budget.epochs)


def rung_grid(grid: GridSpec, design: Halving, number: int, rung: Rung, left: tuple[str, ...]) -> GridSpec:
    """The study of one rung: the factors that are left, each alone, trained briefly with the screen's own seed."""
    raw = _with_factors(grid, left)
    raw |= {
        "study": f"{grid.study}-screen-{number}",
        "question": f"Screen {number} of {grid.study}: which factors are worth longer runs?",
        "design": {"kind": "add_one_in"},
        "seeds": [design.seed],
        "controls": {},
        "noise_floor": False,
        "resources": raw["resources"] | {"timing_rounds": 0},
    }
    raw["base"] = raw["base"] | {"budget": raw["base"].get("budget", {}) | {"epochs": rung.epochs}}
    return parse_grid(raw, f"{grid.study}, screen {number}")


def screen(grid: GridSpec, run_rung: RunRung) -> Screened:
    """Run the rungs of a grid, and narrow it to the survivors. A grid that asks for no screen comes back as it is.

    Raises:
        SpecError: see `check_screen`.
        RecordError: a rung ended without a single score to choose by.
    """
    design = check_screen(grid)
    if design is None:
        return Screened(grid)
    left = tuple(switch for levels in grid.levels().values() for switch in levels)
    rounds: list[ScreenRound] = []
    for number, rung in enumerate(rungs_of(grid, design), start=1):
        study = run_rung(rung_grid(grid, design, number, rung, left))
        gains = gains_of(study, left)
        ranked = sorted(left, key=lambda switch: -_or_last(gains[switch]))
        left = tuple(switch for switch in left if switch in ranked[: rung.num_kept])
        rounds.append(ScreenRound(study=study.plan.study, epochs=rung.epochs, seed=design.seed, gains=gains, kept=left))
    narrowed = _with_factors(grid, left) | {"design": {"kind": design.then}}
    return Screened(parse_grid(narrowed, grid.study), tuple(rounds))


def first_rung(grid: GridSpec) -> GridSpec:
    """What can be planned before anything has run: the first rung of a screen, else the grid itself."""
    design = check_screen(grid)
    if design is None:
        return grid
    left = tuple(switch for levels in grid.levels().values() for switch in levels)
    return rung_grid(grid, design, 1, rungs_of(grid, design)[0], left)


def screen_lines(grid: GridSpec) -> list[str]:
    """What the screen will do; nothing for a grid without one."""
    design = check_screen(grid)
    if design is None:
        return []
    lines = [
        f"{'screen' if number == 1 else '':<10}{rung.num_factors} factors alone for {rung.epochs} of "
        f"{grid.experiment(()).budget.epochs} epochs, seed {design.seed}: {rung.num_kept} go on "
        f"(study {grid.study}-screen-{number})"
        for number, rung in enumerate(rungs_of(grid, design), start=1)
    ]
    full = grid.experiment(()).budget.epochs
    whole = [number for number, rung in enumerate(rungs_of(grid, design), start=1) if rung.epochs == full]
    if whole:
        rounds = f"round{'' if len(whole) == 1 else 's'} {', '.join(map(str, whole))}"
        lines.append(
            f"{'':<10}{rounds} of the screen saves no time: all {full} epochs of the study; lower "
            f"design.first_epochs, which is {design.first_epochs}"
        )
    seeds = ", ".join(map(str, grid.seeds))
    then = f"then the survivors, {design.then}, with fresh seeds {seeds}; scores of the screen judge nothing"
    return [*lines, f"{'':<10}{then}"]


def gains_of(study: StudyData, switches: tuple[str, ...]) -> dict[str, float | None]:
    """Switch -> how much better its arm did than its reference, in display units; None where a run is missing.

    Raises:
        RecordError: there is none at all.
    """
    scale = scale_of_metric(study.plan.metric)
    gains: dict[str, float | None] = dict.fromkeys(switches)
    (seed,) = study.plan.seeds
    for comparison in study.plan.comparisons:
        if comparison.weights or comparison.factor not in gains:
            continue
        arms = (study.plan.arm(comparison.treatment), study.plan.arm(comparison.reference))
        records = [study.finished((arm.final.stage_hash, seed)) for arm in arms]
        scores = [scale.shown(record.metrics[f"val/{scale.name}"]) for record in records if record is not None]
        if len(scores) == len(arms):
            gains[comparison.factor] = scale.gain(scores[0] - scores[1])
    if all(gain is None for gain in gains.values()):
        raise RecordError(f"study {study.plan.study!r}: no factor has a score to choose by; see its report for why")
    return gains


def _or_last(gain: float | None) -> float:
    return float("-inf") if gain is None else gain


def _with_factors(grid: GridSpec, left: tuple[str, ...]) -> dict[str, Any]:
    """The grid as it would be written with these switches only."""
    raw = grid.model_dump(mode="json")
    raw["base"] = grid.recipe(())  # dotted paths resolved, so that a field can be set below
    factors: dict[str, Mapping[str, Any]] = {}
    for name, patch in grid.factors.items():
        kept = [switch for switch in switches_of(name, patch) if switch in left]
        if not kept:
            continue
        levels = {switch.partition("=")[2]: switches_of(name, patch)[switch][1] for switch in kept}
        factors[factor_of(kept[0])] = {LEVELS: levels} if LEVELS in patch else patch
    return raw | {"factors": factors}
