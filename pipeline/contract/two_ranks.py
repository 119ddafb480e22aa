"""Promises about teams: two gloo ranks end with one network, and it is the one that a worker alone ends with.

As a program (one process for each rank): FOLDER RANK; reads FOLDER/task.pkl, writes FOLDER/RANK.pt.
"""

import os
import pickle
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from pipeline.contract.lab import Lab
from pipeline.contract.samples import expect
from pipeline.contract.stages import SHARE, job_in, nobody
from pipeline.contract.subject import Subject
from pipeline.contract.trained import cut_short
from pipeline.data.handle import DataHandle
from pipeline.experiment import StageSpec
from pipeline.spec.errors import ContractBroken
from pipeline.training.job import StageJob
from pipeline.training.loop import train_network
from pipeline.training.team import Team

BUDGET = {"epochs": 2, "batch_size": 64, "num_shards": 2}  # a stage that two workers can share
TOLERANCE = 2e-3  # of losses and metrics: sums in another order, through two epochs
TIMEOUT_S = 600.0
SHOWN_LINES = 3


@dataclass(frozen=True, slots=True)
class RankOutcome:
    """What a rank ended with."""

    weights: dict[str, Tensor]
    series: dict[str, tuple[float, ...]]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Task:
    """What both ranks are given."""

    data: dict[str, DataHandle]  # name -> what it trains on
    teacher: StageJob
    specs: dict[str, str]  # name -> JSON
    begun: dict[str, Path]  # name -> the checkpoint that it goes on from


def check_two_ranks(subject: Subject, lab: Lab) -> None:
    """Two workers end with equal networks, and with those of one worker up to rounding; also where one had begun."""
    spec = subject.stage(budget=BUDGET)
    first, second = train_on_two_ranks({"whole": spec, "begun": spec}, lab, {"begun": begin_alone(spec, lab)})
    for name in first:
        expect_equal_ranks(first[name], second[name])
        expect_like_alone(first[name], spec, lab)


def begin_alone(spec: StageSpec, lab: Lab) -> Path:
    """The checkpoint of one worker who was interrupted in the second epoch."""
    job = lab.job(spec)
    cut_short(job, lab.data_of(spec))
    return job.checkpoint


def expect_equal_ranks(first: RankOutcome, second: RankOutcome) -> None:
    """Bit for bit.

    Raises:
        ContractBroken: naming what differs.
    """
    hint = "ranks may differ only in the batches they see; draw from the Rng that the hook is given"
    expect(first.weights.keys() == second.weights.keys(), "the two ranks end with networks of different parameters")
    for name, value in first.weights.items():
        expect(torch.equal(value, second.weights[name]), f"{name} differs between the two ranks; {hint}")
    expect(first.series == second.series, f"curves differ between the two ranks; {hint}")
    expect(first.metrics == second.metrics, f"metrics differ between the two ranks; {hint}")


def expect_like_alone(rank: RankOutcome, spec: StageSpec, lab: Lab) -> None:
    """The number of workers changes sums by rounding only.

    Raises:
        ContractBroken: naming the curve that differs.
    """
    alone = lab.train(spec).curves.series
    for name, values in rank.series.items():
        expect(
            np.allclose(values, alone[name], rtol=TOLERANCE, atol=TOLERANCE),
            f"{name} is {values} with two workers, {alone[name]} with one; a shard of the batch must be treated alike, "
            "whoever has it",
        )


def train_on_two_ranks(
    specs: Mapping[str, StageSpec], lab: Lab, begun: Mapping[str, Path] | None = None
) -> list[dict[str, RankOutcome]]:
    """Train these stages one after the other with two gloo ranks, each a process. Returns what each ended with.

    Args:
        specs: by name.
        lab: for files and data.
        begun: the checkpoints that some of them go on from.

    Raises:
        ContractBroken: a rank failed, with its last words.
    """
    folder = lab.job(next(iter(specs.values()))).runs_dir.parent
    data = {name: lab.data_of(spec) for name, spec in specs.items()}
    task = _Task(data, lab.teacher, {name: spec.model_dump_json() for name, spec in specs.items()}, dict(begun or {}))
    (folder / "task.pkl").write_bytes(pickle.dumps(task))
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    command = [sys.executable, "-m", "pipeline.contract.two_ranks", str(folder)]
    logs = [folder / f"{rank}.log" for rank in range(2)]
    processes = [_start([*command, str(rank)], {**os.environ, "PYTHONPATH": path}, logs[rank]) for rank in range(2)]
    try:
        failed = _wait(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    if failed is not None:
        words = "\n".join(logs[failed].read_text(errors="replace").strip().splitlines()[-SHOWN_LINES:])
        raise ContractBroken(f"rank {failed} of two failed: {words or 'without a word'}")
    outcomes = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]
    return [{name: RankOutcome(**fields) for name, fields in outcome.items()} for outcome in outcomes]


def _start(command: list[str], environment: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)


def _wait(processes: "list[subprocess.Popen[bytes]]") -> int | None:
    """Until both are done, or one has failed: the other would wait for it. Returns who failed."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        codes = [process.poll() for process in processes]
        for rank, code in enumerate(codes):
            if code:
                return rank
        if codes == [0, 0]:
            return None
        time.sleep(0.05)
    return 0


def _main(folder: Path, rank: int) -> None:
    """Train every stage as this rank, and keep what it ended with."""
    torch.set_num_threads(1)
    task: _Task = pickle.loads((folder / "task.pkl").read_bytes())
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    outcomes: dict[str, Any] = {}
    for name, text in task.specs.items():
        job = job_in(folder / f"{name}-{rank}", StageSpec.model_validate_json(text), task.teacher)
        if name in task.begun:
            job.checkpoint.parent.mkdir(parents=True)
            shutil.copy(task.begun[name], job.checkpoint)
        trained = train_network(job, task.data[name], Team(rank, 2, torch.device("cpu")), SHARE, nobody)
        outcomes[name] = {
            "weights": {key: value.clone() for key, value in trained.model.state_dict().items()},
            "series": trained.result.curves.series,
            "metrics": trained.result.record.metrics,
        }
    torch.save(outcomes, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    try:
        _main(Path(sys.argv[1]), int(sys.argv[2]))
    except BaseException:
        traceback.print_exc()
        raise SystemExit(1) from None
