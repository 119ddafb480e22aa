"""Layer decay: each block of the network learns slower than the one above it."""

from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import nn

from pipeline.models.structure import blocks
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import ParamOptions, Strategy, StrategyConfig

CARD = Card(
    title="Layer-wise learning-rate decay",
    family="optimization",
    idea="Lower blocks of a pretrained network hold what any image needs: let them move less, block by block.",
    formula="lr of block i = lr factor^(L - i), with the head as block L",
    paper=Paper(title="BEiT: BERT Pre-Training of Image Transformers", year=2021, arxiv="2106.08254"),
    helps_when="A pretrained network is fine-tuned, above all a transformer.",
    pitfalls=(
        "From scratch it starves the stem.",
        "A deep network has many blocks: 0.75 leaves the stem of a 12-block transformer 2% of the rate.",
    ),
    clashes={"discriminative_lr": "both decide how fast the backbone learns"},
    defaults_from="factor 0.75: the default of timm's param_groups_layer_decay.",
)


def lr_scales(blocks_of: tuple[tuple[str, ...], ...], factor: float) -> dict[str, float]:
    """Share of the learning rate by parameter name.  blocks_of: names of each block, from the stem to the head."""
    last = len(blocks_of) - 1
    return {name: factor ** (last - i) for i, names in enumerate(blocks_of) for name in names}


class LayerDecay(Strategy["LayerDecayConfig"]):
    """Draws nothing."""

    def edit_params(self, options: dict[str, ParamOptions], model: nn.Module) -> dict[str, ParamOptions]:  # noqa: D102
        scales = lr_scales(blocks(model), self.config.factor)
        return {name: replace(own, lr_scale=own.lr_scale * scales[name]) for name, own in options.items()}


class LayerDecayConfig(StrategyConfig):
    """Switches it on."""

    kind: Literal["layer_decay"] = "layer_decay"
    factor: float = Field(0.75, gt=0, le=1, description="rate of a block as a share of the next one's")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = LayerDecay

    @classmethod
    def neutral(cls) -> Self:
        """All blocks alike."""
        return cls(factor=1.0)
