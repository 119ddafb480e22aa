"""The weights a stage starts from, and the network of a finished run."""

import json

import torch
from torch import nn

from pipeline.experiment import StageSpec
from pipeline.spec.errors import RecordError
from pipeline.spec.links import FromStage
from pipeline.training import checkpoint
from pipeline.training.job import StageJob
from pipeline.training.network import fresh_model, placed


def load_run_model(job: StageJob, key: str, num_classes: int, device: torch.device) -> nn.Module:
    """The network of a finished run with its final weights, in eval mode, without gradients.

    Raises:
        RecordError: the weights are gone.
    """
    path = job.model_path(key)
    if not path.exists():
        raise RecordError(f"run {key} is finished, but its weights {path} are gone; train it again")
    spec = StageSpec.model_validate(json.loads((job.runs_dir / key / "spec.json").read_text()))
    model = fresh_model(spec.model, spec.strategies, spec.model.head_size(num_classes), seed=0)
    model.load_state_dict(checkpoint.load(path, device)["model"])
    return placed(model, device, spec.memory_format).eval().requires_grad_(False)


def initial_model(job: StageJob, seed: int, num_classes: int, device: torch.device) -> nn.Module:
    """A network with its starting weights."""
    spec = job.spec
    model = fresh_model(spec.model, spec.strategies, spec.model.head_size(num_classes), seed)
    if isinstance(spec.init, FromStage):
        state = checkpoint.load(job.model_path(job.ancestors[spec.init.stage]), torch.device("cpu"))
        model.load_state_dict(state["model"])
    return placed(model, device, spec.memory_format)
