"""From a grid to the fewest training runs that answer it: arms, unique stages by content hash, and checks."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from ablations.designs import BARE, Cell, lay_out
from ablations.grid.conditions import condition_grids
from ablations.grid.merge import key_of
from ablations.grid.noise_floor import num_noise_runs, with_noise_floor
from ablations.grid.spec import GridSpec
from ablations.planning.arm_builder import ArmBuilder, BuiltArm, expand, gathered
from ablations.planning.grouping import group_factors
from ablations.planning.more_seeds import level
from ablations.planning.planned import Planned, unique_runs
from ablations.planning.possible import leave_out
from ablations.planning.scans import Scans
from ablations.planning.treatment import undeclared
from ablations.planning.weights import Starts
from pipeline.data.listing import Listing
from pipeline.data.sources import scan
from pipeline.recipes.experiment import card_of
from pipeline.spec.card import Card
from pipeline.spec.data import AnyData
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.field_cards import cards_of_patch
from pipeline.spec.overhead import overhead_lines
from pipeline.spec.study import DataSummary, StudyPlan
from pipeline.training.schedule import check_schedule


class _Builder:
    """Turns the cells of a design into arms, one by one."""

    def __init__(self, grid: GridSpec, scans: Scans, starts: Starts, resolve_precision: Callable[[str], str]) -> None:
        self._grid = grid
        self._arms = ArmBuilder(scans, starts, resolve_precision, grid.resources.workers_per_trial)
        self._built: dict[tuple[str, ...], BuiltArm | Impossible] = {}
        self.bare = grid.experiment(())
        self._bare_fields = self.bare.model_dump(mode="json")
        self._patches = grid.patches()

    def build(self, name: str, factors: tuple[str, ...]) -> BuiltArm:
        """The arm of this name.

        Raises:
            Impossible: its parts cannot be together.
            SpecError: one of its parts is wrong.
        """
        if factors not in self._built:
            try:
                self._built[factors] = self._build(name, factors)
            except Impossible as error:
                self._built[factors] = error
        found = self._built[factors]
        if isinstance(found, Impossible):
            raise found
        return replace(found, arm=found.arm.model_copy(update={"name": name}))

    def _build(self, name: str, factors: tuple[str, ...]) -> BuiltArm:
        experiment = self._grid.experiment(factors)
        patches = {factor: self._patches[factor] for factor in factors}
        differs = undeclared(experiment.model_dump(mode="json"), self._bare_fields, patches)
        return self._arms.build(name, factors, experiment, self.bare, self._grid.recipe(factors), differs)

    def num_stages(self, cells: Sequence[Cell]) -> int:
        """Distinct stages that those of these arms that can be train with one seed."""
        found: set[str] = set()
        for cell in cells:
            with suppress(Impossible):
                found.update(stage.stage_hash for stage in self.build(cell.name, cell.factors).arm.stages)
        return len(found)

    def can_be(self, factors: tuple[str, ...]) -> bool:
        """Whether bare with these factors is possible."""
        try:
            self.build("".join(f"+{factor}" for factor in factors), factors)
        except Impossible:
            return False
        return True

    def why_not(self, factors: tuple[str, ...]) -> str:
        """Why bare with these factors is impossible; empty where it is possible.

        Quick enough to ask about every pair, since no network is built for those that are possible one by one.
        Anything else that is wrong with them is said where an arm of the plan has them.
        """
        try:
            if len(factors) < 2 or any(self.why_not((factor,)) for factor in factors):
                self.build("".join(f"+{factor}" for factor in factors), factors)
                return ""
            for stage in expand(self._grid.experiment(factors), self.bare, " + ".join(factors)):
                check_schedule(stage.schedule, stage.optimizer, stage.budget.epochs)
        except Impossible as error:
            return str(error)
        except SpecError:
            if len(factors) < 2:
                raise
        return ""


def build_plan(
    grid: GridSpec,
    resolve_precision: Callable[[str], str],
    scan_data: Callable[[AnyData], Listing] = scan,
    weights: Path | None = None,
    seeds: tuple[int, ...] | None = None,
) -> Planned:
    """Expand, resolve and deduplicate; arms that cannot be are left out. Reads the data's listing, no pixels.

    Args:
        grid: validated.
        resolve_precision: turns "auto" into a number format of the hardware that will train.
        scan_data: lists a data set.
        weights: where weights from outside are kept; None: they are not fetched, so the plan can only be checked.
        seeds: the grid's and those that its rule for more seeds has added; None: the grid's.

    Raises:
        SpecError: a factor is wrong, no factor can be compared, or the plan is larger than `max_runs`.
        DataError: the data is not what the spec says.
    """
    scans = Scans(scan_data)
    builder = _Builder(grid, scans, Starts(weights), resolve_precision)
    try:
        builder.build(BARE, ())  # before its factors, so that what is wrong with it is not said of one of them
    except Impossible as error:
        raise SpecError(f"base: {error}") from error
    grouping = group_factors(grid.levels(), builder.why_not)
    luck = tuple(grid.noise_patches())
    designed = lay_out(
        grid.design,
        grouping.groups,
        tuple(grid.controls),
        grouping.outside,
        num_seeds=len(grid.seeds),
        max_runs=grid.max_runs,
        num_beside=num_noise_runs(luck, len(grid.seeds)),
        num_stages=builder.num_stages,
    )
    layout = with_noise_floor(designed, luck, grid.seeds[0])
    built: dict[str, BuiltArm] = {}
    reasons: dict[str, str] = {}
    for cell in layout.cells:
        try:
            built[cell.name] = builder.build(cell.name, cell.factors)
        except Impossible as error:
            reasons[cell.name] = str(error)
    possible = leave_out(layout, reasons, cache(builder.can_be))
    parts = [built[cell.name] for cell in possible.cells]
    arms = [built[cell.name].arm.model_copy(update={"seeds": cell.seeds}) for cell in possible.cells]
    specs, keys, data = gathered(parts)
    seeds = seeds or grid.seeds
    runs = tuple(unique_runs(arms, specs, keys, seeds))
    if len(runs) > grid.max_runs:
        raise SpecError(
            f"the plan has {len(runs)} training runs, more than max_runs={grid.max_runs}. Use fewer factors or seeds, "
            "a one-way design, or raise max_runs"
        )
    scanned = scans.of(builder.bare.data)
    plan = StudyPlan(
        study=grid.study,
        question=grid.question,
        notes=grid.notes,
        metric=grid.metric,
        seeds=seeds,
        first_seeds=grid.seeds,
        more_seeds=grid.more_seeds,
        alpha=level(grid.more_seeds),
        design=grid.design.kind,
        arms=tuple(arms),
        comparisons=possible.comparisons,
        skipped=possible.skipped,
        unassessed=possible.unassessed,
        exclusive=tuple(group.levels for group in grouping.groups if len(group.levels) > 1),
        aliases=layout.aliases,
        design_notes=(*layout.notes, *grouping.notes),
        conditions=tuple(one.condition for one in condition_grids(grid)),
        data=DataSummary(
            fingerprint=scanned.fingerprint,
            class_names=scanned.listing.class_names,
            num_samples=scanned.num_samples,
            notes=scanned.listing.notes,
        ),
        cards=factor_cards(grid),
        grid=json.loads(grid.model_dump_json()),
    )
    return Planned(plan, runs, data)


def factor_cards(grid: GridSpec) -> dict[str, Card]:
    """The cards of all that the factors change: the first of a factor under its name, others under `factor: name`."""
    cards: dict[str, Card] = {}
    for factor, patch in grid.patches().items():
        keys = [key_of(item) for item in (*patch.get("strategies", ()), *patch.get("recipes", ()))]
        brought = {key: card for key in keys if (card := card_of(key)) is not None}
        for name, card in (brought | cards_of_patch(patch)).items():
            measured = card.model_copy(update={"overhead": overhead_lines(name)})
            cards[factor if factor not in cards else f"{factor}: {name}"] = measured
    return cards
