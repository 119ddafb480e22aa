"""What may be asked of a training run before anything is built: its fields, whoever holds them."""

from typing import Any, Protocol

from pipeline.spec.data import AnyData
from pipeline.spec.links import AnyInit
from pipeline.spec.model import AnyModel
from pipeline.spec.optim import AnyOptimizer, Budget, Compile
from pipeline.spec.schedule import AnySchedule


class TrainingFields(Protocol):
    """What a strategy may ask of the training run that it is part of, before anything is built."""

    @property
    def data(self) -> AnyData:
        """Source, splits, sizes and base augmentation."""
        ...

    @property
    def model(self) -> AnyModel:
        """The network."""
        ...

    @property
    def optimizer(self) -> AnyOptimizer:
        """The optimizer."""
        ...

    @property
    def schedule(self) -> AnySchedule:
        """The learning-rate schedule."""
        ...

    @property
    def budget(self) -> Budget:
        """Epochs and batches."""
        ...

    @property
    def compile(self) -> Compile:
        """Whether the network is compiled."""
        ...

    @property
    def init(self) -> AnyInit:
        """The weights that it starts from."""
        ...

    @property
    def strategies(self) -> tuple[Any, ...]:
        """All of them, this one included."""
        ...
