"""What other orders would have changed in a share of the gain that is a mean over sampled ones.

The interval of such a share covers the luck of the seeds, with the orders as they were drawn. The draws of orders are
a sample too: their spread says how far the mean over all orders may be. It stands beside the interval, and errs on the
side of caution, as the luck of the arms that an order passes is part of it.
"""

import numpy as np
from scipy import stats

from pipeline.spec.study import Comparison, StudyPlan
from reports.analysis.estimates import CellFit
from reports.results.effect import Effect
from reports.scale import Scale


def with_order_spread(plan: StudyPlan, cells: CellFit, effects: tuple[Effect, ...], scale: Scale) -> tuple[Effect, ...]:
    """The effects, each share over sampled orders with one note more.

    Args:
        plan: which says the steps of each draw.
        cells: the level of each arm, free of what arms share with a seed.
        effects: of factors, shares and others.
        scale: of the metric that decides.
    """
    sampled = {c.factor: c for c in plan.comparisons if c.draws and c.context == "share of the gain"}

    def noted(effect: Effect) -> Effect:
        if effect.context != "share of the gain" or effect.factor not in sampled or effect.estimate is None:
            return effect
        gains = step_gains(plan, sampled[effect.factor], cells)
        note = "" if gains is None else _note(gains, scale)
        return effect.model_copy(update={"notes": (*effect.notes, note)}) if note else effect

    return tuple(noted(effect) for effect in effects)


def step_gains(plan: StudyPlan, share: Comparison, cells: CellFit) -> np.ndarray | None:
    """[num_draws, orders of a draw] what the factor adds where it joins; None while an arm has no finished run."""
    rows = {arm.name: cells.row_of.get(arm.final.stage_hash) for arm in plan.arms}
    places = [[(rows.get(after), rows.get(before)) for after, before in draw] for draw in share.draws]
    if any(row is None for draw in places for step in draw for row in step):
        return None
    level = cells.fit.coefficients
    return np.array([[level[after] - level[before] for after, before in draw] for draw in places])


def other_orders(gains: np.ndarray) -> float:
    """How far the mean over all orders may be from the mean over these draws: half of a 95% t interval.

    Args:
        gains: [num_draws, orders of a draw], at least two draws.
    """
    draws = gains.mean(axis=1)
    return float(stats.t.ppf(0.975, len(draws) - 1) * np.std(draws, ddof=1) / np.sqrt(len(draws)))


def _note(gains: np.ndarray, scale: Scale) -> str:
    num_draws, together = gains.shape
    text = (
        f"over {gains.size} sampled orders its step gave {scale.difference(float(gains.min()))} to "
        f"{scale.difference(float(gains.max()))}"
    )
    if num_draws < 2:
        return f"{text}; what other orders would change is unknown: raise orders"
    half = other_orders(gains)
    what = "pairs of orders" if together == 2 else "orders"
    return (
        f"{text}; other orders could move the share by ±{scale.value(half)}{scale.suffix} (95%, t over {num_draws} "
        f"{what}), beside what its interval says of the seeds"
    )
