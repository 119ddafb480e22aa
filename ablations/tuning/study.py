"""A search as a study: trials are arms with a seed of their own; fresh seeds judge the winner against bare."""

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablations.designs import BARE
from ablations.planning.arm_builder import ArmBuilder, BuiltArm
from ablations.planning.planned import DataToPrepare, Planned, PlannedRun
from ablations.planning.scans import Scans
from ablations.planning.weights import Starts
from ablations.tuning.history import Outcome, TrialSoFar
from ablations.tuning.spec import TuneSpec
from pipeline.data.listing import Listing
from pipeline.data.sources import scan
from pipeline.experiment import StageSpec
from pipeline.spec.data import AnyData
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.records import run_key
from pipeline.spec.study import Arm, Comparison, DataSummary, StudyPlan
from pipeline.spec.tuning import TUNED, Choice, Trial, TrialRun, Tuning

DESIGN = "tune"
MAX_DATA_SETS = 32  # prepared before the search starts
SELECTED = (
    "the score that chose the winner is the best of many and therefore too high; what the winner is worth is judged by "
    "its runs with fresh seeds, and bare was not searched for (unequal tuning)"
)


class TuningStudy:
    """The plan of a search, which grows with every trial; scores are in the records, and nowhere else."""

    def __init__(
        self,
        spec: TuneSpec,
        resolve_precision: Callable[[str], str],
        weights: Path | None = None,
        scan_data: Callable[[AnyData], Listing] = scan,
    ) -> None:
        """Check the base and list the data.

        Args:
            spec: validated.
            resolve_precision: turns "auto" into a number format of the hardware that will train.
            weights: where weights from outside are kept; None: they are not fetched, so the search can only be checked.
            scan_data: lists a data set.

        Raises:
            SpecError: the base, or what the space does to the data, is wrong.
            DataError: the data is not what the spec says.
        """
        self.spec = spec
        self._scans = Scans(scan_data)
        self._builder = ArmBuilder(self._scans, Starts(weights), resolve_precision, spec.resources.workers_per_trial)
        self._base = spec.experiment({})
        try:
            built = self._build(BARE, (), {})
        except Impossible as error:
            raise SpecError(f"base: {error}") from error
        self.bare = built.arm
        self.data = self._data_of_space() or built.data
        self.tuned: Arm | None = None
        self._arms: dict[str, Arm] = {}  # of the trials
        self.tuning = Tuning(
            space=spec.space,
            search=spec.search,
            scheduler=spec.scheduler,
            epochs=self._base.budget.epochs,
            seconds=spec.objectives.seconds,
            trial_seed=spec.trial_seed,
            budget_text=str(spec.budget),
        )

    def _build(
        self, name: str, factors: tuple[str, ...], values: Mapping[str, Any], epochs: int | None = None
    ) -> BuiltArm:
        experiment = self.spec.experiment(dict(values), epochs)
        return self._builder.build(name, factors, experiment, self._base, self.spec.recipe(dict(values), epochs))

    def _data_of_space(self) -> dict[str, DataToPrepare]:
        """Every data set that a trial may ask for: lanes get their images when they start."""
        ends = {
            path: found.values if isinstance(found, Choice) else (found.low, found.high)
            for path, found in self.spec.space.items()
            if path.partition(".")[0] == "data"
        }
        if not ends:
            return {}
        found: dict[str, DataToPrepare] = {}
        for values in itertools.product(*ends.values()):
            try:
                built = self._build("trial", (TUNED,), dict(zip(ends, values, strict=True)))
            except Impossible:
                continue
            found.update(built.data)
            if len(found) > MAX_DATA_SETS:
                raise SpecError(
                    f"space: {', '.join(ends)} ask for more than {MAX_DATA_SETS} ways to prepare the images; list fewer"
                )
        for path in ends:
            if (
                len(found) > 1
                and not isinstance(self.spec.space[path], Choice)
                and self._changes_data(path, ends[path])
            ):
                raise SpecError(
                    f"space.{path}: each value needs the images prepared anew; list the values, as in "
                    "{kind: choice, values: [...]}"
                )
        return found

    def _changes_data(self, path: str, ends: tuple[Any, ...]) -> bool:
        keys = [set(self._build("trial", (TUNED,), {path: value}).data) for value in ends]
        return keys[0] != keys[-1]

    def take_up(self, known: StudyPlan) -> None:
        """Go on where an earlier invocation stopped.

        Raises:
            SpecError: that was another search, or no search at all.
        """
        if known.tuning is None:
            raise SpecError(f"study: {known.study!r} is a grid's study in this home; give the search another name")
        changed = [
            name
            for name in ("space", "search", "scheduler", "epochs", "seconds", "trial_seed")
            if getattr(known.tuning, name) != getattr(self.tuning, name)
        ]
        if known.arm(BARE).final.stage_hash != self.bare.final.stage_hash:
            changed.append("base, or the images")
        if known.metric.name != self.spec.objectives.metric.name:
            changed.append("objectives.metric")
        if changed and known.tuning.trials:
            raise SpecError(
                f"study: {known.study!r} has {len(known.tuning.trials)} trials of another search in this home "
                f"({', '.join(changed)} changed); give this one another name, or undo the change. Only budget, "
                "confirm_seeds, resources and texts may change"
            )
        self.tuning = self.tuning.model_copy(update={"trials": known.tuning.trials})
        names = {run.arm for trial in known.tuning.trials for run in trial.runs}
        self._arms = {arm.name: arm for arm in known.arms if arm.name in names}

    def start(self, values: Mapping[str, Any], epochs: int) -> Arm | None:
        """A new trial with its first run; None where no recipe can have these values together."""
        number = len(self.tuning.trials)
        name = self._name(number, epochs)
        try:
            arm = self._add(name, number, values, epochs)
        except SpecError as error:  # also Impossible: values that are fine one by one
            self._keep(Trial(number=number, values=dict(values), impossible=str(error)))
            return None
        self._keep(Trial(number=number, values=dict(values), runs=(TrialRun(epochs=epochs, arm=name),)))
        return arm

    def promote(self, number: int, epochs: int) -> Arm:
        """A longer run of a trial."""
        trial = self.tuning.trials[number]
        name = self._name(number, epochs)
        arm = self._add(name, number, trial.values, epochs)
        self._keep(trial.model_copy(update={"runs": (*trial.runs, TrialRun(epochs=epochs, arm=name))}))
        return arm

    def settle(self, number: int) -> tuple[Arm, Arm]:
        """Bare, and the winner as an arm, both to be run with fresh seeds."""
        self.tuned = self._build(TUNED, (TUNED,), self.tuning.trials[number].values).arm
        return self.bare, self.tuned

    def _name(self, number: int, epochs: int) -> str:
        return f"trial-{number}" if epochs == self.tuning.epochs else f"trial-{number}@{epochs}"

    def _add(self, name: str, number: int, values: Mapping[str, Any], epochs: int) -> Arm:
        built = self._build(name, (f"trial-{number}",), values, None if epochs == self.tuning.epochs else epochs)
        if not built.data.keys() <= self.data.keys():
            raise SpecError("these values need the images prepared in a way that was not foreseen; search data.* alone")
        self._arms[name] = built.arm.model_copy(update={"seeds": (self.spec.trial_seed,)})
        return self._arms[name]

    def _keep(self, trial: Trial) -> None:
        trials = [*self.tuning.trials[: trial.number], trial, *self.tuning.trials[trial.number + 1 :]]
        self.tuning = self.tuning.model_copy(update={"trials": tuple(trials)})

    def runs_of(self, arm: Arm) -> list[PlannedRun]:
        """An arm's runs, ancestors first."""
        specs = {stage.stage_hash: StageSpec.model_validate(stage.spec) for stage in arm.stages}
        return [
            PlannedRun(
                stage, specs[stage.stage_hash], seed, self._scans.data_key(specs[stage.stage_hash].data), (arm.name,)
            )
            for seed in (self.spec.confirm_seeds if arm.seeds is None else arm.seeds)
            for stage in arm.stages
        ]

    def trial_arms(self) -> list[Arm]:
        """Of every run that a trial was given, in the order of the trials."""
        return [self._arms[run.arm] for trial in self.tuning.trials for run in trial.runs]

    def key_of(self, arm: str) -> str:
        """The key of a trial's run."""
        return run_key(self._arms[arm].final.stage_hash, self.spec.trial_seed)

    def history(self, ended: Mapping[str, Outcome]) -> list[TrialSoFar]:
        """What the search knows.

        Args:
            ended: key of a run -> how it ended; the others are under way.
        """
        return [
            TrialSoFar(
                trial.number,
                trial.values,
                tuple(ended.get(self.key_of(run.arm), Outcome(run.epochs, "running")) for run in trial.runs),
                self.tuning.epochs,
            )
            for trial in self.tuning.trials
        ]

    def plan(self) -> StudyPlan:
        """As it stands."""
        scanned = self._scans.of(self._base.data)
        judged = () if self.tuned is None else (self.tuned,)
        return StudyPlan(
            study=self.spec.study,
            question=self.spec.question,
            notes=self.spec.notes,
            metric=self.spec.objectives.metric,
            seeds=self.spec.confirm_seeds,
            design=DESIGN,
            arms=(self.bare, *self.trial_arms(), *judged),
            comparisons=tuple(
                Comparison(factor=TUNED, context="added to bare", treatment=arm.name, reference=BARE, note=SELECTED)
                for arm in judged
            ),
            tuning=self.tuning,
            design_notes=(SELECTED,),
            data=DataSummary(
                fingerprint=scanned.fingerprint,
                class_names=scanned.listing.class_names,
                num_samples=scanned.num_samples,
                notes=scanned.listing.notes,
            ),
            grid=json.loads(self.spec.model_dump_json()),
        )

    def to_prepare(self) -> Planned:
        """What lanes need before the first trial: the images, and runs that show whether batches fit."""
        return Planned(self.plan(), tuple(self.runs_of(self.bare)), self.data)
