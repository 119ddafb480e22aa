"""Optimizers by spec, from timm."""

import difflib

import timm.optim
from torch import nn
from torch.optim import Optimizer

from pipeline.spec.errors import SpecError
from pipeline.spec.optim import AdamW, AnyOptimizer, Sgd, TimmOptimizer


def check_optimizer(spec: AnyOptimizer, where: str = "optimizer") -> None:
    """Refuse a name that timm.optim does not know, and options that its optimizer does not take.

    Raises:
        SpecError: with the nearest names, or the optimizer's own words.
    """
    if isinstance(spec, TimmOptimizer) and spec.name not in timm.optim.list_optimizers():
        known = [str(name) for name in timm.optim.list_optimizers()]
        near = difflib.get_close_matches(spec.name, known, n=4, cutoff=0.4)
        hint = f"the nearest are {', '.join(near)}" if near else f"it has {', '.join(sorted(known))}"
        raise SpecError(f"{where}.name: timm.optim has no optimizer {spec.name!r}; {hint}")
    try:
        build_optimizer(spec, nn.Linear(2, 2))
    except (TypeError, ValueError) as error:  # what optimizers raise on options they do not know or cannot use
        raise SpecError(f"{where}: {error}. See timm.optim for what {spec.kind} takes") from error


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
