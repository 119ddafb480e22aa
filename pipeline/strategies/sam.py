"""Sharpness-aware minimization: take the gradient at the worst point nearby."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig
from pipeline.types import LossTerms

CARD = Card(
    title="Sharpness-aware minimization",
    family="optimization",
    idea="Climb a little to where the loss is higher, take the gradient there and step from the old weights: "
    "flat minima win.",
    formula="g = grad L(w + rho T^2 h / |T h|), h = grad L(w); T = 1 (sam) or |w| + eta (asam)",
    paper=Paper(
        title="Sharpness-Aware Minimization for Efficiently Improving Generalization", year=2020, arxiv="2010.01412"
    ),
    helps_when="The network can fit the training set, and there is time for twice the passes.",
    pitfalls=(
        "A step costs two forward and backward passes: compare at equal time as well as at equal epochs.",
        "The climb follows the gradient of the whole batch; papers that climb per device see smaller batches.",
        "asam (arXiv:2102.11600) measures distances in units of the weights: its rho is about ten times larger.",
    ),
    defaults_from="rho 0.05: the paper's choice for CIFAR and ImageNet. eta 0.01: the ASAM paper.",
)
ETA = 0.01  # keeps weights at zero movable (arXiv:2102.11600)
TINY = 1e-12  # a zero gradient gives a zero step
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)  # and timm's, which derive from them


def climb(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], rho: float, variant: Literal["sam", "asam"]
) -> list[Tensor]:
    """The step to the worst point nearby, to first order: one tensor for each weight, of its shape.

    Args:
        weights: of the network.
        gradients: of the loss, or any positive multiple of them: only their direction matters.
        rho: length of the step, in the norm of the variant.
        variant: `asam` measures each weight's step in units of its own size.
    """
    if variant == "sam":
        return list(torch._foreach_mul(list(gradients), rho / (get_total_norm(gradients) + TINY)))
    scales = torch._foreach_add(torch._foreach_abs(list(weights)), ETA)
    scaled = torch._foreach_mul(scales, list(gradients))
    length = get_total_norm(scaled) + TINY
    return list(torch._foreach_mul(torch._foreach_mul(scales, scaled), rho / length))


@contextmanager
def resting_statistics(model: nn.Module) -> Iterator[None]:
    """Let batch norms normalize as in training, but keep their running statistics and step counters."""
    norms = [m for m in model.modules() if isinstance(m, BATCH_NORMS) and m.training and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


class Sam(Strategy["SamConfig"]):
    """Draws nothing. The second pass has the dropout of the first."""

    def compute_gradients(self, backward: Callable[[], LossTerms], model: nn.Module) -> LossTerms:
        """Leave the gradients of the worst point nearby; the loss that is reported is that of the weights."""
        terms = backward()
        weights: list[Tensor] = [p for p in model.parameters() if p.grad is not None]
        gradients = [p.grad for p in weights if p.grad is not None]
        with torch.no_grad():
            before = [w.clone() for w in weights]
            torch._foreach_add_(weights, climb(weights, gradients, self.config.rho, self.config.variant))
        with resting_statistics(model):
            backward()
        with torch.no_grad():
            torch._foreach_copy_(weights, before)  # bit for bit, which subtracting would not be
        return terms


class SamConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["sam"] = "sam"
    version: ClassVar[int] = 2  # 2: the length of the climb is rounded once
    rho: float = Field(0.05, gt=0, description="length of the climb")
    variant: Literal["sam", "asam"] = Field("sam", description="asam: in units of the weights (arXiv:2102.11600)")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Sam

    @classmethod
    def neutral(cls) -> Self:
        """Less than a float32 weight can see."""
        return cls(rho=1e-30)
