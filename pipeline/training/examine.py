"""How the network of a stage is looked at after every epoch: by its class probabilities, or by its features."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.data.handle import DataHandle
from pipeline.data.plan import EvalRows, eval_batches
from pipeline.tasks.base import PretrainingNet
from pipeline.training.evaluate import all_metrics, quick_metrics, summarize_probs
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob
from pipeline.training.precision import Resolved, number_format
from pipeline.training.predict import Predictor
from pipeline.training.representation import knn_probs, probe_logits, spread_of
from pipeline.training.setup import Setup
from pipeline.training.team import Team

NUM_SPREAD = 5000  # val images whose features are looked at for a collapse, at most: singular values are costly
NUM_REFERENCE = 5000  # labelled training images that features are compared with, at most: a pass over them each epoch


@dataclass(frozen=True, slots=True)
class Examined:
    """What a look at the network has found."""

    predictions: dict[str, np.ndarray]  # of val
    metrics: dict[str, float]  # of val, worth a point on a curve
    accuracy: float  # for people who watch
    by: str = ""  # who is right so often, where it is not the classifier
    warnings: tuple[str, ...] = ()


class Examiner(Protocol):
    """Looks at the networks of one stage."""

    @property
    def splits(self) -> tuple[EvalRows, ...]:
        """What must follow each epoch in the stream, in this order."""
        ...

    def examine(self, model: nn.Module, feed: Feed, epoch: int) -> Examined:
        """After an epoch; every rank returns the same."""
        ...

    def conclude(self, last: Examined) -> dict[str, float]:
        """All metrics of val for the record, after the last look."""
        ...


def examiner_of(job: StageJob, data: DataHandle, setup: Setup, team: Team) -> Examiner:
    """As the stage's task asks."""
    if setup.task.judged_by == "features":
        return FeatureExaminer(job, data, setup.precision, team)
    return LogitExaminer(job, data, Predictor(setup.chain, setup.precision, team))


def num_batches(split: EvalRows, job: StageJob, team: Team) -> int:
    """This rank's batches of a split."""
    per_batch = job.spec.budget.eval_batch_size
    return len(list(eval_batches(split, 0, 1, per_batch, team.rank, team.world_size)))


class LogitExaminer:
    """By what the classifier says about val."""

    def __init__(self, job: StageJob, data: DataHandle, predictor: Predictor) -> None:
        self.splits = (data.evals["val"],)
        self._predictor = predictor
        self._num_batches = num_batches(self.splits[0], job, predictor.team)

    def examine(self, model: nn.Module, feed: Feed, epoch: int) -> Examined:  # noqa: D102 - as its protocol
        predictions = self._predictor.predictions(model, feed, "val", epoch, self._num_batches)
        metrics = quick_metrics(predictions)
        return Examined(predictions, metrics, metrics["top1"])

    def conclude(self, last: Examined) -> dict[str, float]:  # noqa: D102 - as its protocol
        return all_metrics(last.predictions)


@dataclass
class FeatureExaminer:
    """By what labelled training images say about val, the features being as they are."""

    job: StageJob
    data: DataHandle
    precision: Resolved
    team: Team
    splits: tuple[EvalRows, ...] = field(init=False)
    _reference: Tensor = field(init=False, default_factory=lambda: torch.empty(0, 0))  # of the last look, [m, D]
    _val: Tensor = field(init=False, default_factory=lambda: torch.empty(0, 0))  # [n, D]

    def __post_init__(self) -> None:
        train = self.data.train
        pick = np.sort(np.argsort(train.keys, kind="stable")[:NUM_REFERENCE])  # keys are hashes: as good as random
        self.splits = (
            EvalRows("reference", train.rows[pick], train.keys[pick], train.labels[pick]),
            self.data.evals["val"],
        )

    def examine(self, model: nn.Module, feed: Feed, epoch: int) -> Examined:  # noqa: D102 - as its protocol
        self._reference, self._val = (self._features(model, feed, split, epoch) for split in self.splits)
        near = knn_probs(self._val, self._reference, self._labels(0), self.data.num_classes)
        predictions = summarize_probs(near, self._labels(1))
        spread = spread_of(self._val[:: -(-len(self._val) // NUM_SPREAD)])  # evenly: rows may stand by class
        accuracy = quick_metrics(predictions)["top1"]
        metrics = {
            "knn_top1": accuracy,
            "feature_spread": spread.feature_spread,
            "effective_rank": spread.effective_rank,
        }
        return Examined(predictions, metrics, accuracy, "k-NN", spread.warnings())

    def conclude(self, last: Examined) -> dict[str, float]:  # noqa: D102 - as its protocol
        logits = probe_logits(self._val, self._reference, self._labels(0), self.data.num_classes)
        probed = summarize_probs(logits.softmax(dim=1), self._labels(1))
        return {**last.metrics, "probe_top1": quick_metrics(probed)["top1"]}

    def _labels(self, split: int) -> Tensor:
        return torch.from_numpy(self.splits[split].labels.copy())

    def _features(self, model: nn.Module, feed: Feed, split: EvalRows, epoch: int) -> Tensor:
        """[n, D] float32 on the CPU, in the split's order, on every rank."""
        assert isinstance(model, PretrainingNet), type(model)
        model.eval()
        mine: dict[int, Tensor] = {}
        with torch.inference_mode(), number_format(self.precision, self.team.device.type):
            for _ in range(num_batches(split, self.job, self.team)):
                planned, batch = feed.take(split.role, epoch)
                mine[planned.step] = model.features(batch.images).float().cpu()
        parts = {number: part for rank in self.team.gather(mine) for number, part in rank.items()}
        return torch.cat([parts[number] for number in sorted(parts)]).clone()
