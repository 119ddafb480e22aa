"""The strategy protocol: named, typed hooks that do nothing unless overridden."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.pseudo_table import PoolLabels
from pipeline.data.transforms import RowTransform
from pipeline.spec.base import Frozen, derive_seed
from pipeline.spec.card import Card
from pipeline.spec.links import StageRef, TeacherRef
from pipeline.spec.training import TrainingFields
from pipeline.types import Batch, LossFn, LossTerms


@dataclass(frozen=True)
class Rng:
    """The random numbers of one strategy for one shard of one step (or for one sample set, by name).

    Draw scalars from `host`; tensors of noise are drawn there too, so a CPU and a GPU see the same numbers.
    """

    seed: int

    @classmethod
    def named(cls, *parts: int | str) -> "Rng":
        """The stream with this name."""
        return cls(derive_seed(*parts))

    @cached_property
    def host(self) -> np.random.Generator:
        """A fresh numpy generator."""
        return np.random.default_rng(self.seed)

    def permutation(self, n: int, device: torch.device) -> Tensor:
        """[n] int64 on the device."""
        return torch.from_numpy(self.host.permutation(n)).to(device)


@dataclass(frozen=True, slots=True)
class StageContext:
    """What a strategy may know about the stage it works in."""

    seed: int
    num_classes: int
    num_epochs: int
    device: torch.device
    load_teacher: Callable[[TeacherRef], nn.Module]
    """Network of an earlier stage, or one from outside, with its final weights, in eval mode, without gradients."""
    label_pool: Callable[[str, bool], PoolLabels]
    """What an earlier stage says about the unlabelled pool; True: with the probability of every class."""
    class_names: tuple[str, ...] = ()  # of the data
    mean_rgb: tuple[float, float, float] = (0.5, 0.5, 0.5)  # of the data, 0..1: what a hole in an image is filled with
    num_fixed_rows: int = 0  # images of the data, if each is always seen in one and the same view; 0: views differ

    def load_stage_model(self, name: str) -> nn.Module:
        """The network of an earlier stage, by its name."""
        return self.load_teacher(StageRef(stage=name))


@dataclass(frozen=True, slots=True)
class ParamOptions:
    """How the optimizer treats one parameter."""

    weight_decay: float
    lr_scale: float = 1.0  # times the schedule's rate


class Decision(Enum):
    """What to do after an evaluation."""

    GO_ON = "go on"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A network with calibrated logits, and the logits to report for the split it was calibrated on."""

    model: nn.Module
    logits: Tensor  # [n, K]
    notes: dict[str, float]  # for the record, e.g. the temperature


class StrategyConfig(Frozen):
    """What a user writes to switch a strategy on. Subclasses set `kind`, `card` and `runtime`."""

    kind: str
    card: ClassVar[Card]
    runtime: ClassVar[type["Strategy[Any]"]]
    version: ClassVar[int] = 1
    """Part of every identity; raise it when the same config would give other numbers."""
    changes_nothing: ClassVar[bool] = False
    """True for a control that only has another identity: the contract then asks that it trains like bare."""

    @classmethod
    def example(cls) -> Self:
        """The smallest config that works in any stage; override it where a field has no default."""
        return cls()

    @classmethod
    def neutral(cls) -> Self | None:
        """The config at which the strategy does nothing, bit for bit; None when it has no such limit."""
        return None

    @classmethod
    def setting(cls) -> dict[str, Any]:
        """Fields of a stage without which the example would find nothing to do: what the contract trains it with."""
        return {}

    @property
    def key(self) -> str:
        """Tells it from the other strategies of a stage, and names its random streams and its memory."""
        return self.kind

    @property
    def trick(self) -> "StrategyConfig":
        """The config that says what is done, with its card and runtime: this one, unless it only names another."""
        return self

    def needs(self) -> tuple[str, ...]:
        """Names of earlier stages whose weights this strategy reads."""
        return ()

    def fault(self, training: TrainingFields) -> str | None:
        """Why this strategy cannot work in this training run, and what to change; None when it can."""
        return None

    def team_fault(self, training: TrainingFields, num_workers: int, device_type: str | None = None) -> str | None:
        """The same about the workers, which no identity covers: why these cannot give the numbers of the spec.

        Args:
            training: the training run.
            num_workers: that share its shards.
            device_type: "cuda", "cpu" ..., or None in a plan, where it is not known.
        """
        return None

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """Change the network before it trains, and whenever it is loaded. New weights: torch's global generator.

        On the config, not on the runtime class, since whoever loads the weights later needs the same network.

        Raises:
            SpecError: the network has no place for the change.
        """
        return model


C = TypeVar("C", bound=StrategyConfig)


class Strategy(Generic[C]):
    """One trick at work in one stage. Hooks return new values and never edit the caller's.

    Hooks marked *exclusive* have one owner in a stage: the spec refuses a second.
    """

    EXCLUSIVE: ClassVar[tuple[str, ...]] = ("trainable", "compute_gradients", "eval_model", "predict")

    def __init__(self, config: C, context: StageContext) -> None:
        self.config = config
        self.context = context

    # Before the first step

    def stream_seed(self, seed: int) -> int:
        """The root of every random stream of this stage."""
        return seed

    def edit_dataset(self, index: TrainIndex) -> TrainIndex:
        """Choose or relabel training samples, before any batch is planned."""
        return index

    def plan_epoch(self, plan: EpochPlan, progress: float) -> EpochPlan:
        """Change how an epoch is drawn.  progress: share of the epochs already done, in [0, 1)."""
        return plan

    def row_transforms(self) -> tuple[RowTransform, ...]:
        """Edit single training images after their crop, where the batches are rendered."""
        return ()

    def edit_params(self, options: dict[str, ParamOptions], model: nn.Module) -> dict[str, ParamOptions]:
        """Change how the optimizer treats parameters.  options: by the parameter's name."""
        return options

    def wrap_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Put another optimizer around it."""
        return optimizer

    def helper(self, model: nn.Module) -> nn.Module | None:
        """A network that learns beside the model, and dies with training. New weights: torch's global generator.

        It becomes a part of the model (so its weights are in checkpoints, and the optimizer learns them) that nobody
        keeps: final weights are without it.
        """
        return None

    # In every epoch

    def trainable(self, model: nn.Module, progress: float) -> frozenset[str] | None:
        """Names of the parameters that learn in the coming epoch; None: all (*exclusive*)."""
        return None

    # In every step

    def edit_batch(self, batch: Batch, rng: Rng) -> Batch:
        """Change images, targets or weights on the device; never `labels`."""
        return batch

    def wrap_loss(self, loss_fn: LossFn) -> LossFn:
        """Change or add loss terms."""
        return loss_fn

    def compute_gradients(self, backward: Callable[[], LossTerms], model: nn.Module) -> LossTerms:
        """Leave the step's gradients in the parameters (*exclusive*).

        Args:
            backward: zeroes the gradients, then runs all shards forward and backward over the same edited batches.
            model: the bare network.
        """
        return backward()

    def before_step(self, model: nn.Module) -> None:
        """Edit the gradients (unscaled) just before the optimizer reads them."""

    def after_step(self, model: nn.Module, step: int) -> None:
        """Look at the weights after the optimizer's update.  step: from the start of training."""

    # After every epoch

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """Look at the weights (and the mean batch statistics of all shards), or settle them, at the end of an epoch."""

    def readings(self) -> dict[str, float]:
        """What is worth a point on a curve beside the loss terms, since it was last asked; the same names each time.

        Asked once after each epoch's last step. Numbers are of this rank; the curve shows their mean over the ranks.
        """
        return {}

    def eval_model(self, model: nn.Module) -> nn.Module:
        """The network to evaluate and keep (*exclusive*)."""
        return model

    def predict(self, model: nn.Module, images: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, K] logits, wherever the network is evaluated (*exclusive*)."""
        return model(images)

    def after_eval(self, metrics: dict[str, float]) -> Decision:
        """Whether to go on.  metrics: val/top1, val/nll ... of this epoch."""
        return Decision.GO_ON

    # After the last epoch

    def finish(self, model: nn.Module, batches: Iterator[Batch]) -> nn.Module:
        """Change the final network.

        Args:
            model: the network to keep so far.
            batches: this rank's shards of one more training epoch. Whoever takes from it takes all.
        """
        return model

    def calibrate(self, model: nn.Module, logits: Tensor, labels: Tensor) -> Calibrated | None:
        """Calibrate the final network on val.  logits: [n, K] float32, labels: [n] int64, in the split's order."""
        return None

    def remarks(self) -> tuple[str, ...]:
        """What a person should know about this very run, for its log."""
        return ()

    # For a checkpoint

    def state_dict(self) -> dict[str, Any]:
        """What it remembers between steps: tensors and plain values, the same on every rank after an evaluation."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
