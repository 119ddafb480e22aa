"""The one writer of a home. Records first, on disk before `write` returns; MLflow afterwards, from a thread."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations.records import mlflow_projection, store
from ablations.records.home import Home
from ablations.records.mlflow_places import keep_places
from ablations.records.projector import Projector
from ablations.records.study_lock import write_alone
from ablations.records.study_runs import study_runs
from pipeline.result import StageResult
from pipeline.spec.errors import RecordError
from pipeline.spec.records import RunRecord, Status, TimingRecord
from pipeline.spec.study import StudyPlan

if TYPE_CHECKING:  # imports for a second
    from mlflow.tracking import MlflowClient

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a recorder kept, and how much of it MLflow shows."""

    written: int  # run records, all on disk
    projected: int  # of the runs, the study's own entry and the addresses of both: shown by MLflow
    unprojected: int  # not shown, or not in their latest state; `ablate sync` does it again
    reason: str  # why the last of them was not shown; empty when all are


class Recorder:
    """Writes plan, records, run folders and timings of one study at a time."""

    def __init__(self, home: Home, plan: StudyPlan | None = None) -> None:
        self._home = home
        self._plan: StudyPlan | None = None
        self._written = 0
        self._kept = store.read_records(home)
        self._projector = Projector(home, mlflow_projection.connect)
        if plan is not None:
            self._go_on(plan)

    def start(self, plan_json: str) -> None:
        """Keep the plan, and show the study in MLflow."""
        plan = StudyPlan.model_validate_json(plan_json)
        store.write_plan(self._home, plan)
        self._go_on(plan)

    def grow(self, plan_json: str, reused: Sequence[str] = ()) -> None:
        """Keep a plan that has got more arms, before any of their runs starts.

        Args:
            plan_json: the whole plan.
            reused: keys of runs of the new arms that are kept already, to be shown with this study too.
        """
        self._plan = StudyPlan.model_validate_json(plan_json)
        store.write_plan(self._home, self._plan)
        if reused:
            for record in store.read_records(self._home).values():
                if record.key in reused:
                    self._show(record)

    def write(self, result: StageResult) -> None:
        """Keep a run for good: its folder, then its record. It is on disk when this returns.

        Raises:
            ResourceError: when the disk refuses; then no record was kept.
        """
        record = result.record
        run = (record.stage_hash, record.seed)
        known = self._kept.get(run)
        if known == record:
            return  # Ray repeats a call whose answer was lost when this process was killed
        if known is not None and known.status is Status.FINISHED and record.status is Status.FAILED:
            # The finished run stays the one that counts, so its folder must stay too.
            _log.warning("run %s failed after it had finished; its first result stays", record.key)
            store.append_record(self._home, record)
            self._written += 1
            return
        store.write_run(self._home, result)
        store.append_record(self._home, record)
        self._written += 1
        self._kept[run] = record
        self._show(record)

    def finished(self, stage_hash: str, seed: int) -> RunRecord | None:
        """The record of this run, if it has finished."""
        known = self._kept.get((stage_hash, seed))
        return known if known is not None and known.status is Status.FINISHED else None

    def write_timing(self, record: TimingRecord) -> None:
        """Keep a timing for good. MLflow gets it with `finish`."""
        store.append_timing(self._home, record)

    def locate(self) -> None:
        """Find out where MLflow shows the runs that were written before: for the report's links."""
        self._projector.submit("the addresses", self._keep_places)

    def finish(self, report_path: str | None) -> None:
        """Show the study as it is now, with its report when there is one."""
        report = None if report_path is None else Path(report_path)
        self._projector.submit("the study", partial(self._project_study, report=report))

    def flush(self, timeout_s: float = 120.0) -> Flushed:
        """Wait until MLflow shows everything, or cannot, or the time is up."""
        projection = self._projector.flush(timeout_s)
        return Flushed(self._written, projection.projected, projection.waiting, projection.reason)

    def _go_on(self, plan: StudyPlan) -> None:
        """Show the study with the runs that are kept already: from another study, or from an earlier go at this one."""
        self._plan = plan
        self.finish(None)
        kept = store.read_records(self._home)
        for run in study_runs(plan):
            if (run.stage_hash, run.seed) in kept:
                self._show(kept[run.stage_hash, run.seed])

    def _show(self, record: RunRecord) -> None:
        self._projector.submit(f"run {record.key}", partial(self._project_run, record=record))

    # Run in the projector's thread, where raising means "not shown, for this reason".
    def _project_study(self, client: "MlflowClient", report: Path | None) -> None:
        mlflow_projection.project_study(client, self._home, self._known_plan(), report)

    def _project_run(self, client: "MlflowClient", record: RunRecord) -> None:
        mlflow_projection.project_run(client, self._home, self._known_plan(), record.key, record)

    def _keep_places(self, client: "MlflowClient") -> None:
        keep_places(client, self._home, self._known_plan())

    def _known_plan(self) -> StudyPlan:
        if self._plan is None:
            raise RecordError("the recorder was not started with a plan, or restarted without a study")
        return self._plan


class _RecorderProcess(Recorder):
    """A Recorder in a process of its own, which sees the environment of its node rather than the driver's."""

    def __init__(self, root: str, study: str | None, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        home = Home(Path(root))
        self._lock = write_alone(home, study) if study else None  # ends with this process
        # After a crash Ray makes this object anew, without calling `start` again: the plan it wrote is on disk.
        super().__init__(home, store.read_plan(home, study) if study in store.list_studies(home) else None)


def recorder_actor(home_root: str | Path, study: str | None = None) -> Any:
    """Start the recorder as a Ray actor on the node of the caller, where the home is.

    It takes no CPU, so that it never waits for one. Where MLflow is and how to log in there goes along as an argument,
    not as a runtime environment, which dashboards show.

    Args:
        home_root: absolute path of the home.
        study: the study to be recorded, so that an actor that crashed can go on showing it in MLflow.

    Returns:
        The actor's handle; `ray.get` the answers of `write` and `write_timing` before relying on them.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    mlflow_variables = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    # Writing twice is harmless (the latest record counts), so a call may be repeated after a crash of the process.
    actor = ray.remote(num_cpus=0, max_restarts=3, max_task_retries=3)(_RecorderProcess)
    return actor.options(scheduling_strategy=here).remote(str(home_root), study, mlflow_variables)


@contextmanager
def recording(home_root: str | Path, study: str) -> Iterator[Any]:
    """The recorder of one invocation: it ends with it, so that the next one need not wait for its lock."""
    import ray

    actor = recorder_actor(home_root, study)
    try:
        yield actor
    finally:
        ray.kill(actor)
