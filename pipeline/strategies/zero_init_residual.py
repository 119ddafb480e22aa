"""Zero-initialised residual branches: every block starts as its shortcut."""

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from pipeline.models.residual import with_branch_scale
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="Zero-initialised residuals",
    family="architecture",
    tasks=ANY_TASK,
    idea="Start the scale of the last norm of every residual branch at zero, so that the network starts shallow.",
    formula="y = x + g F(x), g = 0 at the start",
    paper=Paper(title="Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", year=2017, arxiv="1706.02677"),
    helps_when="The network is deep and the learning rate or the batch is large.",
    pitfalls=(
        "timm's ResNets and RegNets start so: there `value: 1` undoes it, and is what can be measured.",
        "Layer scales (ConvNeXt) count as the scale; transformer blocks without one get an output map of zeros.",
        "It rewrites initial weights, so it is for training from scratch.",
    ),
    defaults_from="value 0: the paper, for the last batch norm of each block.",
)


class ZeroInitResidual(Strategy["ZeroInitResidualConfig"]):
    """All is done in the network."""


class ZeroInitResidualConfig(StrategyConfig):
    """Switches zero-initialised residuals on, or off where the network has them."""

    kind: Literal["zero_init_residual"] = "zero_init_residual"
    value: float = Field(0.0, ge=0, le=1, description="scale of every residual branch at the start")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = ZeroInitResidual

    @classmethod
    def setting(cls) -> dict[str, Any]:
        """A small vision transformer: timm's ResNets start at zero anyway."""
        return {"model": {"kind": "timm", "name": "test_vit"}}

    def fault(self, training: TrainingFields) -> str | None:
        """Trained weights would be overwritten, silently."""
        kind = training.init.kind
        if kind != "scratch":
            return f"init of kind {kind} brings trained weights, which this would overwrite; use it from scratch only"
        return None

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """At the end of every residual branch."""
        return with_branch_scale(model, self.value)
