"""Optimizers that also keep an average of the squared gradient, and so give each weight a rate of its own."""

from typing import ClassVar, Literal

from pydantic import Field

from pipeline.spec.card import Card, Paper
from pipeline.spec.optimizers.base import OptimizerFields

ADAM = Card(
    title="Adam",
    family="optimizers",
    idea="Divide the averaged gradient of each weight by the root of its averaged square.",
    formula="g <- g + wd w;  m, v: averages of g, g^2, bias-corrected;  w <- w - lr m / (sqrt v + 1e-8)",
    paper=Paper(title="Adam: A Method for Stochastic Optimization", year=2014, arxiv="1412.6980"),
    helps_when="Gradients differ in size between layers, and nobody has time to tune the rate.",
    pitfalls=(
        "Weight decay is L2: it is divided like the gradient, so it hardly shrinks weights with large gradients. Use "
        "adamw where decay matters.",
        "Convolutional networks often end lower than with sgd and a decaying schedule.",
    ),
    defaults_from="the paper's: lr 1e-3, betas 0.9 and 0.999, no weight decay.",
)


class Adam(OptimizerFields):
    """Adam with L2 weight decay."""

    kind: Literal["adam"] = "adam"
    lr: float = Field(1e-3, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    card: ClassVar[Card] = ADAM


ADAMW = Card(
    title="AdamW",
    family="optimizers",
    idea="Adam, with weights that shrink by their own rule, not through the scaled gradient.",
    formula="w <- (1 - lr wd) w;  m, v: averages of g, g^2, bias-corrected;  w <- w - lr m / (sqrt v + 1e-8)",
    paper=Paper(title="Decoupled Weight Decay Regularization", year=2017, arxiv="1711.05101"),
    helps_when="Transformers and modern convolutional networks, with warm-up and cosine.",
    pitfalls=(
        "The decay is multiplied by the rate: at lr 1e-3 the usual 0.05 shrinks weights by 0.00005 per step.",
        "Its rates are about 100 times smaller than sgd's: a factor that swaps the kind must set lr and weight_decay.",
    ),
    defaults_from="lr 1e-3 and weight decay 0.05: the vision transformer recipes' (arXiv:2012.12877) at batch 1024.",
)


class AdamW(OptimizerFields):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.05, ge=0)
    card: ClassVar[Card] = ADAMW


LAMB = Card(
    title="LAMB",
    family="optimizers",
    idea="An Adam step for each tensor, stretched so that its length is lr times the length of the tensor itself.",
    formula="u = m / (sqrt v + 1e-6) + wd w;  w <- w - lr u |w| / |u|",
    paper=Paper(title="Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", year=2019,
                arxiv="1904.00962"),
    helps_when="Batches of thousands of images (timm's recipes A1 to A3 for ResNet-50).",
    pitfalls=(
        "Tensors without weight decay take plain Adam steps (timm's rule): with weight_decay 0 it is Adam.",
        "Many implementations clip the global gradient norm to 1 unasked; here only when max_grad_norm says so.",
        "At ordinary batch sizes adamw does as well.",
    ),
    defaults_from="lr 5e-3 and weight decay 0.02: recipe A2 (arXiv:2110.00476) at batch 2048, which also clips to 1.",
)  # fmt: skip


class Lamb(OptimizerFields):
    """Layer-wise adaptive Adam."""

    kind: Literal["lamb"] = "lamb"
    lr: float = Field(5e-3, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.02, ge=0)
    max_grad_norm: float | None = Field(None, gt=0, description="clip the norm of all gradients; timm's default is 1")
    card: ClassVar[Card] = LAMB


ADAN = Card(
    title="Adan",
    family="optimizers",
    idea="Adam with Nesterov's look-ahead, taken from the difference of successive gradients.",
    formula="d = g - g_before;  m, n, v: averages of g, d, (g + beta2 d)^2;  "
    "w <- (w - lr (m + beta2 n) / (sqrt v + 1e-8)) / (1 + lr wd)",
    paper=Paper(title="Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models", year=2022,
                arxiv="2208.06677"),
    helps_when="Transformers and convolutional networks alike, at rates above adamw's.",
    pitfalls=(
        "Its betas weigh the past, as Adam's do: the paper writes 1 - beta (0.02, 0.08, 0.01).",
        "Three averages and the last gradient: twice the optimizer memory of adamw.",
    ),
    defaults_from="lr 1e-3 and betas: the authors' code and timm; weight decay 0.02: the paper's ImageNet recipes, "
    "whose rates are several times adamw's.",
)  # fmt: skip


class Adan(OptimizerFields):
    """Adam with Nesterov momentum from gradient differences, and proximal weight decay."""

    kind: Literal["adan"] = "adan"
    lr: float = Field(1e-3, gt=0)
    beta1: float = Field(0.98, ge=0, lt=1)
    beta2: float = Field(0.92, ge=0, lt=1)
    beta3: float = Field(0.99, ge=0, lt=1)
    weight_decay: float = Field(0.02, ge=0)
    card: ClassVar[Card] = ADAN


RMSPROP = Card(
    title="RMSprop",
    family="optimizers",
    idea="Divide each gradient by the root of its averaged square, then add momentum.",
    formula="g <- g + wd w;  v <- a v + (1 - a) g^2;  b <- m b + g / (sqrt v + eps);  w <- w - lr b",
    paper=Paper(title="Lecture 6e of Neural Networks for Machine Learning (Tieleman and Hinton)", year=2012,
                url="https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf"),
    helps_when="MobileNet and EfficientNet recipes are repeated.",
    pitfalls=(
        "Those recipes use TensorFlow's variant, with eps inside the root and averages that start at 1: that one is "
        "{kind: timm, name: rmsproptf}.",
        "There is no bias correction: the first steps are 1 / sqrt(1 - a) times too long, so warm up.",
        "Weight decay is L2 and divided like the gradient.",
    ),
    defaults_from="alpha 0.9 and momentum 0.9: EfficientNet's (arXiv:1905.11946); torch's are 0.99 and 0.",
)  # fmt: skip


class RmsProp(OptimizerFields):
    """Scaled gradients with momentum and L2 weight decay, as in torch."""

    kind: Literal["rmsprop"] = "rmsprop"
    lr: float = Field(1e-3, gt=0)
    alpha: float = Field(0.9, ge=0, lt=1, description="weight of the past in the averaged square")
    momentum: float = Field(0.9, ge=0, lt=1)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    card: ClassVar[Card] = RMSPROP

    @property
    def has_momentum(self) -> bool:  # noqa: D102 - as its base
        return self.momentum > 0
