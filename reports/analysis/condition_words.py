"""The sentences about an effect under another condition: a flip is only called one where the difference stands out."""

from collections.abc import Sequence

from reports.results.conditions import Change, EffectThere
from reports.results.effect import Effect
from reports.scale import Scale
from reports.stats.verdict import Q_LEVEL, Verdict


def sentence(
    ruling: Change, own: Effect, there: Effect, difference: float, detectable: float, scale: Scale, delta: float
) -> str:
    """What became of an effect under a condition.

    Args:
        ruling: on it.
        own: the effect in the study itself.
        there: the same under the condition.
        difference: the second minus the first, as measured.
        detectable: smallest true difference that would be found with 80% power.
        scale: of the metric.
        delta: below it nobody would care.
    """
    more = "more" if scale.gain(difference) > 0 else "less"
    match ruling:
        case Change.HOLDS:
            return f"holds: the same within ±{scale.size(delta)}"
        case Change.REVERSES:
            better, worse = "better with it", "worse with it"
            now, before = (better, worse) if scale.gain(difference) > 0 else (worse, better)
            return f"reverses: {now} there, {before} in the study itself"
        case Change.FLIPS:
            return f"flips: worth {more} there: {there.verdict}, but {own.verdict} in the study itself"
        case Change.DIFFERS:
            return f"differs in size: worth {more} there"
        case _:
            other = f"another verdict, but {ruling}" if reads_otherwise(own, there) else ruling
            if detectable <= delta:
                return f"{other}; it could have detected {scale.size(delta)}"
            return f"{other}: could only detect ≥ {scale.value(detectable)}{scale.suffix}"


def summary(found: Sequence[tuple[str, EffectThere]], scale: Scale, delta: float) -> str:
    """How many verdicts flip, and which.

    Args:
        found: title of an effect, and what became of it under a condition.
        scale: of the metric.
        delta: below it nobody would care.
    """
    tested = [one for _, one in found if one.change is not Change.NOT_ASSESSED]
    if not tested:
        return "No effect can be held beside itself under another condition yet."
    flips = [(title, one) for title, one in found if one.change in (Change.REVERSES, Change.FLIPS)]
    sizes = [f"{title} under {one.condition}" for title, one in found if one.change is Change.DIFFERS]
    num_holds = sum(one.change is Change.HOLDS for one in tested)
    num_other = sum(one.sentence.startswith("another verdict") for one in tested)
    stands = len(flips) + len(sizes)
    head = f"{len(flips)} verdict{_s(flips)} flip{'s' if len(flips) == 1 else ''}" if flips else ""
    parts = [
        f"{head or 'No verdict is shown to flip'}: {stands} of {len(tested)} difference{_s(tested)} to the study "
        f"itself stand{'s' if stands == 1 else ''} out (BH at q = {Q_LEVEL:g})."
    ]
    parts += [f"{title} under {one.condition} {one.sentence}." for title, one in flips]
    if sizes:
        parts.append(f"Only in size: {', '.join(sizes)}.")
    if num_holds:
        parts.append(f"{num_holds} hold{'s' if num_holds == 1 else ''} within ±{scale.size(delta)}.")
    if num_other:
        reads = "1 verdict reads" if num_other == 1 else f"{num_other} verdicts read"
        parts.append(
            f"{reads} otherwise under a condition without evidence that the effect differs: by itself that says "
            "nothing."
        )
    if missing := len(found) - len(tested):
        parts.append(f"{missing} not assessed.")
    return " ".join(parts)


def reads_otherwise(own: Effect, there: Effect) -> bool:
    """Whether two verdicts would have a reader do different things; those that decide nothing are alike."""
    return _standing(own.verdict) != _standing(there.verdict)


def _standing(verdict: Verdict) -> str:
    if verdict.helps:
        return "helps"
    if verdict.hurts:
        return "hurts"
    return "leave it" if verdict is Verdict.NO_MEANINGFUL_DIFFERENCE else "undecided"


def _s(counted: Sequence[object]) -> str:
    return "" if len(counted) == 1 else "s"
