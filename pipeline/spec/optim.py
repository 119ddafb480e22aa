"""Optimizer, learning-rate schedule, training budget and number format."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.base import Frozen


class Sgd(Frozen):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(5e-5, ge=0)


class AdamW(Frozen):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    weight_decay: float = Field(0.05, ge=0)


class TimmOptimizer(Frozen):
    """Any other optimizer of `timm.optim`, by its name there (lamb, lion, adan, rmsprop ...)."""

    kind: Literal["timm"] = "timm"
    name: str
    lr: float = Field(gt=0)
    weight_decay: float = Field(0.0, ge=0)
    options: dict[str, Any] = {}


AnyOptimizer = Annotated[Sgd | AdamW | TimmOptimizer, Field(discriminator="kind")]


class Warmup(Frozen):
    """Fields of every schedule: a linear rise from `warmup_start_frac` of the peak over the first epochs."""

    warmup_epochs: float = Field(0.0, ge=0)
    warmup_start_frac: float = Field(0.01, ge=0, le=1)

    def lr_frac(self, epoch: float, num_epochs: int) -> float:
        """The rate as a share of its peak.  epoch: time since the start, with the fraction of the epoch done."""
        if epoch < self.warmup_epochs:
            return self.warmup_start_frac + (1.0 - self.warmup_start_frac) * epoch / self.warmup_epochs
        return self.after_warmup(epoch - self.warmup_epochs, num_epochs - self.warmup_epochs)

    def after_warmup(self, t: float, total: float) -> float:
        """The same once the rise is over.  t: epochs since then, of `total`."""
        return 1.0


class Constant(Warmup):
    """The peak rate throughout."""

    kind: Literal["constant"] = "constant"


class Cosine(Warmup):
    """Half a cosine from the peak to `final_frac` of it (Loshchilov & Hutter 2016, arXiv:1608.03983)."""

    kind: Literal["cosine"] = "cosine"
    final_frac: float = Field(0.0, ge=0, le=1)

    def after_warmup(self, t: float, total: float) -> float:  # noqa: D102 - as its base
        return self.final_frac + (1.0 - self.final_frac) * 0.5 * (1.0 + math.cos(math.pi * t / total))


AnySchedule = Annotated[Constant | Cosine, Field(discriminator="kind")]


class Budget(Frozen):
    """How long to train, and in what portions.

    `batch_size` is global. It is cut into `num_shards` equal shards: the units of batch statistics, of gradient
    accumulation and of random draws. Workers share the shards, so their number never changes the experiment.
    """

    epochs: int = Field(10, ge=1, le=100_000)
    batch_size: int = Field(64, ge=2)
    num_shards: int = Field(1, ge=1, description="a multiple of the workers per trial")
    eval_batch_size: int = Field(256, ge=1)

    @model_validator(mode="after")
    def _shards_divide(self) -> Self:
        if self.batch_size % self.num_shards or self.batch_size // self.num_shards < 2:
            raise ValueError(
                f"batch_size={self.batch_size} cannot be cut into num_shards={self.num_shards} equal shards of at "
                "least 2 images; choose a multiple"
            )
        return self


Precision = Literal["auto", "fp32", "tf32", "bf16", "fp16"]
"""`auto` is what the device does best: bf16 where it has the instructions, else fp16 on a GPU, else fp32.

`tf32` stores float32 and multiplies matrices with ten mantissa bits (NVIDIA, Ampere and newer)."""

MemoryFormat = Literal["channels_last", "contiguous"]
"""How images and kernels lie in memory; channels last is what convolutions of most devices like best."""

Compile = Literal["off", "default", "reduce-overhead", "max-autotune"]
"""`torch.compile` of the network, and its mode. The first steps of each image size then take much longer."""
