"""CosFace: classify by cosines, with a margin on the cosine of the true class."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from pipeline.models.heads import with_cosine_head
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import LossFn, Strategy, StrategyConfig, TrainingFields
from pipeline.tasks.margin import mixing_fault, with_margin

CARD = Card(
    title="CosFace",
    family="heads",
    idea="Replace the classifier by scaled cosines to class centres, and take a margin off the true class's cosine.",
    formula="logit_k = s cos(t_k), and in training logit_y = s (cos(t_y) - m)",
    paper=Paper(title="CosFace: Large Margin Cosine Loss for Deep Face Recognition", year=2018, arxiv="1801.09414"),
    helps_when="Many classes with few images each, or features that are used for retrieval afterwards.",
    pitfalls=(
        "The scale bounds how sure the network can be: with few classes a large one is overconfident.",
        "Weight decay only changes how fast the centres turn, since their length does not count.",
        "The training loss is not comparable with the baseline's.",
    ),
    clashes={
        "mixup": "a margin needs one true class",
        "cutmix": "a margin needs one true class",
        "mixup_or_cutmix": "a margin needs one true class",
        "arcface": "both replace the classifier and put a margin on the true class",
    },
    defaults_from="margin 0.35: the paper. scale 30: the paper has 64, for very many faces; not tuned here.",
)


class CosFace(Strategy["CosFaceConfig"]):
    """Puts the margin on the logits of the cosine head."""

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:  # noqa: D102 - the hook's own docstring
        margin = self.config.margin
        return with_margin(loss_fn, lambda cosine: cosine - margin, self.config.scale)


class CosFaceConfig(StrategyConfig):
    """Switches CosFace on."""

    kind: Literal["cosface"] = "cosface"
    scale: float = Field(30.0, gt=0, le=128, description="logits are scale * cosine")
    margin: float = Field(0.35, ge=0, lt=1, description="taken off the true class's cosine; 0: cosine softmax")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = CosFace

    def fault(self, training: TrainingFields) -> str | None:
        """No mixed images."""
        return mixing_fault(training.strategies)

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """A cosine head."""
        return with_cosine_head(model, num_classes, self.scale)
