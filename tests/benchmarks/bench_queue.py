"""What 10,000 tiny stages cost beside their training: planning, queueing, records, and the memory of the queue.

Run: python -m tests.benchmarks.bench_queue
Two plans of 10,000 runs (few arms with many seeds, many arms with few) are made from grids; the first is then handed
out to two lanes that train nothing, by the queue in this process and by its actor. The first and the last thousand
stages are shown apart, so that a cost that depends on what is done already shows. Figures are medians of the repeats.
"""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import ray

from ablations.grid.spec import GridSpec, Resources, parse_grid
from ablations.planning.plan import build_plan
from ablations.planning.planned import Planned
from ablations.records.home import Home
from ablations.records.store import append_record, read_records
from ablations.records.study_runs import study_runs
from ablations.running.cluster import connect
from ablations.running.queue import Epoch, StageQueue, State, Stop, Train, queue_actor
from ablations.running.runner import finished_keys, job_of
from pipeline.data.listing import Listing, ReadChunk
from pipeline.spec.records import Cost, Environment, RunRecord, Status
from pipeline.training.job import StageJob
from pipeline.training.memory import trim_heap

NUM_RUNS = 10_000
NUM_BY_ACTOR = 2_000
NUM_APPENDED = 300
NUM_IMAGES = 3_000
BLOCK = 1_000  # stages between two readings of the clock
STAGES_PER_SNAPSHOT = 100
REPEATS = int(os.environ.get("REPEATS", "3"))
DISTILL = {"recipes": [{"kind": "teacher_student", "teacher": {"kind": "small_cnn", "width": 8}}]}


def grid_of(num_factors: int, num_seeds: int, design: str) -> GridSpec:
    """A grid whose factors each add an option to the optimizer, but for one with a teacher."""
    options = {f"option{i:03d}": {f"optimizer.options.o{i}": 1} for i in range(num_factors - 1)}
    return parse_grid(
        {
            "study": "many",
            "base": {
                "data": {"kind": "digits", "num_train": 100},
                "model": {"kind": "timm", "name": "resnet10t"},
                "optimizer": {"kind": "timm", "name": "lamb", "lr": 0.1},
                "budget": {"epochs": 1, "batch_size": 50},
                "precision": "fp32",
            },
            "noise_floor": False,
            "factors": {**options, "distill": DISTILL},
            "design": {"kind": design},
            "seeds": num_seeds,
            "max_runs": 2 * NUM_RUNS,
        },
        "bench",
    )


def made_up_listing() -> Listing:
    """Images that exist by name only."""
    return Listing(
        class_names=("a", "b"),
        ids=tuple(f"image-{i:04d}.jpg" for i in range(NUM_IMAGES)),
        labels=np.arange(NUM_IMAGES, dtype=np.int64) % 2,
        roles=np.asarray(["train", "train", "val", "test"])[np.arange(NUM_IMAGES) // 2 % 4],
        content=tuple(str(i) for i in range(NUM_IMAGES)),
        chunks=(ReadChunk(tuple(range(NUM_IMAGES)), ()),),
    )


@dataclass(frozen=True, slots=True)
class Made:
    """A plan and the seconds it took."""

    planned: Planned
    grid_s: float
    plan_s: float


def make_plan(num_factors: int, num_seeds: int, design: str) -> Made:
    """Read and check a grid, then plan it."""
    listing = made_up_listing()
    start = time.perf_counter()
    spec = grid_of(num_factors, num_seeds, design)
    checked = time.perf_counter()
    with patch(
        "ablations.planning.stage_checks.check_optimizer"
    ):  # it would refuse the made-up options that tell the arms apart
        planned = build_plan(spec, lambda precision: precision, lambda data: listing)
    return Made(planned, checked - start, time.perf_counter() - checked)


def jobs_of(planned: Planned) -> list[StageJob]:
    """The plan's first runs as the queue gets them."""
    home = Home(Path("/nowhere"))
    return [job_of(run, home, Resources()) for run in planned.runs[:NUM_RUNS]]


def drive(call: Callable[..., Any], tell: Callable[..., Any]) -> list[float]:
    """Two lanes, each a stage at a time, until both are told to stop; seconds of each full block of stages."""
    turns = {"lane 0": 0, "lane 1": 0}
    for lane in turns:
        call("begin", lane, "group", "node")
    stopped: set[str] = set()
    blocks: list[float] = []
    num_done, start = 0, time.perf_counter()
    for lane in cycle(turns):
        if len(stopped) == len(turns):
            return blocks
        answer = call("next", lane, "group", turns[lane])
        if isinstance(answer, Stop):
            stopped.add(lane)
        if not isinstance(answer, Train):
            continue
        tell("progress", lane, "group", Epoch(1, 1, 0.5))
        call("done", lane, "group", answer.job.key, State.FINISHED)
        turns[lane] += 1
        num_done += 1
        if num_done % STAGES_PER_SNAPSHOT == 0:
            call("snapshot")
        if num_done % BLOCK == 0:
            blocks.append(time.perf_counter() - start)
            start = time.perf_counter()
    return blocks


def by_queue(jobs: list[StageJob]) -> tuple[list[float], float]:
    """Seconds per block in this process, and by how many megabytes the process grew meanwhile."""
    queue = StageQueue(jobs, frozenset())

    def call(method: str, *args: Any) -> Any:
        return getattr(queue, method)(*args)

    before = resident_mb()
    blocks = drive(call, call)
    return blocks, resident_mb() - before


def by_actor(jobs: list[StageJob]) -> tuple[float, list[float]]:
    """Seconds to start the actor with these jobs, and seconds per block through it."""
    start = time.perf_counter()
    actor = queue_actor(StageQueue(jobs, frozenset()))
    ray.get(actor.call.remote("snapshot"))
    started = time.perf_counter() - start
    blocks = drive(lambda *args: ray.get(actor.call.remote(*args)), actor.call.remote)
    ray.kill(actor)
    return started, blocks


def made_up_record(job: StageJob) -> RunRecord:
    """As large as a real one."""
    metrics = ("top1", "top5", "balanced_accuracy", "macro_f1", "nll", "brier", "ece")
    return RunRecord(
        stage_hash=job.stage_hash,
        seed=job.seed,
        stage=job.spec.name,
        status=Status.FINISHED,
        metrics={f"{role}/{metric}": 0.123456789 for role in ("train", "val") for metric in metrics},
        cost=Cost(samples_seen=100, busy_s=1.5, data_wait_s=0.1, eval_s=0.1, num_parameters=1000, num_workers=1),
        environment=Environment(
            code_version="0" * 40, python="3.11", torch="2.15", ray="2.60", timm="1.0", device="cpu",
            threads_per_worker=1,
        ),
        data_fingerprint="0" * 32,
        finished_at="2026-01-01T00:00:00Z",
    )  # fmt: skip


def records_s(planned: Planned) -> dict[str, float]:
    """Seconds of one append to a short and to a long file, and of what a resumed study reads and lists first."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder).resolve())
        records = [made_up_record(job) for job in jobs_of(planned)]
        first = [clock(append_record, home, record) for record in records[:NUM_APPENDED]]
        with home.records.open("a") as file:
            file.writelines(f"{record.model_dump_json()}\n" for record in records[NUM_APPENDED:-NUM_APPENDED])
        last = [clock(append_record, home, record) for record in records[-NUM_APPENDED:]]
        return {
            "first": statistics.median(first),
            "last": statistics.median(last),
            "read": clock(read_records, home),
            "resume": clock(finished_keys, home, planned),
            "list": clock(study_runs, planned.plan),
        }


def clock(function: Callable[..., Any], *args: Any) -> float:
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def resident_mb() -> float:
    gc.collect()
    trim_heap()
    num_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return num_pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def show_plan(title: str, num_factors: int, num_seeds: int, design: str) -> Planned:
    made = [make_plan(num_factors, num_seeds, design) for _ in range(REPEATS)]
    grid_s, plan_s = statistics.median(one.grid_s for one in made), statistics.median(one.plan_s for one in made)
    num_runs = len(made[0].planned.runs)
    print(
        f"plan of {num_runs:,} runs, {title}: {1000 * plan_s / num_runs:.3f} ms a run ({plan_s:.2f} s), "
        f"after {grid_s:.2f} s to check the grid"
    )
    return made[0].planned


def show_queue(jobs: list[StageJob]) -> None:
    driven = [by_queue(jobs) for _ in range(REPEATS)]
    first, last = (1e6 * statistics.median(blocks[i] for blocks, _ in driven) / BLOCK for i in (0, -1))
    print(
        f"queue in this process: {first:.1f} us a stage in the first thousand of {len(jobs):,}, {last:.1f} in the last"
    )
    print(f"  memory grew by {statistics.median(grown for _, grown in driven):z.1f} MB meanwhile")


def show_actor(jobs: list[StageJob]) -> None:
    connect()
    driven = [by_actor(jobs) for _ in range(REPEATS)]
    ray.shutdown()
    first, last = (1000 * statistics.median(blocks[i] for _, blocks in driven) / BLOCK for i in (0, -1))
    print(f"queue actor: {first:.2f} ms a stage in the first thousand of {len(jobs):,}, {last:.2f} in the last")
    print(f"  started with these jobs in {statistics.median(started for started, _ in driven):.2f} s, imports included")


def show_records(planned: Planned) -> None:
    kept = [records_s(planned) for _ in range(REPEATS)]
    took = {name: statistics.median(times[name] for times in kept) for name in kept[0]}
    print(
        f"one more record on disk: {1000 * took['first']:.2f} ms in an empty file, {1000 * took['last']:.2f} ms behind "
        f"{NUM_RUNS:,}; all of them read in {took['read']:.2f} s"
    )
    print(
        f"  a resumed study finds its finished runs in {took['resume']:.2f} s, the recorder lists them in "
        f"{took['list']:.2f} s"
    )


def main() -> None:
    few_arms = show_plan("40 arms", 19, 244, "both_ways")
    many_arms = show_plan("1,000 arms", 998, 10, "add_one_in")
    jobs = jobs_of(few_arms)
    show_queue(jobs)
    show_actor(jobs[:NUM_BY_ACTOR])
    show_records(many_arms)


if __name__ == "__main__":
    main()
