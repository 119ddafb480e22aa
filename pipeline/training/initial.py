"""The weights a stage starts from, and the network of a finished run."""

import json
from functools import partial

import torch
from torch import nn

from pipeline.experiment import StageSpec
from pipeline.models.build import build_model
from pipeline.models.teachers import shown_as_trained
from pipeline.models.weights import fill_from_file, load_part
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.links import FromFile, FromStage, Pretrained, Scratch, StageRef, TeacherRef
from pipeline.training import checkpoint
from pipeline.training.job import StageJob
from pipeline.training.network import fresh_model, placed


def spec_of_run(job: StageJob, key: str) -> StageSpec:
    """What a finished run of an earlier stage was."""
    return StageSpec.model_validate(json.loads((job.runs_dir / key / "spec.json").read_text()))


def load_run_model(job: StageJob, key: str, num_classes: int, device: torch.device) -> nn.Module:
    """The network of a finished run with its final weights, in eval mode, without gradients.

    Raises:
        RecordError: the weights are gone.
    """
    path = job.model_path(key)
    if not path.exists():
        raise RecordError(f"run {key} is finished, but its weights {path} are gone; train it again")
    spec = spec_of_run(job, key)
    model = fresh_model(spec.model, spec.strategies, spec.model.head_size(num_classes), seed=0)
    model.load_state_dict(checkpoint.load(path, device)["model"])
    return placed(model, device, spec.memory_format).eval().requires_grad_(False)


def load_teacher(job: StageJob, ref: TeacherRef, num_classes: int, device: torch.device) -> nn.Module:
    """Who teaches, with final weights, in eval mode, without gradients. The one place that decides how.

    It is given the student's batches, and sees them in the colours that it was trained with.

    Raises:
        Impossible: weights from outside do not fit the network.
        SpecError: they are not those of the plan.
        RecordError: the weights of the earlier stage are gone.
    """
    shown = job.spec.data.colours
    if isinstance(ref, StageRef):
        key = job.ancestors[ref.stage]
        model = load_run_model(job, key, num_classes, device)
        return shown_as_trained(model, shown, spec_of_run(job, key).data.colours)
    assert isinstance(ref.weights, FromFile), "the planner has fetched pretrained weights"
    model = build_model(ref.model, ref.model.head_size(num_classes))
    fill_from_file(model, ref.weights, "teacher.weights")
    model = placed(model, device, job.spec.memory_format).eval().requires_grad_(False)
    return shown_as_trained(model, shown, ref.colours or shown)


def initial_model(job: StageJob, seed: int, num_classes: int, device: torch.device) -> nn.Module:
    """A network with its starting weights.

    Weights from outside are those of the plain network, so surgery comes after them; an earlier stage's network has
    been through surgery itself, so its weights come last.

    Raises:
        Impossible: the weights do not fit the network.
        SpecError: they are not those of the plan.
        RecordError: the weights of the earlier stage are gone.
    """
    spec = job.spec
    head_size = spec.model.head_size(num_classes)
    match spec.init:
        case FromFile() as init:
            fill = partial(fill_from_file, init=init, where="init")
            model = fresh_model(spec.model, spec.strategies, head_size, seed, fill)
        case FromStage() as init:
            model = fresh_model(spec.model, spec.strategies, head_size, seed)
            state = checkpoint.load(job.model_path(job.ancestors[init.stage]), torch.device("cpu"))
            load_part(model, state["model"], init.part, f"init: stage {init.stage}")
        case Scratch():
            model = fresh_model(spec.model, spec.strategies, head_size, seed)
        case Pretrained():
            raise SpecError(f"stage {spec.name}: init of kind pretrained must be planned, so that it is fetched once")
    return placed(model, device, spec.memory_format)
