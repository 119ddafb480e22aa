"""Optimizers that keep one average per weight: of the gradient."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.card import Card, Paper
from pipeline.spec.optimizers.base import OptimizerFields

SGD = Card(
    title="SGD with momentum",
    family="optimizers",
    idea="Step against a running sum of past gradients; Nesterov looks one step ahead along it.",
    formula="g <- g + wd w;  v <- m v + g;  w <- w - lr v   (Nesterov: w <- w - lr (g + m v))",
    paper=Paper(title="On the importance of initialization and momentum in deep learning", year=2013,
                url="https://proceedings.mlr.press/v28/sutskever13.html"),
    helps_when="Convolutional networks: few numbers to tune, and hard to beat with a decaying schedule.",
    pitfalls=(
        "The running sum is not an average: momentum 0.9 makes steps ten times as long as none, so a change of "
        "momentum is a change of the rate.",
        "Weight decay is L2: it enters the running sum and is multiplied by the rate.",
    ),
    defaults_from="lr 0.1 and momentum 0.9: the ResNet recipes' at batch 256 (arXiv:1512.03385); their weight decay is "
    "1e-4, ours half of it for short budgets.",
)  # fmt: skip


class SgdFields(OptimizerFields):
    """What the two kinds of SGD share."""

    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_looks_along_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov looks ahead along the momentum, which is 0; set momentum, or nesterov: false")
        return self

    @property
    def has_momentum(self) -> bool:  # noqa: D102 - as its base
        return self.momentum > 0


class Sgd(SgdFields):
    """Stochastic gradient descent with momentum and L2 weight decay."""

    kind: Literal["sgd"] = "sgd"
    weight_decay: float = Field(5e-5, ge=0)
    card: ClassVar[Card] = SGD


SGDW = Card(
    title="SGD with decoupled weight decay",
    family="optimizers",
    idea="As SGD with momentum, but weights shrink by their own rule, outside the running sum of gradients.",
    formula="w <- (1 - lr wd) w;  v <- m v + g;  w <- w - lr v",
    paper=Paper(title="Decoupled Weight Decay Regularization", year=2017, arxiv="1711.05101"),
    helps_when="Momentum is tuned or cycled: the strength of the decay then stays what it is.",
    pitfalls=(
        "The same number is a weaker decay than in sgd, where the running sum multiplies it by 1 / (1 - momentum).",
        "The decay is still multiplied by the rate: doubling lr doubles it.",
    ),
    defaults_from="those of sgd, with the weight decay times 1 / (1 - 0.9), which decays as much.",
)


class Sgdw(SgdFields):
    """SGD whose weight decay stays out of the momentum."""

    kind: Literal["sgdw"] = "sgdw"
    weight_decay: float = Field(5e-4, ge=0)
    card: ClassVar[Card] = SGDW


LION = Card(
    title="Lion",
    family="optimizers",
    idea="Step by the sign of an averaged gradient: every weight moves by the same amount.",
    formula="u = sign(beta1 m + (1 - beta1) g);  m <- beta2 m + (1 - beta2) g;  w <- w - lr (u + wd w)",
    paper=Paper(title="Symbolic Discovery of Optimization Algorithms", year=2023, arxiv="2302.06675"),
    helps_when="Transformers with strong augmentation and large batches; half the optimizer memory of AdamW.",
    pitfalls=(
        "It wants a learning rate 3 to 10 times smaller than AdamW's and a weight decay larger by as much, so that "
        "lr wd stays: swapping the kind alone is an unfair comparison.",
        "Its gain over AdamW grows with the batch; below 64 images expect none.",
    ),
    defaults_from="the paper's betas 0.9 and 0.99; lr and weight decay are adamw's here, divided and multiplied by 10.",
)


class Lion(OptimizerFields):
    """Sign momentum with decoupled weight decay."""

    kind: Literal["lion"] = "lion"
    lr: float = Field(1e-4, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.99, ge=0, lt=1)
    weight_decay: float = Field(0.5, ge=0)
    card: ClassVar[Card] = LION


MUON = Card(
    title="Muon",
    family="optimizers",
    idea="Replace each matrix's averaged gradient by the nearest orthogonal matrix, so that all its directions are "
    "learned at one speed; AdamW for everything that is not a matrix.",
    formula="v <- m v + (1 - m) g;  w <- (1 - lr wd) w - lr 0.2 sqrt(max(rows, columns)) orthogonal(v)",
    paper=Paper(title="Muon: An optimizer for hidden layers in neural networks", year=2024,
                url="https://kellerjordan.github.io/posts/muon/"),
    helps_when="Hidden matrices and kernels dominate: speed records on CIFAR-10 with small networks, transformers.",
    pitfalls=(
        "timm decides by shape: kernels are flattened to (out, in x height x width); biases, norms, depthwise "
        "kernels and matrices with a side below 4 or sides more than 128 times apart take AdamW with the same lr.",
        "The classifier's matrix is therefore trained by Muon too, which its author advises against.",
        "Orthogonalization takes five rounds of three matrix products per step, in bfloat16 on every device.",
        "nesterov also turns the AdamW of the rest into NAdamW.",
    ),
    defaults_from="momentum 0.95 and five rounds: its author's, who adds Nesterov; the scale of Liu et al. 2025 "
    "(arXiv:2502.16982) makes lr and weight decay those of adamw, whose defaults stand here.",
)  # fmt: skip


class Muon(OptimizerFields):
    """Orthogonalized momentum for matrices and kernels, AdamW for the rest."""

    kind: Literal["muon"] = "muon"
    lr: float = Field(1e-3, gt=0)
    momentum: float = Field(0.95, gt=0, lt=1)
    nesterov: bool = False
    beta1: float = Field(0.9, ge=0, lt=1, description="of AdamW, for what is not a matrix")
    beta2: float = Field(0.95, ge=0, lt=1, description="of AdamW, for what is not a matrix")
    weight_decay: float = Field(0.05, ge=0)
    card: ClassVar[Card] = MUON
