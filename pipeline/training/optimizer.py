"""Optimizers by spec, from timm."""

import difflib
from functools import lru_cache

import timm.optim
from pydantic import TypeAdapter
from torch import nn
from torch.optim import Optimizer

from pipeline.spec.errors import SpecError
from pipeline.spec.optim import AdamW, AnyOptimizer, Sgd, TimmOptimizer


def check_optimizer(spec: AnyOptimizer, where: str = "optimizer") -> None:
    """Refuse a name that timm.optim does not know, and options that its optimizer does not take.

    Raises:
        SpecError: with the nearest names, or the optimizer's own words.
    """
    fault = _fault_of(spec.model_dump_json())
    if fault:
        raise SpecError(f"{where}{fault}")


@lru_cache(maxsize=256)  # every arm of a grid asks
def _fault_of(spec_json: str) -> str:
    spec = TypeAdapter(AnyOptimizer).validate_json(spec_json)
    if isinstance(spec, TimmOptimizer) and spec.name not in timm.optim.list_optimizers():
        known = [str(name) for name in timm.optim.list_optimizers()]
        near = difflib.get_close_matches(spec.name, known, n=4, cutoff=0.4)
        hint = f"the nearest are {', '.join(near)}" if near else f"it has {', '.join(sorted(known))}"
        return f".name: timm.optim has no optimizer {spec.name!r}; {hint}"
    try:
        build_optimizer(spec, nn.Linear(2, 2))
    except (TypeError, ValueError) as error:  # what optimizers raise on options they do not know or cannot use
        return f": {error}. See timm.optim for what it takes"
    return ""


def build_optimizer(spec: AnyOptimizer, model: nn.Module) -> Optimizer:
    """An optimizer over all trainable parameters; weight decay applies to matrices and kernels, and to 1-D too."""
    options = {"lr": spec.lr, "weight_decay": spec.weight_decay, "filter_bias_and_bn": False}
    match spec:
        case Sgd():
            name = "sgd" if spec.nesterov else "momentum"
            return timm.optim.create_optimizer_v2(model, opt=name, momentum=spec.momentum, **options)
        case AdamW():
            return timm.optim.create_optimizer_v2(model, opt="adamw", betas=(spec.beta1, spec.beta2), **options)
        case TimmOptimizer():
            return timm.optim.create_optimizer_v2(model, opt=spec.name, **options, **spec.options)
