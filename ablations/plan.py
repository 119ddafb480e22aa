"""From a grid to the fewest training runs that answer it: arms, unique stages by content hash, and checks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ablations.designs import lay_out
from ablations.faults import fault_lines, is_impossible
from ablations.grid import GridSpec
from ablations.merge import key_of
from ablations.planned import DataToPrepare, Planned, unique_runs
from ablations.possible import leave_out
from ablations.treatment import undeclared
from ablations.weights import Starts
from pipeline.data.listing import ROLES, Listing
from pipeline.data.plan import steps_per_epoch
from pipeline.data.prepare import prepared_key
from pipeline.data.sources import scan
from pipeline.experiment import StageSpec
from pipeline.models.build import check_model
from pipeline.recipes.experiment import ExperimentSpec, card_of
from pipeline.spec.base import content_hash
from pipeline.spec.card import Card
from pipeline.spec.data import AnyData
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.field_cards import cards_of_patch
from pipeline.spec.overhead import overhead_lines
from pipeline.spec.study import Arm, DataSummary, PlannedStage, StudyPlan
from pipeline.training.footprint import check_network
from pipeline.training.optimizer import check_optimizer
from pipeline.training.schedule import check_schedule


@dataclass(frozen=True, slots=True)
class Scanned:
    """A listing with what every arm asks of it; over many thousand samples each of these takes a while."""

    listing: Listing
    fingerprint: str
    num_samples: dict[str, int]  # role -> samples

    @classmethod
    def of(cls, listing: Listing) -> "Scanned":
        """Count and hash once."""
        return cls(listing, listing.fingerprint, {role: len(listing.rows(role)) for role in ROLES})


class _Scans:
    """Each data spec is listed once, and hashed once."""

    def __init__(self, scan_data: Callable[[AnyData], Listing]) -> None:
        self._scan = scan_data
        self._known: dict[str, Scanned] = {}
        self._keys: dict[AnyData, str] = {}

    def of(self, spec: AnyData) -> Scanned:
        where = {
            k: v
            for k, v in spec.model_dump(mode="json").items()
            if k not in ("augment", "image_size_px", "eval_image_size_px", "mean", "std")
        }
        key = content_hash(where)
        if key not in self._known:
            self._known[key] = Scanned.of(self._scan(spec))
        return self._known[key]

    def data_key(self, spec: AnyData) -> str:
        if spec not in self._keys:
            self._keys[spec] = data_key(spec, self.of(spec).listing)
        return self._keys[spec]


def data_key(spec: AnyData, listing: Listing) -> str:
    """Two specs with this key in common share a DataHandle."""
    return content_hash([prepared_key(spec, listing), spec.on_bad_image])[:16]


def check_batches(stage: StageSpec, num_train: int, where: str) -> None:
    """Refuse a batch larger than the split.

    Raises:
        SpecError: naming the arm and the field.
    """
    batch, left = stage.budget.batch_size, num_train
    for strategy in stage.strategies:
        if strategy.kind == "progressive_resizing":
            batch *= strategy.largest_batch_factor(stage.data.image_size_px)
        if strategy.kind == "data_fraction":
            left = round(left * strategy.frac)  # rounded per class when it trains, which checks again
    if steps_per_epoch(left, batch) < 1:
        grown = f", which progressive_resizing raises to {batch}," if batch > stage.budget.batch_size else ""
        kept = f", of which data_fraction keeps {left}" if left < num_train else ""
        raise SpecError(
            f"{where}: budget.batch_size={stage.budget.batch_size}{grown} is larger than the training split "
            f"({num_train} images{kept}); lower it"
        )


def check_stage(stage: StageSpec, data: Scanned, workers: int, where: str) -> None:
    """What only shows once spec and data meet.

    Raises:
        Impossible: two parts of the stage cannot be together.
        SpecError: naming the arm and the field.
    """
    check_model(stage.model, f"{where}: model")
    check_optimizer(stage.optimizer, f"{where}: optimizer")
    check_schedule(stage.schedule, stage.optimizer, stage.budget.epochs)
    num_train = data.num_samples["train"]
    try:
        stage.model.head_size(len(data.listing.class_names))
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from error
    for size_px in sorted({stage.data.image_size_px, stage.data.eval_size_px, *_sizes_on_the_way(stage)}):
        check_network(stage.model, stage.strategies, len(data.listing.class_names), size_px, f"{where}: model")
    check_batches(stage, num_train, where)
    if stage.budget.num_shards % workers:
        raise SpecError(
            f"{where}: resources.workers_per_trial={workers} cannot share budget.num_shards={stage.budget.num_shards}; "
            f"set budget.num_shards to {workers} or a multiple of it (it is the unit of batch statistics, so it is "
            "part of the experiment: keep it when you change the number of workers)"
        )
    for strategy in stage.strategies:
        if reason := strategy.team_fault(stage, workers):
            raise SpecError(f"{where}: strategies: {strategy.kind}: {reason}")


def _sizes_on_the_way(stage: StageSpec) -> tuple[int, ...]:
    """Other sizes that strategies ask for. A network that takes a stage's smallest and its last takes those between."""
    smallest = [s.from_px for s in stage.strategies if s.kind == "progressive_resizing"]
    views = [size for s in stage.strategies if s.kind == "tta" for size in s.sizes_px(stage.data.eval_size_px)]
    return (*smallest, *views)


def expand(arm: ExperimentSpec, bare: ExperimentSpec, name: str) -> tuple[StageSpec, ...]:
    """The stages of an arm.

    Raises:
        Impossible: a recipe brings what cannot be in this arm.
        SpecError: naming the arm, when its stages do not fit together.
    """
    try:
        return arm.expand(bare).stages
    except ValidationError as error:
        if is_impossible(error):
            raise Impossible("; ".join(fault_lines(error, ""))) from error
        raise SpecError("\n".join(fault_lines(error, f"arm {name}"))) from error


@dataclass(frozen=True, slots=True)
class _Built:
    """An arm that can be, and what is needed to carry it out."""

    arm: Arm
    specs: dict[str, StageSpec]  # by stage hash
    keys: dict[str, str]  # stage hash -> data key
    data: dict[str, DataToPrepare]  # by data key


class _Builder:
    """Turns the cells of a design into arms, one by one."""

    def __init__(self, grid: GridSpec, scans: _Scans, starts: Starts, resolve_precision: Callable[[str], str]) -> None:
        self._grid, self._scans, self._starts = grid, scans, starts
        self._resolve = cache(resolve_precision)  # it may ask a machine of the cluster
        self.bare = grid.experiment(())
        self._bare_fields = self.bare.model_dump(mode="json")
        self._patches = grid.patches()

    def build(self, name: str, factors: tuple[str, ...]) -> _Built:
        """The arm of this name.

        Raises:
            Impossible: its parts cannot be together.
            SpecError: one of its parts is wrong.
        """
        experiment = self._grid.experiment(factors)
        hashes: dict[str, str] = {}
        stages: list[PlannedStage] = []
        specs: dict[str, StageSpec] = {}
        data: dict[str, DataToPrepare] = {}
        keys: dict[str, str] = {}
        for written in expand(experiment, self.bare, name):
            stage = written.model_copy(update={"precision": self._resolve(written.precision)})
            scanned = self._scans.of(stage.data)
            where = f"arm {name}, stage {stage.name}"
            check_stage(stage, scanned, self._grid.resources.workers_per_trial, where)
            start = self._starts.of(stage, len(scanned.listing.class_names), f"{where}: init")
            stage = stage.model_copy(update={"init": start})
            needs = {need: hashes[need] for need in stage.needs()}
            stage_hash = stage.identity(scanned.fingerprint, needs)
            hashes[stage.name] = stage_hash
            specs[stage_hash] = stage
            keys[stage_hash] = self._scans.data_key(stage.data)
            data[keys[stage_hash]] = DataToPrepare(stage.data, scanned.listing)
            stages.append(
                PlannedStage(name=stage.name, stage_hash=stage_hash, needs=needs, spec=stage.model_dump(mode="json"))
            )
        patches = {factor: self._patches[factor] for factor in factors}
        arm = Arm(
            name=name,
            factors=factors,
            stages=tuple(stages),
            recipe=self._grid.recipe(factors),
            undeclared=undeclared(experiment.model_dump(mode="json"), self._bare_fields, patches),
        )
        return _Built(arm, specs, keys, data)

    def can_be(self, factors: tuple[str, ...]) -> bool:
        """Whether bare with these factors is possible."""
        try:
            self.build(" + ".join(factors), factors)
        except Impossible:
            return False
        return True


def build_plan(
    grid: GridSpec,
    resolve_precision: Callable[[str], str],
    scan_data: Callable[[AnyData], Listing] = scan,
    weights: Path | None = None,
) -> Planned:
    """Expand, resolve and deduplicate; arms that cannot be are left out. Reads the data's listing, no pixels.

    Args:
        grid: validated.
        resolve_precision: turns "auto" into a number format of the hardware that will train.
        scan_data: lists a data set.
        weights: where weights from outside are kept; None: they are not fetched, so the plan can only be checked.

    Raises:
        SpecError: a factor is wrong, no factor can be compared, or the plan is larger than `max_runs`.
        DataError: the data is not what the spec says.
    """
    scans = _Scans(scan_data)
    builder = _Builder(grid, scans, Starts(weights), resolve_precision)
    layout = lay_out(grid.design, tuple(grid.factors), tuple(grid.controls))
    built: dict[str, _Built] = {}
    reasons: dict[str, str] = {}
    for cell in layout.cells:
        try:
            built[cell.name] = builder.build(cell.name, cell.factors)
        except Impossible as error:
            reasons[cell.name] = str(error)
    possible = leave_out(layout, reasons, cache(builder.can_be))
    parts = [built[cell.name] for cell in possible.cells]
    arms = [part.arm for part in parts]
    specs: dict[str, StageSpec] = {}
    data: dict[str, DataToPrepare] = {}
    keys: dict[str, str] = {}
    for part in reversed(parts):  # of two that share a hash or a key, the first one's counts
        specs |= part.specs
        data |= part.data
        keys |= part.keys
    runs = tuple(unique_runs(arms, specs, keys, grid.seeds))
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
        seeds=grid.seeds,
        design=grid.design.kind,
        arms=tuple(arms),
        comparisons=possible.comparisons,
        skipped=possible.skipped,
        unassessed=possible.unassessed,
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
