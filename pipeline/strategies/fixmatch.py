"""FixMatch: what the network is sure of in a weak view of an unlabelled image, it shall say of a strong one."""

from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.data.holes import CutHole
from pipeline.data.index import EpochPlan
from pipeline.data.ops import colour_of
from pipeline.data.random_ops import NUM_LEVELS, ApplyRandomOps
from pipeline.data.transforms import ForView, RowTransform
from pipeline.spec.card import Card, Paper
from pipeline.spec.training import TrainingFields
from pipeline.strategies.base import LossFn, StageContext, Strategy, StrategyConfig
from pipeline.types import Batch, LossTerms

CARD = Card(
    title="FixMatch",
    family="semi-supervised",
    idea="Label an unlabelled image by its weak view, if the network is sure, and learn that label on a strong view.",
    formula="L = CE(y, p) + w mean_u 1[max p(weak u) >= t] CE(argmax p(weak u), p(strong u))",
    paper=Paper(
        title="FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence",
        year=2020,
        arxiv="2001.07685",
    ),
    helps_when="Labels are very few, unlabelled images of the same classes are many, and training is long.",
    pitfalls=(
        "A step costs 1 + 2 mu times as many images: look at the cost.",
        "In short trainings the network is never sure: look at the curve `fixmatch_sure_share`.",
        "Batch statistics are of all images together; a pool of other images shifts them.",
        "The weak view is the base augmentation: with full_image and no flips both views start from the same pixels.",
    ),
    defaults_from=(
        "mu 7, threshold 0.95, weight 1: the paper's for CIFAR. Strong: two operations of RandAugment and cutout, as "
        "the paper's, at one magnitude of 10 of 30 where the paper draws it."
    ),
)


def consistency_loss(weak_MK: Tensor, strong_MK: Tensor, threshold: float) -> Tensor:
    """Cross-entropy of the strong views with the weak views' classes; 0 for images that the network is not sure of.

    The mean is over all M images, sure or not (equation 4 of the paper). Logits, float32.
    """
    confidence, label = weak_MK.detach().softmax(dim=1).max(dim=1)
    losses = functional.cross_entropy(strong_MK, label, reduction="none")
    return torch.where(confidence >= threshold, losses, 0.0).mean()


def sure_share(weak_MK: Tensor, threshold: float) -> Tensor:
    """Share of the images that the network is sure of, a scalar; those that it learns from."""
    return (weak_MK.detach().softmax(dim=1).amax(dim=1) >= threshold).float().mean()


class FixMatch(Strategy["FixMatchConfig"]):
    """Asks for unlabelled images in two views, which the network sees in one pass with the labelled ones."""

    def __init__(self, config: "FixMatchConfig", context: StageContext) -> None:
        super().__init__(config, context)
        self._sum_of_shares = torch.zeros((), device=context.device)  # stays there, so that no step waits for the host
        self._num_shares = 0

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:  # noqa: D102 - the hook's own docstring
        return replace(plan, pool_ratio=self.config.mu)

    def row_transforms(self) -> tuple[RowTransform, ...]:  # noqa: D102 - the hook's own docstring
        c, mean = self.config, colour_of(self.context.mean_rgb)
        operations = ApplyRandomOps(c.num_ops, c.magnitude, "nearest", mean, name="fixmatch")
        return (ForView("strong", operations), ForView("strong", CutHole(c.hole_side_frac, mean, name="fixmatch_hole")))

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        def with_unlabelled(logits: Tensor, batch: Batch) -> LossTerms:
            weak_images, _ = batch.pool
            labelled, weak, strong = logits.split([len(batch.images), len(weak_images), len(weak_images)])
            loss = consistency_loss(weak, strong, self.config.threshold)
            self._sum_of_shares += sure_share(weak, self.config.threshold)
            self._num_shares += 1
            return {**loss_fn(labelled, batch), "fixmatch": self.config.weight * loss}

        return with_unlabelled

    def readings(self) -> dict[str, float]:  # noqa: D102 - the hook's own docstring
        share = float(self._sum_of_shares) / max(1, self._num_shares)
        self._sum_of_shares, self._num_shares = torch.zeros_like(self._sum_of_shares), 0
        return {"sure_share": share}


class FixMatchConfig(StrategyConfig):
    """Switches FixMatch on. It is the last to wrap the loss: those before it see labelled images only."""

    kind: Literal["fixmatch"] = "fixmatch"
    mu: int = Field(7, ge=1, le=64, description="unlabelled images for each labelled one")
    threshold: float = Field(0.95, gt=0, lt=1, description="least probability of the weak view's class")
    weight: float = Field(1.0, gt=0, description="of the unlabelled images' term")
    num_ops: int = Field(2, ge=1, le=8, description="operations of the strong view")
    magnitude: int = Field(10, ge=0, lt=NUM_LEVELS, description="of all operations, 0 to 30")
    hole_side_frac: float = Field(
        0.5, gt=0, le=1, description="side of the strong view's hole, as a share of the image"
    )
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = FixMatch

    @classmethod
    def example(cls) -> Self:
        """With a threshold that a network reaches in its first steps."""
        return cls(mu=1, threshold=0.15)

    @classmethod
    def setting(cls) -> dict[str, Any]:
        """Half of the labels are hidden."""
        return {"data": {"kind": "digits", "labeled_frac": 0.5}}

    def fault(self, training: TrainingFields) -> str | None:
        """There must be unlabelled images."""
        if training.data.has_pool:
            return None
        return "there are no unlabelled images; set data.labeled_frac below 1, or data.unlabeled to a folder of images"
