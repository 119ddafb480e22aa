"""When a share of the gain may be called a percentage."""

import pytest
import statsmodels.formula.api as smf
from pandas import DataFrame

from reports.analysis.study import analyse
from tests.reports.factorial import CELLS, SCORES, SHARES, at_level, factorial_study, name_of


def last_notes(scores=SCORES, alpha: float = 0.05) -> list[str]:
    return [effect.notes[-1] for effect in analyse(at_level(factorial_study(SHARES, scores), alpha)).effects]


def test_shares_of_a_gain_that_is_clear_are_percentages_that_add_up() -> None:
    """R5 and R6c: .575, .725 and .95 of 2.25 points."""
    rows = [{"c": name_of(on), "s": s, "y": y} for on in CELLS for s, y in enumerate(SCORES[name_of(on)])]
    theirs = smf.ols("y ~ C(c, Treatment('bare')) + C(s)", DataFrame(rows)).fit()
    low, high = theirs.conf_int().loc["C(c, Treatment('bare'))[T.full]"]
    whole = f"of the gain of full over bare, +2.25 pt [{low:.2f}, {high:.2f}]"
    assert last_notes() == [f"26% {whole}", f"32% {whole}", f"42% {whole}"]


def test_no_percentage_of_a_gain_that_may_be_nothing() -> None:
    scores = SCORES | {"full": (88.0, 92.6)}
    assert all(
        note.startswith("no percentage of the gain: the interval of full minus bare, +0.20 pt [-")
        and note.endswith("], includes 0")
        for note in last_notes(scores)
    )


def test_no_percentage_where_shares_have_both_signs() -> None:
    # c costs 1.2 points wherever it is on, so that its share is -.25 of 1.05
    shifted = {name_of(on): tuple(value - 1.2 * ("c" in on) for value in SCORES[name_of(on)]) for on in CELLS}
    estimates = [effect.estimate or 0 for effect in analyse(factorial_study(SHARES, shifted)).effects]
    assert estimates == pytest.approx([0.575, 0.725, -0.25])
    assert set(last_notes(shifted)) == {"no percentage of the gain: some shares are above 0 and others below"}


def test_no_percentage_before_two_seeds() -> None:
    one = {name: row[:1] for name, row in SCORES.items()}
    assert set(last_notes(one)) == {"no percentage of the gain: no interval of full minus bare yet"}


@pytest.mark.parametrize("alpha", [0.05, 0.019])
def test_the_interval_of_the_gain_has_the_level_of_the_study(alpha: float) -> None:
    rows = [{"c": name_of(on), "s": s, "y": y} for on in CELLS for s, y in enumerate(SCORES[name_of(on)])]
    theirs = smf.ols("y ~ C(c, Treatment('bare')) + C(s)", DataFrame(rows)).fit()
    low, high = theirs.conf_int(alpha).loc["C(c, Treatment('bare'))[T.full]"]
    assert last_notes(alpha=alpha)[0].endswith(f"[{low:.2f}, {high:.2f}]")
