"""A small study of real digits, the command that runs it, and what it left behind: for tests that start Ray."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from ablations.cli import main
from ablations.records.home import Home
from ablations.records.store import read_records
from ablations.running import (
    display,  # noqa: F401 - imported here, so that its default stream is not one that a test has captured
)
from pipeline.spec.records import RunRecord, Status

# A step is a few milliseconds. The teacher's many epochs leave time to interrupt it.
GRID = """\
study: small
question: Does anything help?
base:
  data: {kind: digits, num_train: 80}
  model: {kind: small_cnn, width: 4}
  optimizer: {kind: sgd, lr: 0.05}
  budget: {epochs: 3, batch_size: 20, num_shards: 2}
  precision: fp32
factors:
  smoothing: {strategies: [{kind: label_smoothing, epsilon: 0.1}]}
  distill: {recipes: [{kind: teacher_student, teacher: {kind: small_cnn, width: 6}, epochs: 40}]}
controls:
  placebo: {strategies: [{kind: placebo}]}
design: {kind: add_one_in}
noise_floor: false
seeds: [0]
resources: {lanes: 1, threads_per_worker: 1, timing_rounds: 0, checkpoint_every_s: 0}
"""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a person saw."""

    exit_code: int
    out: str
    err: str


def ablate(*arguments: str | Path) -> CommandResult:
    """The `ablate` command in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with (
        patch.object(sys, "argv", ["ablate", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    return CommandResult(code or 0, out.getvalue(), err.getvalue())


def write_grid(path: Path, **changes: Any) -> Path:
    """GRID with some top-level fields replaced; base and resources are extended."""
    grid = yaml.safe_load(GRID)
    for name, value in changes.items():
        grid[name] = {**grid[name], **value} if name in ("base", "resources") else value
    path.write_text(yaml.safe_dump(grid, sort_keys=False), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Kept:
    """A home and its one study."""

    home: Home
    study: str = "small"

    @property
    def plan(self) -> dict[str, Any]:
        """plan.json."""
        return json.loads(self.home.plan(self.study).read_text())

    @property
    def lines(self) -> list[dict[str, Any]]:
        """records.jsonl, every line."""
        return [json.loads(line) for line in self.home.records.read_text().splitlines()]

    def record(self, arm: str, seed: int = 0) -> RunRecord:
        """The record of an arm's last stage."""
        stage = next(a for a in self.plan["arms"] if a["name"] == arm)["stages"][-1]
        return read_records(self.home)[stage["stage_hash"], seed]

    def metrics(self) -> dict[tuple[str, int], dict[str, float]]:
        """Final metrics of every finished run."""
        return {
            identity: record.metrics
            for identity, record in read_records(self.home).items()
            if record.status is Status.FINISHED
        }
