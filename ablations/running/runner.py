"""Carries out a plan: prepares the data, starts recorder, queue and lanes, watches, and writes the report."""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch

from ablations.grid.spec import Resources
from ablations.planning.planned import Planned, PlannedRun
from ablations.planning.promise import keep_promise
from ablations.planning.stage_checks import check_prepared
from ablations.records import store
from ablations.records.home import Home
from ablations.records.recorder import Flushed, recording
from ablations.records.study_lock import run_alone
from ablations.running.board import Board
from ablations.running.cluster import actors_needed, connect, has_cluster
from ablations.running.display import Progress, duration
from ablations.running.interrupts import Interrupts
from ablations.running.lanes import cluster_size, size_lanes
from ablations.running.queue import StageQueue, State, queue_actor
from ablations.running.watch import watch
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.prepare import prepare
from pipeline.data.thumbnails import make_thumbnails
from pipeline.spec.records import Status
from pipeline.training.job import StageJob, TimingJob
from pipeline.training.precision import resolve_precision
from reports.page.html import write_report
from reports.records.load import StudyData, load_study


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended."""

    counts: dict[str, int]
    interrupted: bool
    report: Path
    seconds: float
    already_done: bool
    unprojected: int
    reason: str


def precision_of_hardware(precision: str) -> str:
    """Resolve "auto" for the machines that will train: a GPU anywhere in the cluster, else this machine."""
    if precision != "auto" or not has_cluster():
        return resolve_precision(precision, "cuda" if torch.cuda.is_available() else "cpu")
    connect()
    gpus = 0.01 if cluster_size()[1] else 0
    probe = ray.remote(num_cpus=0 if gpus else 0.1, num_gpus=gpus)(resolve_precision)
    return ray.get(probe.remote("auto", "cuda" if gpus else "cpu"))


def job_of(run: PlannedRun, home: Home, asked: Resources) -> StageJob:
    """A planned run as workers get it."""
    return StageJob(
        stage=run.stage.name,
        spec_json=run.spec.model_dump_json(),
        stage_hash=run.stage.stage_hash,
        seed=run.seed,
        data_key=run.data_key,
        ancestors=run.needs,
        runs_dir=home.runs,
        checkpoint=home.checkpoint(run.key),
        checkpoint_interval_s=asked.checkpoint_every_s,
        labels=run.arms if run.stage.name == "main" else (run.stage.name,),
    )


def finished_keys(home: Home, planned: Planned) -> frozenset[str]:
    """Runs of the plan that need not be trained again. A run whose weights a pending one needs must still have them."""
    records = store.read_records(home)
    finished = {
        run.key
        for run in planned.runs
        if (record := records.get((run.stage.stage_hash, run.seed))) and record.status is Status.FINISHED
    }
    return usable(home, planned.runs, finished)


def usable(home: Home, runs: Sequence[PlannedRun], finished: set[str]) -> frozenset[str]:
    """Of the finished runs, those that need not be trained again for these runs, which stand ancestors first."""
    kept = set(finished)
    for run in reversed(runs):  # descendants first: an ancestor that must run again needs its own ancestors
        if run.key not in kept:
            kept -= {key for key in run.needs.values() if not (home.run_dir(key) / "model.pt").exists()}
    return frozenset(kept)


def finished_metrics(home: Home, done: frozenset[str]) -> dict[str, dict[str, float]]:
    """Run key -> metrics of these finished runs."""
    return {record.key: record.metrics for record in store.read_records(home).values() if record.key in done}


def timing_missing(home: Home, planned: Planned, asked: Resources, failed: frozenset[str] = frozenset()) -> bool:
    """Whether no block has timed all arms against each other yet."""
    if not asked.timing_rounds:
        return False
    wanted = {arm.final.stage_hash for arm in planned.plan.arms} - failed
    blocks: dict[str, set[tuple[str, int]]] = {}
    for record in store.read_timings(home):
        blocks.setdefault(record.block, set()).add((record.stage_hash, record.round))
    complete = {(stage_hash, number) for stage_hash in wanted for number in range(asked.timing_rounds)}
    return not any(complete <= block for block in blocks.values())


def timing_job(planned: Planned, home: Home, asked: Resources) -> TimingJob:
    """Every arm's last stage, with its first seed."""
    jobs: dict[str, StageJob] = {}
    for run in planned.runs:
        if run.stage.stage_hash not in jobs:
            jobs[run.stage.stage_hash] = job_of(run, home, asked)
    finals = dict.fromkeys(arm.final.stage_hash for arm in planned.plan.arms)
    return TimingJob(
        f"{planned.plan.study}-{uuid.uuid4().hex[:8]}",
        tuple(jobs[h] for h in finals),
        asked.timing_rounds,
        asked.timing_s,
    )


def prepare_all(planned: Planned, home: Home, progress: Progress) -> dict[str, DataHandle]:
    """Decode every data set of the plan once."""
    handles = {}
    for key, data in planned.data.items():
        start = time.monotonic()
        prepared = prepare(data.spec, data.listing, home.cache)
        progress.note(
            f"prepared {len(data.listing.ids) - len(prepared.bad)} images in {duration(time.monotonic() - start)} "
            f"({prepared.num_bytes / 2**20:.0f} MB)"
            + (f", skipped {len(prepared.bad)} bad ones" if prepared.bad else "")
        )
        handles[key] = make_handle(data.listing, prepared)
        if not home.thumbnails(handles[key].fingerprint).is_file():
            store.write_thumbnails(home, handles[key].fingerprint, make_thumbnails(handles[key]))
    for run in planned.runs:  # bad images that were skipped count in the plan
        check_prepared(run.spec, handles[run.data_key], f"arm {run.arms[0]}, stage {run.stage.name}")
    return handles


def run_study(planned: Planned, home: Home, asked: Resources) -> Outcome:
    """Run what is missing, then write the report.

    Raises:
        DataError: images cannot be decoded.
        ResourceError: another process runs this study, the cluster is too small, or its lanes broke down.
    """
    with run_alone(home, planned.plan.study), actors_needed():
        return _run(planned, home, asked)


def _run(planned: Planned, home: Home, asked: Resources) -> Outcome:
    start = time.monotonic()
    done = finished_keys(home, planned)
    timing = timing_missing(home, planned, asked)
    report = home.report(planned.plan.study)
    if len(done) == len(planned.runs) and not timing and _same_plan(home, planned):
        counts = {state.value: 0 for state in State} | {State.FINISHED.value: len(done)}
        if not report.exists():
            write_report(load_study(home.root, planned.plan.study), report)
        return Outcome(counts, False, report, time.monotonic() - start, True, 0, "")
    connect()
    sizes = size_lanes(asked, *cluster_size(), num_runs=len(planned.runs))
    board = Board(planned.plan, finished_metrics(home, done), sizes.lanes)
    with Progress(board) as progress, Interrupts().caught() as interrupts:
        progress.note(str(sizes))
        with recording(home.root, planned.plan.study) as recorder:  # its process starts while images are prepared
            handles = prepare_all(planned, home, progress)
            keep_promise(home, planned.plan)
            jobs = [job_of(run, home, asked) for run in planned.runs]
            to_time = timing_job(planned, home, asked) if timing else None
            ray.get(recorder.start.remote(planned.plan.model_dump_json()))
            queue = queue_actor(StageQueue(jobs, done, to_time, asked.max_attempts))
            snapshot = watch(sizes, queue, recorder, handles, progress, interrupts, asked.hang_timeout_s)
            progress.note("writing the rest to MLflow, and the report ...")
            flushed = write_and_show_report(recorder, home, planned.plan.study)
    return Outcome(
        snapshot.counts,
        interrupts.count > 0,
        report,
        time.monotonic() - start,
        False,
        flushed.unprojected,
        flushed.reason,
    )


def write_and_show_report(
    recorder: Any, home: Home, study: str, write: Callable[[StudyData, Path], Path] = write_report
) -> Flushed:
    """Have MLflow show every run, write the report with links to them, and have MLflow keep that too."""
    try:
        ray.get(recorder.locate.remote())
        flushed: Flushed = ray.get(recorder.flush.remote())
    finally:  # whoever interrupts a slow MLflow still gets a report
        write(load_study(home.root, study), home.report(study))
    ray.get(recorder.finish.remote(str(home.report(study))))
    # A server that has just given up on a run is not waited for a second time; the report is among what it lacks.
    return ray.get(recorder.flush.remote()) if not flushed.unprojected else flushed


def _same_plan(home: Home, planned: Planned) -> bool:
    path = home.plan(planned.plan.study)
    return path.exists() and json.loads(path.read_text()) == json.loads(planned.plan.model_dump_json())
