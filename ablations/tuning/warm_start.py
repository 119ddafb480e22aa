"""What earlier searches, of the home or in MLflow, found in this space: for an estimator to begin with."""

from collections.abc import Mapping

from ablations.records import store
from ablations.records.home import Home
from ablations.tuning.history import Outcome, TrialSoFar
from ablations.tuning.ranges import holds
from ablations.tuning.spec import MlflowSearch, TuneSpec
from pipeline.spec.errors import SpecError
from pipeline.spec.records import HIGHER_IS_BETTER, RunRecord, Status, run_key
from pipeline.spec.study import StudyPlan
from reports.records.load_mlflow import load_study_from_mlflow


def earlier_trials(
    spec: TuneSpec, home: Home, records: Mapping[str, RunRecord], data_fingerprint: str, epochs: int
) -> list[TrialSoFar]:
    """Trials of the searches that `warm_start` names whose values lie in this space, with their runs in full.

    Their base may differ from this one's: they are hints for the estimator, never candidates to win.

    Args:
        spec: the search.
        home: where those are that are given by name alone.
        records: run key -> its record, of that home.
        data_fingerprint: of the data that this search trains on.
        epochs: of a run in full.

    Raises:
        SpecError: one of them is no search, or was about other images or another length of training.
        RecordError: one of them is not in the home, or MLflow does not give it.
    """
    found: list[TrialSoFar] = []
    for source in spec.warm_start:
        if isinstance(source, MlflowSearch):
            name, there = source.study, load_study_from_mlflow(source.mlflow, source.study)
            plan, known = there.plan, {run_key(*run): record for run, record in there.records.items()}
        else:
            name, plan, known = source, store.read_plan(home, source), records
        tuning = plan.tuning
        if tuning is None:
            raise SpecError(f"warm_start: study {name!r} is a grid's, which has no trials; name a search")
        if plan.data.fingerprint != data_fingerprint:
            raise SpecError(f"warm_start: search {name!r} was about other images, so its scores say nothing here")
        if tuning.epochs != epochs:
            raise SpecError(
                f"warm_start: search {name!r} trained for {tuning.epochs} epochs, this one trains for {epochs}; their "
                "scores cannot be told together"
            )
        found += _of_plan(spec, plan, known, epochs)
    return found


def _of_plan(spec: TuneSpec, plan: StudyPlan, records: Mapping[str, RunRecord], epochs: int) -> list[TrialSoFar]:
    assert plan.tuning is not None, "the caller has looked"
    name = spec.objectives.metric.name
    turn = 1.0 if HIGHER_IS_BETTER[name] else -1.0
    hashes = {arm.name: arm.final.stage_hash for arm in plan.arms}
    found: list[TrialSoFar] = []
    for trial in plan.tuning.trials:
        inside = all(path in trial.values and holds(one, trial.values[path]) for path, one in spec.space.items())
        full = next((run for run in trial.runs if run.epochs == epochs), None)
        record = None if full is None else records.get(run_key(hashes[full.arm], plan.tuning.trial_seed))
        score = None if record is None else record.metrics.get(f"val/{name}")
        if not inside or record is None or record.status is not Status.FINISHED or score is None:
            continue
        seconds = record.cost.busy_s if record.cost else None
        values = {path: trial.values[path] for path in spec.space}
        found.append(TrialSoFar(trial.number, values, (Outcome(epochs, "finished", turn * score, seconds),), epochs))
    return found
