"""From the losses of a range test to the rate to try first."""

import math

from reports.results.range_test import RangeTest
from reports.stats.descent import MIN_WINDOW, steepest_descent


def analyse_range_test(
    recipe: str,
    rates: tuple[float, ...],
    losses: tuple[float, ...],
    ended: str,
    set_now: float,
    notes: tuple[str, ...] = (),
) -> RangeTest:
    """Smooth the curve and look for its steepest clear descent.

    Args:
        recipe: what was tested, in words.
        rates: [n] rising by a constant factor.
        losses: [n] finite.
        ended: why there are no more.
        set_now: the rate that the recipe has.
        notes: what else a reader must know.
    """
    found = steepest_descent([math.log10(rate) for rate in rates], losses)
    if found is None:
        notes = (*notes, f"{len(losses)} steps are too few for a suggestion; at least {MIN_WINDOW} are needed")
    elif ended == "highest rate" and found.lowest >= len(rates) - MIN_WINDOW:
        notes = (*notes, "the loss is still falling at the highest rate: raise --max-lr to see where it ends")
    return RangeTest(
        recipe=recipe,
        rates=rates,
        losses=losses,
        smooth=() if found is None else found.smooth,
        suggestion=None if found is None or found.steepest is None else rates[found.steepest],
        lowest_at=None if found is None else rates[found.lowest],
        set_now=set_now,
        ended=ended,
        notes=notes,
    )
