"""Parameters and FLOPs of a stage's network, with its surgery and without; and whether it takes the images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import timm
from pydantic import TypeAdapter

from pipeline.experiment import StageSpec, Strategies
from pipeline.models.probe import Probe, probe
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.model import AnyModel, Timm
from pipeline.strategies.base import StrategyConfig
from pipeline.tasks.base import Task
from pipeline.tasks.catalogue import AnyTask
from pipeline.training.network import fresh_model

_MODEL: TypeAdapter[AnyModel] = TypeAdapter(AnyModel)
_STRATEGIES: TypeAdapter[Any] = TypeAdapter(Strategies)
_TASK: TypeAdapter[Any] = TypeAdapter(AnyTask)


@dataclass(frozen=True, slots=True)
class Footprint:
    """A stage's network at its training size, and the same without any surgery. None: it cannot be counted."""

    edited: Probe | None
    bare: Probe | None


def footprint(spec: AnyModel, strategies: Sequence[StrategyConfig], num_classes: int, size_px: int) -> Footprint:
    """Counted once per process. Never fails: it is asked for when a run is done.

    Args:
        spec: the network.
        strategies: of the stage; only those that edit the network matter.
        num_classes: of the data.
        size_px: image size.
    """
    return Footprint(_counted(spec, strategies, num_classes, size_px), _counted(spec, (), num_classes, size_px))


def _counted(spec: AnyModel, strategies: Sequence[StrategyConfig], num_classes: int, size_px: int) -> Probe | None:
    try:
        return _known(spec, strategies, num_classes, size_px)
    except Exception:  # a user's network may train on a GPU only; its results are worth more than its FLOPs
        return None


def check_network(
    spec: AnyModel, strategies: Sequence[StrategyConfig], num_classes: int, size_px: int, where: str = "model"
) -> None:
    """Refuse a network that cannot be built, or cannot take this size: most vision transformers take one size only.

    Raises:
        SpecError: with what the network said.
        Impossible: the network is fine, but not after the surgery of these strategies; with what that said.
    """
    if fault := _fault(spec, (), num_classes, size_px):
        raise SpecError(f"{where}: {fault}")
    editors = _editors(strategies)
    if editors and (fault := _fault(spec, editors, num_classes, size_px)):
        raise Impossible(f"strategies: {' and '.join(config.key for config in editors)}: {fault}")


def check_task(stage: StageSpec, num_classes: int) -> None:
    """Refuse a task that cannot work on the stage's network. Call it when the network itself was found to be fine.

    Raises:
        Impossible: with what the task says.
    """
    editors = _STRATEGIES.dump_json(tuple(_editors(stage.strategies))).decode()
    model, task = _MODEL.dump_json(stage.model).decode(), stage.task.model_dump_json()
    if fault := _task_fault(model, editors, task, num_classes, stage.data.image_size_px):
        raise Impossible(f"stage {stage.name!r}: {fault}")


@lru_cache(maxsize=512)  # every arm of a grid asks
def _task_fault(model_json: str, strategies_json: str, task_json: str, num_classes: int, size_px: int) -> str:
    spec, strategies = _MODEL.validate_json(model_json), _STRATEGIES.validate_json(strategies_json)
    task: Task = _TASK.validate_json(task_json)
    plain = fresh_model(spec, strategies, spec.head_size(num_classes), seed=0)
    try:
        task.network(plain, size_px)
    except SpecError as error:
        return str(error)
    return ""


def _fault(spec: AnyModel, editors: Sequence[StrategyConfig], num_classes: int, size_px: int) -> str | None:
    name = spec.name if isinstance(spec, Timm) else getattr(spec, "target", spec.kind)
    try:
        shape = _known(spec, editors, num_classes, size_px).output_shape
    except SpecError as error:
        return str(error)
    except Exception as error:  # whatever a network raises at a size that it cannot take
        said = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        native = timm.get_pretrained_cfg(name) if isinstance(spec, Timm) else None
        usual = f" ({native.input_size[-1]} is its usual one)" if native is not None else ""
        return (
            f"{name} does not take images of {size_px} px: {said}. Set data.image_size_px, and the sizes of "
            f"progressive_resizing and tta, to what it takes{usual}, or choose another model"
        )
    expected = (1, spec.head_size(num_classes))
    if shape == expected:
        return None
    return (
        f"{name} turns one image into an output of shape {list(shape) or 'that is no tensor'}; expected logits of "
        f"shape {list(expected)}, one for each class"
    )


def _editors(strategies: Sequence[StrategyConfig]) -> list[StrategyConfig]:
    return [config for config in strategies if type(config.trick).edit_model is not StrategyConfig.edit_model]


def _known(spec: AnyModel, strategies: Sequence[StrategyConfig], num_classes: int, size_px: int) -> Probe:
    """Of the cached ones, or a new one. The key is text: options of a spec have no hash."""
    editors = _STRATEGIES.dump_json(tuple(_editors(strategies))).decode()
    return _probed(_MODEL.dump_json(spec).decode(), editors, num_classes, size_px)


@lru_cache(maxsize=512)  # every arm of a grid asks, and every trial of a lane
def _probed(model_json: str, strategies_json: str, num_classes: int, size_px: int) -> Probe:
    spec, strategies = _MODEL.validate_json(model_json), _STRATEGIES.validate_json(strategies_json)
    head_size = spec.head_size(num_classes)
    return probe(lambda: fresh_model(spec, strategies, head_size, seed=0), size_px)
