"""From one experiment to an arm: its stages with their data, their starting weights and their identities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError

from ablations.grid.faults import fault_lines, is_impossible
from ablations.planning.planned import DataToPrepare
from ablations.planning.scans import Scans
from ablations.planning.stage_checks import check_stage
from ablations.planning.weights import Starts
from pipeline.experiment import StageSpec
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.study import Arm, PlannedStage, Undeclared


@dataclass(frozen=True, slots=True)
class BuiltArm:
    """An arm that can be, and what is needed to carry it out."""

    arm: Arm
    specs: dict[str, StageSpec]  # by stage hash
    keys: dict[str, str]  # stage hash -> data key
    data: dict[str, DataToPrepare]  # by data key


def gathered(
    arms: Sequence[BuiltArm],
) -> tuple[dict[str, StageSpec], dict[str, str], dict[str, DataToPrepare]]:
    """Specs, data keys and data of all these arms; of two that share a hash or a key, the first one's count."""
    specs: dict[str, StageSpec] = {}
    keys: dict[str, str] = {}
    data: dict[str, DataToPrepare] = {}
    for arm in reversed(arms):
        specs |= arm.specs
        keys |= arm.keys
        data |= arm.data
    return specs, keys, data


class ArmBuilder:
    """Builds the arms of one study, each by itself."""

    def __init__(
        self, scans: Scans, starts: Starts, resolve_precision: Callable[[str], str], workers_per_trial: int
    ) -> None:
        """Start.

        Args:
            scans: of the data.
            starts: of the weights.
            resolve_precision: turns "auto" into a number format; it may ask a machine of the cluster.
            workers_per_trial: that share a batch.
        """
        self._scans, self._starts = scans, starts
        self._resolve = cache(resolve_precision)
        self._workers = workers_per_trial

    def build(
        self,
        name: str,
        factors: tuple[str, ...],
        experiment: ExperimentSpec,
        bare: ExperimentSpec,
        recipe: Mapping[str, Any],
        undeclared: tuple[Undeclared, ...] = (),
    ) -> BuiltArm:
        """The arm of this name.

        Args:
            name: of the arm.
            factors: that are on in it.
            experiment: what it trains.
            bare: the experiment without any factor, which recipes look at.
            recipe: the experiment as a person would write it.
            undeclared: differences from bare that no factor names.

        Raises:
            Impossible: its parts cannot be together.
            SpecError: one of its parts is wrong.
        """
        hashes: dict[str, str] = {}
        stages: list[PlannedStage] = []
        specs: dict[str, StageSpec] = {}
        data: dict[str, DataToPrepare] = {}
        keys: dict[str, str] = {}
        for written in expand(experiment, bare, name):
            stage = written.model_copy(update={"precision": self._resolve(written.precision)})
            scanned = self._scans.of(stage.data)
            where = f"arm {name}, stage {stage.name}"
            check_stage(stage, scanned, self._workers, where)
            stage = self._starts.resolved(stage, len(scanned.listing.class_names), where)
            needs = {need: hashes[need] for need in stage.needs()}
            stage_hash = stage.identity(scanned.fingerprint, needs)
            hashes[stage.name] = stage_hash
            specs[stage_hash] = stage
            keys[stage_hash] = self._scans.data_key(stage.data)
            data[keys[stage_hash]] = DataToPrepare(stage.data, scanned.listing)
            stages.append(
                PlannedStage(name=stage.name, stage_hash=stage_hash, needs=needs, spec=stage.model_dump(mode="json"))
            )
        arm = Arm(name=name, factors=factors, stages=tuple(stages), recipe=dict(recipe), undeclared=undeclared)
        return BuiltArm(arm, specs, keys, data)


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
