"""A learning-rate range test in words and letters: for the terminal, and the sentences of its page."""

import math

from reports.results.range_test import RangeTest

ROWS, COLUMNS = 10, 60
ENDS = {
    "highest rate": "It went on to the highest rate.",
    "runaway loss": "It stopped there: the loss ran away.",
    "loss not finite": "It stopped there: at the next rate the loss was no longer a finite number.",
}
PAPER = "Smith 2017, arXiv:1506.01186"


def answer_lines(test: RangeTest) -> tuple[str, ...]:
    """What to try, or that the curve does not say; then what the figure rests on."""
    if not test.rates:
        return ("No clear suggestion: the loss was not a finite number before any step was made.", *test.notes)
    if test.suggestion is None:
        first = "No clear suggestion: nowhere does the loss fall by more than its scatter from step to step explains."
    else:
        first = f"Try optimizer.lr = {test.suggestion:.2g}: there the smoothed loss falls most steeply."
    took = f"{len(test.rates)} steps from {test.rates[0]:.2g} to {test.rates[-1]:.2g}. {ENDS[test.ended]}"
    lowest = "" if test.lowest_at is None else f" The smoothed loss is lowest at {test.lowest_at:.2g}."
    caution = (
        "One short run with one seed: a place to start from, not the best rate; `ablate tune` searches for that. "
        f"The recipe has {test.set_now:g} now."
    )
    return (first, took + lowest, caution, *test.notes)


def plot_lines(test: RangeTest) -> list[str]:
    """The smoothed loss (#) over the raw one (.) against the rate on a log scale; ^ below the suggestion."""
    if len(test.rates) < 2:
        return []
    # What a loss has run away to would flatten all that came before.
    top = max(test.losses[0], min(max(test.losses), 1.2 * test.losses[0]))
    bottom = min(test.losses)
    low, high = math.log10(test.rates[0]), math.log10(test.rates[-1])

    def column(rate: float) -> int:
        return round((COLUMNS - 1) * (math.log10(rate) - low) / (high - low))

    cells = [[" "] * COLUMNS for _ in range(ROWS)]
    for values, mark in ((test.losses, "."), (test.smooth, "#")):
        for rate, value in zip(test.rates, values, strict=False):
            share = (value - bottom) / (top - bottom or 1.0)
            if 0 <= share <= 1:
                cells[ROWS - 1 - round((ROWS - 1) * share)][column(rate)] = mark
    labels = {0: f"{top:.3g}", ROWS - 1: f"{bottom:.3g}"}
    lines = [f"{labels.get(row, ''):>8} │{''.join(line)}".rstrip() for row, line in enumerate(cells)]
    axis = ["─"] * COLUMNS
    if test.suggestion is not None:
        axis[column(test.suggestion)] = "^"
    lines.append(f"{'loss':>8} └" + "".join(axis))
    left, right = f"{test.rates[0]:.2g}", f"learning rate, log scale   {test.rates[-1]:.2g}"
    return [*lines, " " * 10 + left + right.rjust(COLUMNS - len(left))]
