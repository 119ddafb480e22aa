"""How a metric is shown, and which direction is better: the one place that knows the sign."""

import math
from dataclasses import dataclass

from pipeline.spec.records import HIGHER_IS_BETTER, IN_POINTS
from pipeline.spec.study import Metric

TITLES = {
    "top1": "top-1 accuracy", "top5": "top-5 accuracy", "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1", "nll": "negative log-likelihood", "brier": "Brier score", "ece": "calibration error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """Display of one metric. Differences are `treatment - reference` as measured; gains are above 0 when better."""

    name: str
    title: str
    unit: str
    factor: float
    digits: int
    higher_is_better: bool

    def shown(self, stored: float) -> float:
        """A stored value in display units."""
        return stored * self.factor

    def gain(self, difference: float) -> float:
        """A measured difference turned so that above 0 is an improvement; its own inverse."""
        return difference if self.higher_is_better else -difference

    def value(self, number: float) -> str:
        """A level: '94.21'."""
        return f"{number:.{self.digits}f}"

    def difference(self, number: float) -> str:
        """A signed difference with its unit: '+0.42 pt'."""
        return f"{number:+.{self.digits}f}{self.suffix}"

    def size(self, number: float) -> str:
        """An unsigned size with its unit, without trailing zeros: '0.5 pt'."""
        return f"{number:g}{self.suffix}"

    @property
    def suffix(self) -> str:
        """The unit with its space, or nothing."""
        return f" {self.unit}" if self.unit else ""


def scale_of(name: str, delta: float | None = None) -> Scale:
    """The scale of a metric; `delta`, where known, decides how many digits matter."""
    in_points = name in IN_POINTS
    digits = 2 if in_points else 3
    if delta is not None:
        digits = min(6, max(digits, 1 + math.ceil(-math.log10(delta))))
    return Scale(
        name=name,
        title=TITLES.get(name, name),
        unit="pt" if in_points else "",
        factor=100.0 if in_points else 1.0,
        digits=digits,
        higher_is_better=HIGHER_IS_BETTER.get(name, True),
    )


def scale_of_metric(metric: Metric) -> Scale:
    """The scale of the metric that decides."""
    return scale_of(metric.name, metric.delta)
