"""Early stopping: end the training when validation no longer improves."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Decision, Strategy, StrategyConfig

CARD = Card(
    title="Early stopping",
    family="regularization",
    idea="End the training after `patience` epochs in a row that did not improve on the best validation so far.",
    formula="stop when `patience` epochs have passed since the metric last beat its best by more than min_delta",
    paper=Paper(title="Early Stopping - But When?", year=1998, url="https://doi.org/10.1007/3-540-49430-8_3"),
    helps_when="Time matters, or the network overfits so much that more epochs make it worse.",
    pitfalls=(
        "It keeps the network of the epoch at which it stops, not the best one: verdicts rest on the last epoch, since "
        "the best of many readings of a noisy curve looks better than it is.",
        "Arms then train for different numbers of epochs, even from seed to seed: the report says which. A difference "
        "in accuracy is then one of budgets, too.",
        "It decides by the split that verdicts are read on.",
        "A schedule is planned for all epochs: stopped early, a decaying rate never reaches its end.",
    ),
    defaults_from="patience 5, min_delta 0: common practice, not tuned here.",
)

HIGHER_IS_BETTER = {"nll": False, "top1": True}


def improves(value: float, best: float | None, min_delta: float, higher_is_better: bool) -> bool:
    """Whether a value beats the best by more than `min_delta`; the first always does."""
    if best is None:
        return True
    gain = value - best if higher_is_better else best - value
    return gain > min_delta


class EarlyStopping(Strategy["EarlyStoppingConfig"]):
    """Remembers the best value and the epochs since."""

    _best: float | None = None
    _num_worse = 0

    def after_eval(self, metrics: dict[str, float]) -> Decision:  # noqa: D102 - the hook's own docstring
        c = self.config
        value = metrics[f"val/{c.metric}"]
        if improves(value, self._best, c.min_delta, HIGHER_IS_BETTER[c.metric]):
            self._best, self._num_worse = value, 0
        else:
            self._num_worse += 1
        return Decision.STOP if self._num_worse >= c.patience else Decision.GO_ON

    def state_dict(self) -> dict[str, Any]:  # noqa: D102 - the hook's own docstring
        return {"best": self._best, "num_worse": self._num_worse}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: D102 - the hook's own docstring
        self._best, self._num_worse = state["best"], state["num_worse"]


class EarlyStoppingConfig(StrategyConfig):
    """Switches early stopping on."""

    kind: Literal["early_stopping"] = "early_stopping"
    metric: Literal["nll", "top1"] = Field("nll", description="on val, after each epoch")
    patience: int = Field(5, ge=1, description="epochs without improvement before it stops")
    min_delta: float = Field(
        0.0, ge=0, description="smallest improvement that counts; nats, or a fraction of 1 for top1"
    )
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = EarlyStopping

    @classmethod
    def example(cls) -> Self:
        """No improvement is large enough: stops after the second epoch."""
        return cls(patience=1, min_delta=1000.0)

    @classmethod
    def neutral(cls) -> Self:
        """More patience than any budget has epochs."""
        return cls(patience=1_000_000)
