"""Which field of the spec has which card, and the cards of what a patch changes."""

from typing import Any

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.card import Card
from pipeline.spec.fields import images, machine, training
from pipeline.spec.optim import OPTIMIZERS
from pipeline.spec.schedule import SCHEDULES


class FieldCard(Frozen):
    """A card, and where its trick is switched on."""

    card: Card
    path: str = Field(description="dotted path in the experiment")
    value: str | None = Field(None, description="the card is about this value or kind only; None: about any")
    example: Any = Field(description="what to write at the path to switch it on")


def _field(card: Card, path: str, example: Any) -> FieldCard:
    return FieldCard(card=card, path=path, example=example)


def _value(card: Card, path: str, value: str) -> FieldCard:
    return FieldCard(card=card, path=path, value=value, example=value)


def _kind(card: Card, path: str, kind: str, /, **fields: Any) -> FieldCard:
    return FieldCard(card=card, path=path, value=kind, example={"kind": kind, **fields})


FIELD_CARDS: dict[str, FieldCard] = {
    "random_resized_crop": _kind(images.RANDOM_RESIZED_CROP, "data.augment.crop", "random_resized_crop"),
    "pad_and_crop": _kind(images.PAD_AND_CROP, "data.augment.crop", "pad_and_crop"),
    "horizontal_flip": _field(images.HORIZONTAL_FLIP, "data.augment.horizontal_flip_prob", 0.5),
    "fixres": _field(images.FIXRES, "data.eval_image_size_px", 160),
    "eval_crop": _field(images.EVAL_CROP, "data.eval_crop_frac", 0.95),
    "classes": _field(images.CLASSES, "data.classes", ["3", "8"]),
    "dropout": _field(training.DROPOUT, "model.drop_rate", 0.2),
    "stochastic_depth": _field(training.STOCHASTIC_DEPTH, "model.drop_path_rate", 0.1),
    "weight_decay": _field(training.WEIGHT_DECAY, "optimizer.weight_decay", 1e-4),
    "warmup": _field(training.WARMUP, "schedule.warmup_epochs", 1),
    "epochs": _field(training.EPOCHS, "budget.epochs", 20),
    "batch_size": _field(training.BATCH_SIZE, "budget.batch_size", 128),
    "gradient_accumulation": _field(training.GRADIENT_ACCUMULATION, "budget.num_shards", 4),
    "pretrained": _kind(training.PRETRAINED, "init", "pretrained"),
    "from_file": _kind(training.FROM_FILE, "init", "from_file", path="weights.pt"),
    "from_stage": _kind(training.FROM_STAGE, "init", "from_stage", stage="teacher"),
    "fp32": _value(machine.FP32, "precision", "fp32"),
    "tf32": _value(machine.TF32, "precision", "tf32"),
    "bf16": _value(machine.BF16, "precision", "bf16"),
    "fp16": _value(machine.FP16, "precision", "fp16"),
    "channels_last": _field(machine.CHANNELS_LAST, "memory_format", "channels_last"),
    "torch_compile": _field(machine.TORCH_COMPILE, "compile", "default"),
}

_MISSING = object()


def cards_of_patch(patch: dict[str, Any]) -> dict[str, Card]:
    """Name -> card of each schedule, optimizer and field that a patch sets, kinds first; strategies are not looked at.

    Args:
        patch: of an experiment, nested: dotted paths resolved, validated.
    """
    found: dict[str, Card] = {}
    for field, known in (("schedule", SCHEDULES), ("optimizer", OPTIMIZERS)):
        kind = _at(patch, f"{field}.kind")
        if kind is not _MISSING:
            found[kind] = known[kind].card
    for name, field in FIELD_CARDS.items():
        value = _at(patch, field.path)
        if value is not _MISSING and field.value in (None, _kind_of(value)):
            found[name] = field.card
    return found


def _at(patch: dict[str, Any], path: str) -> Any:
    """What the patch has at a dotted path."""
    here: Any = patch
    for part in path.split("."):
        if not isinstance(here, dict) or part not in here:
            return _MISSING
        here = here[part]
    return here


def _kind_of(value: Any) -> Any:
    return value.get("kind") if isinstance(value, dict) else value
