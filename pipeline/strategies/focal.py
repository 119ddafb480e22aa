"""Focal loss: samples that are already right count less."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import LossFn, Strategy, StrategyConfig
from pipeline.tasks.classify import cross_entropy
from pipeline.types import Batch, LossTerms

CARD = Card(
    title="Focal loss",
    family="loss",
    idea="Scale each class's cross-entropy down by how sure the network already is of it.",
    formula="L = -sum_k y_k (1 - p_k)^gamma log p_k, p: softmax",
    paper=Paper(title="Focal Loss for Dense Object Detection", year=2017, arxiv="1708.02002"),
    helps_when="Most samples are easy and a few hard ones decide; classes are unequal in number.",
    pitfalls=(
        "The form for one class of many, with the softmax. The paper's is for yes-or-no detections "
        "(torchvision.ops.sigmoid_focal_loss); with two classes the two are the same.",
        "The paper's alpha is not part of it: that is `class_weights`.",
        "Wrong labels are hard samples, too: it listens to them more.",
        "Probabilities come out less sure than cross-entropy's; the training loss is not comparable with the "
        "baseline's.",
    ),
    clashes={"bce": "both replace the loss"},
    defaults_from="gamma 2: the paper's best.",
)


def focus(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Targets times (1 - p)^gamma: the cross-entropy of these is the focal loss.  All [N, K] float32.

    Gradients pass through. Where p rounds to 1 the factor is constant, so that gamma < 1 has no infinite slope there.
    """
    missing = -torch.expm1(functional.log_softmax(logits, dim=1))
    return targets * missing.clamp_min(torch.finfo(missing.dtype).tiny) ** gamma


class Focal(Strategy["FocalConfig"]):
    """Takes the place of cross-entropy."""

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        gamma = self.config.gamma

        def instead(logits: Tensor, batch: Batch) -> LossTerms:
            focused = replace(batch, targets=focus(logits, batch.targets, gamma))
            return {"focal": cross_entropy(logits, focused)["cross_entropy"]}

        return instead


class FocalConfig(StrategyConfig):
    """Switches the focal loss on."""

    kind: Literal["focal"] = "focal"
    gamma: float = Field(2.0, gt=0, le=10, description="0 would be cross-entropy")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Focal

    @classmethod
    def neutral(cls) -> Self:
        """Every factor rounds to 1."""
        return cls(gamma=1e-30)
