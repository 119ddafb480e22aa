"""What a stage optimises: the protocol that the one training loop speaks with every task."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError
from pipeline.spec.training import TrainingFields
from pipeline.types import Batch, LossFn

JudgedBy = Literal["logits", "features"]
"""What is looked at on val: class probabilities, or what can be told from the features as they are."""


class Peers(Protocol):
    """The other workers of a stage, as far as a loss may look at them."""

    @property
    def rank(self) -> int:
        """Number of this worker."""
        ...

    def join(self, values: Tensor) -> Tensor:
        """[n, D] of each worker -> [workers * n, D] in rank order; gradients flow back to all of them."""
        ...


class Task(Frozen):
    """A task's config. What it overrides is all that distinguishes its stages from any other."""

    kind: str
    num_views: ClassVar[int] = 1
    """Pictures of each sample in a batch, each with random draws of its own."""
    uses_labels: ClassVar[bool] = True
    """Else it trains on the unlabelled pool too, and is given no label at all."""
    judged_by: ClassVar[JudgedBy] = "logits"

    def fault(self, training: TrainingFields) -> str | None:
        """Why a training run cannot have this task, and what to change; None when it can."""
        return None

    def team_fault(self, training: TrainingFields, num_workers: int) -> str | None:
        """The same about the number of workers, which no identity covers."""
        return None

    def network(self, plain: nn.Module, image_size_px: int) -> nn.Module:
        """The network to train: the plain one with what only this task needs, which is not kept.

        Args:
            plain: as the spec says, with its starting weights and its classifier.
            image_size_px: of the training images.

        Raises:
            SpecError: the task cannot work on such a network.
        """
        return plain

    def plain_network(self, network: nn.Module) -> nn.Module:
        """The part of it to keep: the plain network, for later stages."""
        return network

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Draw what the task draws for one shard, after the strategies have edited it."""
        return batch

    def forward(self, network: nn.Module, batch: Batch) -> Tensor:
        """What the loss reads."""
        return network(batch.shown)

    def loss_fn(self, peers: Peers) -> LossFn:
        """The loss of one shard.  Outputs come as float32."""
        raise NotImplementedError


class Pretraining(Task):
    """A task without labels: it teaches the backbone, has a head that is thrown away, and is judged by features."""

    uses_labels: ClassVar[bool] = False
    judged_by: ClassVar[JudgedBy] = "features"

    def plain_network(self, network: nn.Module) -> nn.Module:  # noqa: D102 - as its base
        assert isinstance(network, PretrainingNet), type(network)
        return network.plain

    def fault(self, training: TrainingFields) -> str | None:  # noqa: D102 - as its base
        if training.schedule.kind == "plateau":
            return f"schedule plateau looks at val accuracy, and {self.kind} has no classifier; choose another schedule"
        return None


class PretrainingNet(nn.Module):
    """A plain network and the head of a task.

    Args:
        plain: with `forward_features` and `forward_head`, as timm's networks have them.

    Raises:
        SpecError: it does not say where its features are.
    """

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        missing = [name for name in ("forward_features", "forward_head") if not hasattr(plain, name)]
        if missing:
            raise SpecError(
                f"{type(plain).__name__} has no {' and no '.join(missing)}, so nobody can tell its features from its "
                "classifier; give it these methods, as timm's networks have them, or choose a model of kind timm"
            )
        self.plain = plain

    def maps(self, images: Tensor) -> Tensor:
        """What the backbone makes of images, before pooling."""
        backbone: Any = self.plain
        return backbone.forward_features(images)

    def features(self, images: Tensor) -> Tensor:
        """[N, D]: what the classifier would read."""
        backbone: Any = self.plain
        return backbone.forward_head(backbone.forward_features(images), pre_logits=True)


def freeze_unreached(network: nn.Module, run: Callable[[], Tensor]) -> None:
    """Exclude from training what the output does not depend on: DDP would wait for its gradient, decay shrink it.

    Args:
        network: its parameters are looked at, in eval mode, and left as they are.
        run: one pass through it.
    """
    mode = network.training
    learning = [p for p in network.parameters() if p.requires_grad]
    network.eval()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        output = run()
        gradients = torch.autograd.grad(output.float().square().sum(), learning, allow_unused=True)
    for parameter, gradient in zip(learning, gradients, strict=True):
        if gradient is None:
            parameter.requires_grad_(False)
    network.train(mode)
