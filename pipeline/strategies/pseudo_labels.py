"""Pseudo-labels: train on unlabelled images too, with the labels that an earlier stage gives them."""

from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pipeline.data.index import TrainIndex
from pipeline.data.pseudo_table import PoolLabels
from pipeline.spec.base import Frozen
from pipeline.spec.card import Card, Paper
from pipeline.spec.links import StageRef
from pipeline.spec.training import TrainingFields
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.types import Batch

CARD = Card(
    title="Pseudo-labels",
    family="semi-supervised",
    idea="Let an earlier stage label the unlabelled images, and train on those that it is sure of as if it were right.",
    formula="y(u) = argmax_k p_teacher(k | u), kept where max_k p is at least a threshold, or in a class's top share",
    paper=Paper(
        title="Curriculum Labeling: Revisiting Pseudo-Labeling for Semi-Supervised Learning",
        year=2020,
        arxiv="2001.06001",
    ),
    helps_when="Labels are few, unlabelled images of the same classes are many, and the teacher is mostly right.",
    pitfalls=(
        "Wrong labels are learnt as eagerly as right ones: a poor teacher teaches its faults.",
        "More images at equal epochs are more steps: compare with a bare recipe of as many steps, or look at the cost.",
        "A threshold favours easy classes; a share of each class keeps them balanced. How many labels the classes with "
        "the fewest and the most got stands in the curves, how many each got in the log.",
        "Images of no class at all get a label too.",
    ),
    defaults_from="min_confidence 0.95: FixMatch's (arXiv:2001.07685), where the paper takes top shares; not tuned.",
)


MAX_CLASSES_TOLD = 20  # in the log: those with the fewest and with the most labels


class MinConfidence(Frozen):
    """Keep the images that the teacher is sure of."""

    kind: Literal["min_confidence"] = "min_confidence"
    min_confidence: float = Field(0.95, ge=0, le=1, description="probability of the most probable class")


class TopShare(Frozen):
    """Keep the surest share of the images of each class, as the teacher sees the classes."""

    kind: Literal["top_share"] = "top_share"
    share: float = Field(0.2, gt=0, le=1, description="of the images that the teacher puts into a class")


Selection = Annotated[MinConfidence | TopShare, Field(discriminator="kind")]


def kept(found: PoolLabels, select: MinConfidence | TopShare) -> np.ndarray:
    """[m] bool: which of the teacher's labels are used. At least one of each class under TopShare."""
    if isinstance(select, MinConfidence):
        return found.confidence >= select.min_confidence
    keep = np.zeros(len(found.rows), dtype=bool)
    for label in np.unique(found.labels):
        of_class = np.flatnonzero(found.labels == label)
        surest_first = of_class[np.argsort(-found.confidence[of_class], kind="stable")]
        keep[surest_first[: max(1, round(select.share * len(of_class)))]] = True
    return keep


def with_pseudo_labels(index: TrainIndex, found: PoolLabels, keep: np.ndarray) -> TrainIndex:
    """The training samples, and behind them the images of the pool that got a label.

    Raises:
        AssertionError: a labelled row is not in the pool: nothing that is judged may get a label.
    """
    rows = found.rows[keep]
    place = {row: i for i, row in enumerate(index.pool.rows.tolist())}
    assert place.keys() >= set(rows.tolist()), "pseudo-labels for images that are not in the pool"
    keys = index.pool.keys[np.asarray([place[row] for row in rows.tolist()], dtype=np.int64)]
    return replace(
        index,
        rows=np.concatenate([index.rows, rows]),
        keys=np.concatenate([index.keys, keys]),
        labels=np.concatenate([index.labels, found.labels[keep]]),
    )


def with_soft_targets(batch: Batch, rows: Tensor, probs: Tensor) -> Batch:
    """The batch with the teacher's probabilities as the targets of its images.

    Args:
        batch: with the row of each image.
        rows: [m] int64, sorted; those with a pseudo-label.
        probs: [m, K] float32, a row for each.
    """
    if not len(rows):
        return batch
    assert batch.rows is not None, "batches of training have rows"
    at = torch.searchsorted(rows, batch.rows).clamp_(max=len(rows) - 1)
    is_pseudo = rows[at] == batch.rows
    wide = batch.targets.new_zeros(batch.targets.shape)  # the head may have more outputs than there are classes
    wide[:, : probs.shape[1]] = probs[at]
    return replace(batch, targets=torch.where(is_pseudo[:, None], wide, batch.targets))


class PseudoLabels(Strategy["PseudoLabelsConfig"]):
    """Asks for the teacher's table when the samples are chosen."""

    @cached_property
    def _found(self) -> PoolLabels:
        return self.context.label_pool(self.config.teacher.stage, self.config.soft)

    @cached_property
    def _soft(self) -> tuple[Tensor, Tensor]:
        """Rows that got a label, sorted, and their probabilities, on the device."""
        assert self._found.probs is not None, "asked for"
        keep = np.flatnonzero(kept(self._found, self.config.select))
        keep = keep[np.argsort(self._found.rows[keep])]
        device = self.context.device
        return torch.from_numpy(self._found.rows[keep]).to(device), torch.from_numpy(self._found.probs[keep]).to(device)

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:  # noqa: D102 - the hook's own docstring
        return with_pseudo_labels(index, self._found, kept(self._found, self.config.select))

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:  # noqa: D102 - the hook's own docstring
        return with_soft_targets(batch, *self._soft) if self.config.soft else batch

    @cached_property
    def _per_class(self) -> np.ndarray:
        """[K]: images of the pool that got a label, by the class that they got."""
        labels = self._found.labels[kept(self._found, self.config.select)]
        return np.bincount(labels, minlength=len(self.context.class_names))

    def readings(self) -> dict[str, float]:  # noqa: D102 - the hook's own docstring
        counts = self._per_class
        return {"kept": float(counts.sum()), "of_fewest": float(counts.min()), "of_most": float(counts.max())}

    def remarks(self) -> tuple[str, ...]:  # noqa: D102 - the hook's own docstring
        counts, names = self._per_class.tolist(), self.context.class_names
        order = sorted(range(len(counts)), key=lambda label: counts[label])
        shown = [f"{names[label]} {counts[label]}" for label in order]
        if len(shown) > MAX_CLASSES_TOLD:
            shown[MAX_CLASSES_TOLD // 2 : -MAX_CLASSES_TOLD // 2] = ["..."]
        told = f"{sum(counts)} of {len(self._found.rows)} unlabelled images got a label"
        return (f"{told}: {', '.join(shown)}",)


class PseudoLabelsConfig(StrategyConfig):
    """Switches pseudo-labels on; the recipes `pseudo_label` and `noisy_student` add the teacher's stages too."""

    kind: Literal["pseudo_labels"] = "pseudo_labels"
    teacher: StageRef
    select: Selection = MinConfidence()
    soft: bool = Field(False, description="the teacher's probabilities as targets, instead of its most probable class")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = PseudoLabels

    @classmethod
    def example(cls) -> Self:
        """Labels from a stage that the caller provides, however sure it is."""
        return cls(teacher=StageRef(stage="teacher"), select=TopShare(share=1.0))

    @classmethod
    def setting(cls) -> dict[str, Any]:
        """Half of the labels are hidden."""
        return {"data": {"kind": "digits", "labeled_frac": 0.5}}

    def needs(self) -> tuple[str, ...]:
        """The teacher."""
        return (self.teacher.stage,)

    def fault(self, training: TrainingFields) -> str | None:
        """There must be something to label."""
        if training.data.has_pool:
            return None
        return "there are no unlabelled images; set data.labeled_frac below 1, or data.unlabeled to a folder of images"
