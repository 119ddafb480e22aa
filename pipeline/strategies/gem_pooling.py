"""Generalized-mean pooling in the place of the average before the classifier."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from pipeline.models.pooling import GeM, with_gem
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import ParamOptions, Strategy, StrategyConfig

CARD = Card(
    title="Generalized-mean pooling",
    family="heads",
    tasks=ANY_TASK,
    idea="Pool by a power mean whose exponent is learned, so that strong activations count more than in an average.",
    formula="f_c = (mean over pixels of max(x_c, 1e-6)^p)^(1/p)",
    paper=Paper(title="Fine-tuning CNN Image Retrieval with No Human Annotation", year=2017, arxiv="1711.02512"),
    helps_when="What tells classes apart is small in the image; common in retrieval and fine-grained recognition.",
    pitfalls=(
        "Negative features count as zero: networks without a ReLU at the end (ConvNeXt) lose them.",
        "Features come out larger than an average, so the classifier starts at another scale.",
        "Weight decay leaves the exponent alone.",
    ),
    defaults_from="p 3 and learned: the paper.",
)


class GemPooling(Strategy["GemPoolingConfig"]):
    """Keeps the exponent from decaying to zero."""

    def edit_params(self, options: dict[str, ParamOptions], model: nn.Module) -> dict[str, ParamOptions]:  # noqa: D102 - the hook's own docstring
        exponents = {f"{name}.p" for name, module in model.named_modules() if isinstance(module, GeM)}
        return {name: replace(own, weight_decay=0.0) if name in exponents else own for name, own in options.items()}


class GemPoolingConfig(StrategyConfig):
    """Switches generalized-mean pooling on."""

    kind: Literal["gem_pooling"] = "gem_pooling"
    p: float = Field(3.0, ge=1, le=20, description="the exponent at the start; 1 is the average")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = GemPooling

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """Where the network pools all pixels."""
        return with_gem(model, self.p)
