"""Promises that show in training alone: it changes something, at its neutral limit nothing, and it can be resumed."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.contract.lab import Lab, trace
from pipeline.contract.samples import expect
from pipeline.contract.stages import SHARE, train_alone
from pipeline.contract.subject import Subject
from pipeline.data.handle import DataHandle
from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.spec.base import derive_seed
from pipeline.spec.errors import ContractBroken
from pipeline.training import checkpoint
from pipeline.training.job import StageJob
from pipeline.training.loop import EpochReport, train_stage
from pipeline.training.pulse import Pulse
from pipeline.training.team import Team

CUT_IN_EPOCH = 2
MOST_STEPS = 8  # of that epoch, before the cut


class PowerCut(Exception):
    """What no code expects."""


@dataclass
class _Cut(Pulse):
    """Comes where every step passes."""

    epochs_done: int = 0
    steps_left: int = 0  # of the epoch that it comes in

    def beat(self, step: int | None = None) -> None:
        if step is None or self.epochs_done < CUT_IN_EPOCH - 1:
            return
        if not self.steps_left:
            raise PowerCut
        self.steps_left -= 1

    def count(self, report: EpochReport) -> None:
        """An epoch has ended."""
        self.epochs_done = report.epoch
        if report.epoch == CUT_IN_EPOCH:  # it had fewer steps
            raise PowerCut


def check_changes_trace(subject: Subject, lab: Lab) -> None:
    """Switching it on changes the training (unless it says that it does not), and every number of it stays finite."""
    result = lab.train(subject.stage())
    alike = trace(result) == trace(lab.bare(subject.setting))
    epochs = f"{result.curves.epoch[-1] + 1} epochs on the digits"
    if subject.trick.changes_nothing:
        expect(alike, f"it says that it changes nothing, but {epochs} are not bit for bit those without it")
    else:
        expect(not alike, f"{epochs} are bit for bit those without it; example() must be strong enough to do something")
    for name, values in result.curves.series.items():
        expect(all(map(math.isfinite, values)), f"{name} is not finite: {values}")


def check_neutral(subject: Subject, lab: Lab) -> None:
    """At its neutral limit it is the bare recipe, bit for bit."""
    result, bare_result = lab.train(subject.neutral_stage()), lab.bare(subject.setting)
    got, bare = result.curves.series, bare_result.curves.series
    for name in ("train/loss", "val/nll"):
        pairs = zip(got[name], bare[name], strict=True)
        epoch = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
        if epoch is not None:
            raise ContractBroken(
                f"neutral() trains differently from the bare recipe: {name} of epoch {epoch + 1} is "
                f"{got[name][epoch]!r} instead of {bare[name][epoch]!r}"
            )
    expect(trace(result) == trace(bare_result), "neutral() predicts differently from the bare recipe")


def check_resume(subject: Subject, lab: Lab) -> None:
    """Interrupted and resumed, it ends with the numbers of a run that was never interrupted."""
    check_resume_of(subject.stage(), lab)


def check_resume_of(spec: StageSpec, lab: Lab) -> None:
    """The same for any stage. Also shows that two runs are bit-identical: the first epoch is trained twice."""
    whole_job, cut_job, data = lab.job(spec), lab.job(spec), lab.data_of(spec)
    whole = train_alone(whole_job, data)

    cut_short(cut_job, data)
    saved = checkpoint.load(cut_job.checkpoint, torch.device("cpu"))["epoch"]
    assert saved == CUT_IN_EPOCH - 1, f"the checkpoint is of epoch {saved}"
    torch.manual_seed(12345)  # nothing may depend on where the global generator stands
    epochs: list[int] = []
    resumed = train_alone(cut_job, data, lambda report: epochs.append(report.epoch))
    assert f"resumed after epoch {saved}" in resumed.log
    assert whole.record.cost is not None and whole.record.cost.num_epochs is not None
    expected = list(range(CUT_IN_EPOCH, 1 + whole.record.cost.num_epochs))
    expect(
        epochs == expected, f"resumed, it trains epochs {epochs} instead of {expected}; after_eval decides otherwise"
    )
    expect_same_run(cut_job, resumed, whole_job, whole)


def cut_short(job: StageJob, data: DataHandle) -> None:
    """Train with one worker into the second epoch, and cut the power at a step of it that is drawn by the stage's hash.

    Raises:
        ContractBroken: training ended before.
    """
    pulse = _Cut(steps_left=derive_seed(job.stage_hash, "power cut") % MOST_STEPS)
    try:
        train_stage(job, data, replace(Team.alone(), pulse=pulse), SHARE, pulse.count)
    except PowerCut:
        return
    raise ContractBroken(f"training ended before epoch {CUT_IN_EPOCH}: nothing can be interrupted")


def weights_of(job: StageJob) -> dict[str, Tensor]:
    """Final weights of a run."""
    return checkpoint.load(job.model_path(job.key), torch.device("cpu"))["model"]


def expect_same_run(job: StageJob, result: StageResult, other_job: StageJob, other: StageResult) -> None:
    """Metrics, curves, predictions and weights are equal bit for bit.

    Raises:
        ContractBroken: naming the first that is not.
    """
    hint = "; what it remembers between steps belongs into state_dict and load_state_dict"

    def same(name: str, one: Any, two: Any) -> None:
        expect(one == two, f"resumed, {name} is {one!r} instead of {two!r}{hint}")

    for name, values in other.curves.series.items():
        same(name, result.curves.series.get(name), values)
    same("the learning rate", result.curves.lr, other.curves.lr)
    same("the image size", result.curves.image_size_px, other.curves.image_size_px)
    same("the set of metrics", sorted(result.record.metrics), sorted(other.record.metrics))
    for name, value in other.record.metrics.items():
        same(name, result.record.metrics[name], value)
    for name, column in other.predictions.items():
        expect(np.array_equal(result.predictions[name], column), f"resumed, predictions ({name}) differ{hint}")
    weights = weights_of(job)
    for name, value in weights_of(other_job).items():
        expect(torch.equal(weights[name], value), f"resumed, the final {name} differs{hint}")
    assert result.record.cost is not None and other.record.cost is not None
    same("the number of samples seen", result.record.cost.samples_seen, other.record.cost.samples_seen)
