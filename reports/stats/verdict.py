"""From numbers to one sentence a person may act on.

The order of the cases is the argument: equivalence wins over "helps", because a real effect too small to care
about should not change a recipe; and an interval around 0 is "no evidence" only where the study could have seen
the smallest effect worth caring about, else it is merely too noisy. "No effect" is never concluded from p > .05.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reports.scale import Scale
from reports.stats.equivalence import tost
from reports.stats.estimate import Estimate, Interval
from reports.stats.power import ALPHA, MAX_SEEDS, sd_interval, seeds_needed, smallest_effect

Q_LEVEL = 0.10
"""False discovery rate at which an exploratory difference is worth pointing out."""


class Verdict(StrEnum):
    """What was found about one factor in one context."""

    HELPS = "helps"
    HELPS_SIZE_UNCERTAIN = "helps, size uncertain"
    HURTS = "hurts"
    HURTS_SIZE_UNCERTAIN = "hurts, size uncertain"
    NO_MEANINGFUL_DIFFERENCE = "no meaningful difference"
    SUGGESTIVE = "suggestive"
    NO_EVIDENCE = "no evidence"
    TOO_NOISY = "too noisy"
    EXPLORATORY = "exploratory"
    CONFOUNDED = "confounded"
    NOT_ASSESSED = "not assessed"
    UNSTABLE = "unstable"
    IDENTICAL_RUNS = "identical runs"
    NO_EFFECT = "NO EFFECT"

    @property
    def helps(self) -> bool:
        """Whether the factor was found to improve the metric."""
        return self in (Verdict.HELPS, Verdict.HELPS_SIZE_UNCERTAIN)

    @property
    def hurts(self) -> bool:
        """Whether the factor was found to worsen the metric."""
        return self in (Verdict.HURTS, Verdict.HURTS_SIZE_UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with its sentence."""

    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a ruling rests on. `gain` is above 0 where the factor improves the metric.

    `alpha` is two-sided and below .05 where more than one look at the results was declared; the interval has the
    level 1 - alpha. Equivalence is judged by the 90% interval either way.
    """

    gain: Estimate
    p_holm: float
    num_comparisons: int
    delta: float
    df_at: Callable[[int], float]
    alpha: float = ALPHA

    @property
    def interval(self) -> Interval:
        """That goes with `alpha`."""
        return self.gain.interval(1 - self.alpha)

    @property
    def smallest_detectable(self) -> float:
        """The smallest true effect that this comparison finds with 80% power at `alpha`."""
        return smallest_effect(self.gain.sd, self.gain.num_seeds, self.gain.df, self.alpha)


@dataclass(frozen=True, slots=True)
class Explored:
    """The words for an exploratory effect: what a gain above 0 means, and what one below 0 does."""

    above: str
    below: str


def rule(evidence: Evidence, scale: Scale) -> Ruling:
    """The verdict on a comparison whose estimate has spread."""
    interval = evidence.interval
    survives = evidence.p_holm < evidence.alpha
    delta = scale.size(evidence.delta)
    if tost(evidence.gain, evidence.delta).within:
        real = " (real but negligible)" if survives else ""
        return Ruling(Verdict.NO_MEANINGFUL_DIFFERENCE, f"no meaningful difference: within ±{delta}{real}")
    if survives and interval.low > 0:
        if interval.low > evidence.delta:
            side = "above" if scale.higher_is_better else "beyond"
            text = f"helps: {_with_interval(evidence.gain, interval, scale)}, {side} the {delta} threshold"
            return Ruling(Verdict.HELPS, text)
        return Ruling(Verdict.HELPS_SIZE_UNCERTAIN, f"helps, size uncertain: may be below {delta}")
    if survives and interval.high < 0:
        if interval.high < -evidence.delta:
            text = f"hurts: {_with_interval(evidence.gain, interval, scale)}, beyond the {delta} threshold"
            return Ruling(Verdict.HURTS, text)
        return Ruling(Verdict.HURTS_SIZE_UNCERTAIN, f"hurts, size uncertain: may be below {delta}")
    if 0 not in interval:
        plural = "" if evidence.num_comparisons == 1 else "s"
        text = f"suggestive; does not survive correction for {evidence.num_comparisons} comparison{plural}"
        return Ruling(Verdict.SUGGESTIVE, text)
    if evidence.smallest_detectable <= evidence.delta:
        return Ruling(Verdict.NO_EVIDENCE, f"no evidence of an effect; study could have detected {delta}")
    return Ruling(Verdict.TOO_NOISY, _too_noisy(evidence, scale))


def rule_exploratory(evidence: Evidence, scale: Scale, words: Explored) -> Ruling:
    """The verdict on an effect that nobody promised to look at: a lead to follow with new seeds, never advice.

    Args:
        evidence: with the p-value adjusted by Benjamini and Hochberg among effects of this kind as `p_holm`.
        scale: of the metric.
        words: for both directions.
    """
    found = evidence.p_holm < Q_LEVEL
    delta = scale.size(evidence.delta)
    if tost(evidence.gain, evidence.delta).within:
        return Ruling(Verdict.NO_MEANINGFUL_DIFFERENCE, f"exploratory: no meaningful difference: within ±{delta}")
    if 0 not in evidence.interval and found:
        words_found = words.above if evidence.gain.effect > 0 else words.below
        text = f"exploratory: {words_found}: {_with_interval(evidence.gain, evidence.interval, scale)}"
        return Ruling(Verdict.EXPLORATORY, f"{text}; confirm it with new seeds")
    if 0 not in evidence.interval:
        plural = "" if evidence.num_comparisons == 1 else "s"
        text = f"does not survive correction for {evidence.num_comparisons} exploratory comparison{plural}"
        return Ruling(Verdict.SUGGESTIVE, f"exploratory: suggestive; {text}")
    if evidence.smallest_detectable <= evidence.delta:
        text = f"exploratory: no evidence of a difference; study could have detected {delta}"
        return Ruling(Verdict.NO_EVIDENCE, text)
    return Ruling(Verdict.TOO_NOISY, f"exploratory: {_too_noisy(evidence, scale)}")


def confounded(others: Sequence[str]) -> Ruling:
    """The design cannot tell this effect from others, however many seeds there are."""
    return Ruling(Verdict.CONFOUNDED, f"confounded with {', '.join(others)}")


def mixed(ruling: Ruling, shares: Sequence[str]) -> Ruling:
    """The same verdict, with what else it may be: the design separates these only in part.

    Args:
        ruling: on the effect as estimated.
        shares: '60% of b x c', the largest first; empty: nothing worth saying.
    """
    if not shares:
        return ruling
    return Ruling(ruling.verdict, f"{ruling.sentence} (confounded in part: {shares_text(shares)} is in it)")


def shares_text(shares: Sequence[str]) -> str:
    """'60% of b x c and of 2 others'."""
    more = f" and of {len(shares) - 1} other" + ("s" if len(shares) > 2 else "") if len(shares) > 1 else ""
    return f"{shares[0]}{more}"


def unstable(num_failed: int, num_planned: int) -> Ruling:
    """More runs failed with the factor than without: whatever the rest scored, that is the finding."""
    return Ruling(Verdict.UNSTABLE, f"unstable ({num_failed}/{num_planned} failed)")


def not_assessed(reason: str) -> Ruling:
    """There is no honest verdict, and why."""
    return Ruling(Verdict.NOT_ASSESSED, f"not assessed ({reason})")


def identical_runs() -> Ruling:
    """Seeds that change nothing cannot measure luck; an interval of zero width would be a lie."""
    return Ruling(Verdict.IDENTICAL_RUNS, "identical runs: check that seeds are applied")


def no_effect(num_seeds: int, *, two_arms: bool = True) -> Ruling:
    """The runs with and without the factor are the same bit for bit, in all seeds that both have finished."""
    who = "the two arms" if two_arms else "the arms with and without it"
    text = (
        f"NO EFFECT: the factor changed nothing: {who} trained bit for bit alike in {num_seeds} of {num_seeds} "
        "seeds; check that it is switched on, and its strength"
    )
    return Ruling(Verdict.NO_EFFECT, text)


def same_specification(*, two_arms: bool = True) -> Ruling:
    """Nothing had to run for this: the arms were resolved to the very same stages."""
    who = "the two arms" if two_arms else "the arms with and without it"
    text = (
        f"NO EFFECT: the factor changes nothing: {who} have the same specification and share their runs; "
        "it sets what was set already"
    )
    return Ruling(Verdict.NO_EFFECT, text)


def skipped_arm(arm: str, reason: str) -> Ruling:
    """A comparison of the design that needs an arm that was not run."""
    return Ruling(Verdict.NOT_ASSESSED, f"not assessed: arm {arm} skipped ({reason})")


def _with_interval(gain: Estimate, interval: Interval, scale: Scale) -> str:
    low, high = sorted((scale.gain(interval.low), scale.gain(interval.high)))
    return f"{scale.difference(scale.gain(gain.effect))} [{scale.value(low)}, {scale.value(high)}]"


def _too_noisy(evidence: Evidence, scale: Scale) -> str:
    gain = evidence.gain
    limits = sd_interval(gain.sd, gain.df)
    more = _more_seeds(evidence, gain.sd, at_least=1)
    seeds = "seed" if more == "1" else "seeds"
    more = more if more.startswith("over") else f"about {more}"
    fewest, most = (_more_seeds(evidence, sd, at_least=0) for sd in (limits.low, limits.high))
    return (
        f"too noisy: sd {scale.value(gain.sd)}, {gain.num_seeds} seeds could only detect "
        f"≥ {scale.value(evidence.smallest_detectable)}{scale.suffix}; {more} more {seeds} for "
        f"{scale.size(evidence.delta)} ({fewest} to {most})"
    )


def _more_seeds(evidence: Evidence, sd: float, *, at_least: int) -> str:
    needed = seeds_needed(evidence.delta, sd, evidence.df_at, evidence.alpha)
    return f"over {MAX_SEEDS}" if needed is None else str(max(at_least, needed - evidence.gain.num_seeds))
