"""Temperature scaling: divide the final network's logits by one number, so that its confidence can be believed."""

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.models.logits import logit_layers, scaled_logits
from pipeline.spec.card import Card, Paper
from pipeline.strategies.base import Calibrated, Rng, Strategy, StrategyConfig

CARD = Card(
    title="Temperature scaling",
    family="inference",
    idea="Divide all logits by one temperature, fitted on validation after the training.",
    formula="p = softmax(z / T), T: the least NLL on val",
    paper=Paper(title="On Calibration of Modern Neural Networks", year=2017, arxiv="1706.04599"),
    helps_when="Probabilities are used, not only the class that wins: it improves NLL, Brier score and ECE.",
    pitfalls=(
        "Top-1 and every other metric of the winning class stay as they are: ask about NLL or ECE.",
        "Numbers on val are cross-fitted: each half is scaled by the temperature of the other half, since a split "
        "cannot judge its own fit. The network that is kept has the temperature of all of val in its last layer.",
        "Curves show the network before it; only the final validation is scaled.",
        "A student distilled from the network sees the scaled logits.",
    ),
    defaults_from="nothing to set.",
)

COLDEST, HOTTEST = 0.05, 20.0  # where the fit ends if val is classified without a fault, or as if by chance


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature with the least mean NLL, between COLDEST and HOTTEST.  logits: [n, K], labels: [n] int64.

    NLL is convex in 1 / T; its slope there is the mean of sum_k p_k z_k - z_true, which has one root at most.
    """
    from scipy.optimize import brentq  # half a second, at the end of a training

    above = logits.double()
    above = above - above.gather(1, labels[:, None])  # the true class at 0

    def slope(log_inverse: float) -> float:
        inverse = float(np.exp(log_inverse))
        return float(((inverse * above).softmax(dim=1) * above).sum(dim=1).mean())

    low, high = -np.log(HOTTEST), -np.log(COLDEST)
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    root = brentq(slope, low, high, xtol=1e-10)
    return float(np.exp(-float(root)))  # type: ignore[arg-type] - scipy's stub knows of a report that is not asked for


def cross_fitted(logits: Tensor, labels: Tensor) -> Tensor:
    """Each half divided by the temperature of the other half.  The halves depend on the number of samples only."""
    n = len(labels)
    order = torch.from_numpy(Rng.named("temperature_scaling", n).host.permutation(n))
    scaled = torch.empty_like(logits)
    for half, other in ((order[: n // 2], order[n // 2 :]), (order[n // 2 :], order[: n // 2])):
        scaled[half] = logits[half] / fit_temperature(logits[other], labels[other])
    return scaled


class TemperatureScaling(Strategy["TemperatureScalingConfig"]):
    """Works once, on the final network."""

    def calibrate(self, model: nn.Module, logits: Tensor, labels: Tensor) -> Calibrated:  # noqa: D102 - the hook's
        temperature = fit_temperature(logits, labels)
        return Calibrated(
            model=scaled_logits(model, 1.0 / temperature),
            logits=cross_fitted(logits, labels),
            notes={"temperature": temperature},
        )


class TemperatureScalingConfig(StrategyConfig):
    """Switches temperature scaling on."""

    kind: Literal["temperature_scaling"] = "temperature_scaling"
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = TemperatureScaling

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """Changes nothing: a network whose logits cannot be scaled is refused before it is trained."""
        logit_layers(model)
        return model
