"""Binary cross-entropy: every class is a yes-or-no question of its own."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import LossFn, Strategy, StrategyConfig
from pipeline.tasks.classify import mean_loss
from pipeline.types import Batch, LossTerms

ClassReduction = Literal["mean", "sum"]

CARD = Card(
    title="Binary cross-entropy",
    family="loss",
    idea="Ask of each class whether it is in the image, so that a mixed image may contain two.",
    formula="L = mean_k -(y_k log s(z_k) + (1 - y_k) log(1 - s(z_k))), s: sigmoid; with a threshold t: y_k = [y_k > t]",
    paper=Paper(title="ResNet strikes back: An improved training procedure in timm", year=2021, arxiv="2110.00476"),
    helps_when="With mixup or CutMix, whose images hold more than one class, and long schedules.",
    pitfalls=(
        "The mean over K classes makes gradients about K times smaller than cross-entropy's: SGD then wants a larger "
        "rate, or `classes: sum` (the paper trains with LAMB, which does not mind).",
        "It starts slowly: at first every class says 'half', and most of the loss is about saying 'no'.",
        "Evaluation takes the softmax of the logits: top-1 is the same, but NLL and calibration judge a distribution "
        "that this loss never saw.",
    ),
    clashes={"focal": "both replace the loss"},
    defaults_from="no threshold and the mean over classes: timm's BinaryCrossEntropy; its recipes with mixing use a "
    "threshold of 0.2.",
)


def binary_cross_entropy(logits: Tensor, batch: Batch, threshold: float | None, classes: ClassReduction) -> Tensor:
    """Mean over the batch, each sample with its weight.  logits: [N, K] float32."""
    targets = batch.targets if threshold is None else (batch.targets > threshold).to(batch.targets.dtype)
    losses_NK = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return mean_loss(losses_NK.mean(dim=1) if classes == "mean" else losses_NK.sum(dim=1), batch)


class Bce(Strategy["BceConfig"]):
    """Takes the place of cross-entropy."""

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        c = self.config

        def instead(logits: Tensor, batch: Batch) -> LossTerms:
            return {"bce": binary_cross_entropy(logits, batch, c.target_threshold, c.classes)}

        return instead


class BceConfig(StrategyConfig):
    """Switches binary cross-entropy on."""

    kind: Literal["bce"] = "bce"
    target_threshold: float | None = Field(
        None, ge=0, lt=1, description="targets above it become 1, others 0; null: soft targets as they are"
    )
    classes: ClassReduction = Field("mean", description="over the classes; `sum` has the scale of cross-entropy")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Bce
