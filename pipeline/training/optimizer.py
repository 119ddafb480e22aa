"""Optimizers by spec, from timm."""

import difflib
from functools import lru_cache
from typing import Any

import timm.optim
from pydantic import TypeAdapter
from torch import nn
from torch.optim import Optimizer

from pipeline.spec.errors import SpecError
from pipeline.spec.optim import (
    Adam,
    AdamW,
    Adan,
    AnyOptimizer,
    Lamb,
    Lion,
    Muon,
    RmsProp,
    Sgd,
    Sgdw,
    TimmOptimizer,
)
from pipeline.strategies.base import ParamOptions


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
        probe = nn.Linear(2, 2)
        build_optimizer(spec, probe, param_options(spec, probe))
    except (TypeError, ValueError) as error:  # what optimizers raise on options they do not know or cannot use
        return f": {error}. See timm.optim for what it takes"
    return ""


def param_options(spec: AnyOptimizer, model: nn.Module) -> dict[str, ParamOptions]:
    """By parameter name: weight decay applies to matrices, kernels and vectors alike, unless a strategy changes it."""
    return {name: ParamOptions(spec.weight_decay) for name, p in model.named_parameters() if p.requires_grad}


def param_groups(model: nn.Module, options: dict[str, ParamOptions], lr: float) -> list[dict[str, Any]]:
    """Parameters with equal options together, in the order of their first member."""
    groups: dict[ParamOptions, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if name in options:
            groups.setdefault(options[name], []).append(parameter)
    return [
        {"params": params, "lr": lr * own.lr_scale, "weight_decay": own.weight_decay} for own, params in groups.items()
    ]


def build_optimizer(spec: AnyOptimizer, model: nn.Module, options: dict[str, ParamOptions]) -> Optimizer:
    """An optimizer over the parameters that have options."""
    groups = param_groups(model, options, spec.lr)
    name, own = timm_options(spec)
    return timm.optim.create_optimizer_v2(groups, opt=name, lr=spec.lr, weight_decay=spec.weight_decay, **own)


def timm_options(spec: AnyOptimizer) -> tuple[str, dict[str, Any]]:
    """The name in timm.optim, and every option but the rate and the weight decay."""
    match spec:
        case Sgd():
            return "momentum", {"momentum": spec.momentum, "nesterov": spec.nesterov}
        case Sgdw():
            return "sgdw", {"momentum": spec.momentum, "nesterov": spec.nesterov}
        case Adam():
            return "adam", {"betas": (spec.beta1, spec.beta2)}
        case AdamW():
            return "adamw", {"betas": (spec.beta1, spec.beta2)}
        case Lamb():
            return "lamb", {"betas": (spec.beta1, spec.beta2), "max_grad_norm": spec.max_grad_norm}
        case Lion():
            return "lion", {"betas": (spec.beta1, spec.beta2)}
        case Adan():
            return "adan", {"betas": (spec.beta1, spec.beta2, spec.beta3)}
        case RmsProp():
            return "rmsprop", {"alpha": spec.alpha, "momentum": spec.momentum, "eps": spec.eps}
        case Muon():
            betas = (spec.beta1, spec.beta2)
            return "muon", {"momentum": spec.momentum, "nesterov": spec.nesterov, "betas": betas}
        case TimmOptimizer():
            return spec.name, spec.options
