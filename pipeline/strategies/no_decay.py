"""No decay: leave norms and biases out of the weight decay."""

from dataclasses import replace
from typing import ClassVar, Literal

from torch import nn

from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import ParamOptions, Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="No decay on norms and biases",
    family="optimization",
    tasks=ANY_TASK,
    idea="Weight decay pulls kernels and matrices only, so that scales and offsets are free to be what they must be.",
    formula="weight decay = 0 for every bias and every parameter of one dimension",
    paper=Paper(
        title="Bag of Tricks for Image Classification with Convolutional Neural Networks", year=2019, arxiv="1812.01187"
    ),
    helps_when="Batches are large or the decay is strong; with a decay of 5e-5 hardly anything changes.",
    pitfalls=("Position embeddings and class tokens have more dimensions, so they still decay.",),
)


def exempt(model: nn.Module) -> frozenset[str]:
    """Names of the parameters that do not decay: the selection of `timm.optim.param_groups_weight_decay`."""
    return frozenset(name for name, p in model.named_parameters() if p.ndim <= 1 or name.endswith(".bias"))


class NoDecay(Strategy["NoDecayConfig"]):
    """Draws nothing."""

    def edit_params(self, options: dict[str, ParamOptions], model: nn.Module) -> dict[str, ParamOptions]:  # noqa: D102
        free = exempt(model)
        return {name: replace(own, weight_decay=0.0) if name in free else own for name, own in options.items()}


class NoDecayConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["no_decay"] = "no_decay"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = NoDecay

    def fault(self, training: TrainingFields) -> str | None:
        """There must be a decay to leave out."""
        if training.optimizer.weight_decay:
            return None
        return "optimizer.weight_decay is 0, so there is nothing to leave out; raise it, or switch this off"
