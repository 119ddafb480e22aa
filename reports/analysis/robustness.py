"""Wins, effect size and sign flips of every effect."""

import numpy as np

from reports.results.effect import Effect
from reports.results.robustness import Robustness
from reports.scale import Scale
from reports.stats.effect_size import paired_effect_size
from reports.stats.improvement import paired_improvement
from reports.stats.paired import paired_effect
from reports.stats.sign_flip import can_reach, sign_flip_p
from reports.wording import p_text


def with_robustness(effects: tuple[Effect, ...], num_comparisons: int, scale: Scale) -> tuple[Effect, ...]:
    """The effects, those that were measured in two seeds or more with their robustness.

    Args:
        effects: in display units.
        num_comparisons: that a declared effect is corrected for; a control or an exploratory one stands for itself.
        scale: of the metric that decides.
    """
    return tuple(
        effect if len(effect.differences) < 2 else _checked(effect, num_comparisons, scale) for effect in effects
    )


def _checked(effect: Effect, num_comparisons: int, scale: Scale) -> Effect:
    gains = np.array([scale.gain(difference) for difference in effect.differences.values()])
    wins = paired_improvement(gains)
    size = paired_effect_size(gains) if paired_effect(gains).has_spread else None
    corrected_for = 1 if effect.control or effect.exploratory else num_comparisons
    offered = can_reach(1 - effect.level, len(gains), corrected_for)
    robustness = Robustness(
        improvement=wins.probability,
        improvement_low=wins.interval95.low,
        improvement_high=wins.interval95.high,
        d_z=None if size is None else size.d_z,
        hedges_g=None if size is None else size.hedges_g,
        sign_flip_p=sign_flip_p(gains) if offered else None,
    )
    notes = (*effect.notes, _line(robustness, len(gains))) if offered else effect.notes
    return effect.model_copy(update={"robustness": robustness, "notes": notes})


def _line(robustness: Robustness, num_seeds: int) -> str:
    """Only where the sign-flip test has something to say; with fewer seeds the rest says little too."""
    assert robustness.sign_flip_p is not None  # it was offered
    p = p_text(robustness.sign_flip_p)
    return (
        f"better in {robustness.improvement * num_seeds:g} of {num_seeds} seeds (95% CI of the share "
        f"{robustness.improvement_low:.0%} to {robustness.improvement_high:.0%}); exact sign-flip "
        f"p{'' if p.startswith('<') else '='}{p}, before correction"
    )
