"""The network of a stage: built with its surgery, wrapped for the team, and frozen in part."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from pipeline.models.build import build_model
from pipeline.spec.base import derive_seed
from pipeline.spec.model import AnyModel
from pipeline.spec.optim import Compile, MemoryFormat
from pipeline.strategies.base import StrategyConfig
from pipeline.training.team import Team

MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def edited_model(model: nn.Module, strategies: Sequence[StrategyConfig], num_classes: int, seed: int) -> nn.Module:
    """The network after the surgery of all strategies; each has its own random stream for new weights."""
    for config in strategies:
        torch.manual_seed(derive_seed(seed, "init", config.key))
        model = config.edit_model(model, num_classes)
    return model


def fresh_model(
    spec: AnyModel,
    strategies: Sequence[StrategyConfig],
    num_classes: int,
    seed: int,
    fill: Callable[[nn.Module], None] = lambda model: None,
) -> nn.Module:
    """A network with random weights, after surgery.

    Args:
        spec: the network.
        strategies: those that may edit it.
        num_classes: outputs of its head.
        seed: of the random weights.
        fill: puts other weights in before the surgery: they were made for the network as it was.
    """
    torch.manual_seed(derive_seed(seed, "init"))
    model = build_model(spec, num_classes)
    fill(model)
    return edited_model(model, strategies, num_classes, seed)


def placed(model: nn.Module, device: torch.device, memory_format: MemoryFormat) -> nn.Module:
    """On its device, with its kernels as they should lie in memory."""
    return model.to(device, memory_format=MEMORY_FORMATS[memory_format])  # type: ignore[call-overload] - torch's stub


class Network:
    """The bare network, and what a training step calls: the same, compiled or inside DDP where asked."""

    def __init__(self, model: nn.Module, team: Team, compile_mode: Compile) -> None:
        self.model = model
        self._team = team
        self._compile_mode = compile_mode
        self._trainable: frozenset[str] | None = None
        self._all = frozenset(name for name, p in model.named_parameters() if p.requires_grad)
        self._frozen_norms: list[nn.Module] = []
        self.wrapped = self._wrap()

    def _wrap(self) -> nn.Module:
        model = self.model
        if self._compile_mode != "off":
            torch._dynamo.reset()  # a lane compiles one network after another; none of them is met again
            model = torch.compile(model, mode=self._compile_mode)
        return self._team.wrap(model)  # type: ignore[arg-type] - a compiled module is a module

    def train_only(self, names: frozenset[str] | None) -> None:
        """Let these parameters learn, and no others; None: all that can.

        DDP decides when it wraps which gradients it waits for, so the network is wrapped anew when the names change.
        A normalization layer without a parameter that learns keeps its statistics: a frozen layer stays what it was.

        Raises:
            AssertionError: a name is no parameter of the network.
        """
        if names == self._trainable:
            return
        every = dict(self.model.named_parameters())
        assert names is None or names <= every.keys(), (
            f"no parameters of the network: {sorted(names - every.keys())[:5]}"
        )
        learn = self._all if names is None else names & self._all  # what the network itself holds fixed never learns
        for name, parameter in every.items():
            parameter.requires_grad_(name in learn)
            if name not in learn:
                parameter.grad = None
        self._trainable = names
        self._frozen_norms = [] if names is None else [m for m in self.model.modules() if _is_frozen_norm(m)]
        self.wrapped = self._wrap()

    def train_mode(self) -> None:
        """Training mode, except for frozen normalization layers."""
        self.wrapped.train()
        for module in self._frozen_norms:
            module.eval()


def _is_frozen_norm(module: nn.Module) -> bool:
    own = list(module.parameters(recurse=False))
    has_statistics = getattr(module, "running_mean", None) is not None
    return has_statistics and bool(own) and not any(p.requires_grad for p in own)
