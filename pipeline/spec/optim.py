"""Optimizer, training budget and number format."""

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from pipeline.spec.base import Frozen
from pipeline.spec.card import Card, Paper
from pipeline.spec.optimizers.adaptive import Adam, AdamW, Adan, Lamb, RmsProp
from pipeline.spec.optimizers.base import OptimizerFields
from pipeline.spec.optimizers.momentum import Lion, Muon, Sgd, Sgdw

TIMM = Card(
    title="Any optimizer of timm",
    family="optimizers",
    idea="Build an optimizer of timm.optim by its name there, with options by their names there.",
    paper=Paper(title="PyTorch Image Models", year=2019, url="https://huggingface.co/docs/timm/reference/optimizers"),
    helps_when="The optimizer you read about has no kind of its own here (adabelief, nadamw, adafactor, madgrad ...).",
    pitfalls=(
        "What is not set here is timm's default, not torch's: its sgd is Nesterov's, its momentum 0.9.",
        "Options are checked by building the optimizer once, not by type.",
    ),
    defaults_from="timm.optim.list_optimizers() has the names.",
)


class TimmOptimizer(OptimizerFields):
    """Any other optimizer of `timm.optim`, by its name there (adabelief, nadamw, adafactor ...)."""

    kind: Literal["timm"] = "timm"
    name: str
    weight_decay: float = Field(0.0, ge=0)
    options: dict[str, Any] = {}
    card: ClassVar[Card] = TIMM

    @classmethod
    def example(cls) -> Self:  # noqa: D102 - as its base
        return cls(name="nadamw", lr=1e-3)


AnyOptimizer = Annotated[
    Sgd | Sgdw | Adam | AdamW | Lamb | Lion | Adan | RmsProp | Muon | TimmOptimizer, Field(discriminator="kind")
]

OPTIMIZERS: dict[str, type[OptimizerFields]] = {
    optimizer.model_fields["kind"].default: optimizer for optimizer in get_args(get_args(AnyOptimizer)[0])
}


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
