"""Self-supervised pre-training: the backbone learns from images alone before it sees a label."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from pipeline.experiment import StageList, Strategies, Training
from pipeline.recipes.pretrain import PretrainingRecipe
from pipeline.spec.card import Card, Paper
from pipeline.spec.data import AnyCrop, AnyData, RandomResizedCrop
from pipeline.strategies.blur import BlurConfig
from pipeline.strategies.color_jitter import ColorJitterConfig
from pipeline.strategies.grayscale import GrayscaleConfig
from pipeline.tasks.catalogue import AnyPretraining
from pipeline.tasks.simclr import SimClr

# Appendix A of SimCLR at strength 1: jitter of 0.8 with a hue of 0.2 on 80% of the views, grey on 20%, blur on half.
MATCHED_VIEWS: tuple[Any, ...] = (
    ColorJitterConfig(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, prob=0.8),
    GrayscaleConfig(prob=0.2),
    BlurConfig(prob=0.5),
)
PUBLISHED_STRATEGIES: dict[str, tuple[Any, ...]] = {"simclr": MATCHED_VIEWS, "mae": (), "simmim": ()}
# Smallest area of the crop: SimCLR appendix A; MAE appendix A.1; SimMIM section 4.1.
PUBLISHED_AREA = {"simclr": 0.08, "mae": 0.2, "simmim": 0.67}

CARD = Card(
    title="Self-supervised pre-training",
    family="transfer",
    idea="Learn from images without their labels (matched views, or hidden patches), then start from that backbone.",
    formula="simclr: NT-Xent over two views; mae, simmim: error on hidden patches",
    paper=Paper(
        title="A Simple Framework for Contrastive Learning of Visual Representations", year=2020, arxiv="2002.05709"
    ),
    helps_when="Labels are few and images many.",
    pitfalls=(
        "It costs a training run per seed, of two views per image with simclr: look at the cost with ancestors.",
        "simclr wants large batches and long training; with few epochs it may give less than random weights.",
        "Where colour is the class, the colour jitter of simclr teaches to ignore it: give strategies of your own.",
        "Look at its nearest neighbours, effective rank and warnings before blaming what starts from it.",
    ),
    defaults_from="Views and crops: the papers'. Optimizer and budget: the bare recipe's.",
)


class SslPretrainConfig(PretrainingRecipe):
    """Adds a stage `pretrain` that needs no labels."""

    kind: Literal["ssl_pretrain"] = "ssl_pretrain"
    task: AnyPretraining = SimClr()
    data: AnyData | None = Field(None, description="default: bare's training images")
    crop: AnyCrop | None = Field(None, description="of the pre-training; default: that of the task's paper")
    strategies: Strategies | None = Field(
        None, description="default: those of the task's paper, for simclr color_jitter, grayscale and blur"
    )
    card: ClassVar[Card] = CARD

    def expand(self, trial: StageList, bare: Training) -> StageList:  # noqa: D102 - as its base
        data = self.data or bare.data
        crop = self.crop or RandomResizedCrop(min_area_frac=PUBLISHED_AREA[self.task.kind])
        augment = data.augment.model_copy(update={"crop": crop})
        strategies = PUBLISHED_STRATEGIES[self.task.kind] if self.strategies is None else self.strategies
        return self._expanded(trial, bare, data.model_copy(update={"augment": augment}), self.task, strategies)
