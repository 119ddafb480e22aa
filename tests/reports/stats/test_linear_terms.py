from itertools import combinations, product

import numpy as np
import pytest
from statsmodels.api import OLS

from reports.stats.linear_terms import MEAN, Term, fit_terms
from reports.stats.pooled import fit_two_way

CELLS = np.array(list(product([False, True], repeat=3)))
ABC = ("a", "b", "c")
MAINS: list[Term] = [(name,) for name in ABC]
UP_TO_TWO: list[Term] = [*MAINS, *combinations(ABC, 2)]


def scores_of(num_cells: int, num_seeds: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(90, 1, (num_cells, num_seeds)) + rng.normal(0, 1, num_seeds)


@pytest.mark.parametrize("coding", ["-1/+1", "0/1"])
def test_missing_runs_agree_with_statsmodels(coding) -> None:
    scores = scores_of(8, 3)
    scores[2, 0] = scores[5, 2] = scores[7, 1] = np.nan
    found = fit_terms(scores, CELLS, ABC, UP_TO_TWO, coding)
    low, twice = (-1.0, 2.0) if coding == "-1/+1" else (0.0, 1.0)
    levels = np.where(CELLS, 1.0, low)
    rows, values = [], []
    for cell, seed in zip(*np.nonzero(np.isfinite(scores)), strict=True):
        a, b, c = levels[cell]
        rows.append([1, a, b, c, a * b, a * c, b * c, seed == 1, seed == 2])
        values.append(scores[cell, seed])
    theirs = OLS(np.array(values), np.array(rows, dtype=float)).fit()
    assert (found.df, found.mse) == (theirs.df_resid, pytest.approx(theirs.mse_resid))
    for index, term in enumerate(UP_TO_TWO, start=1):
        effect = found.effects[term]
        assert effect.effect == pytest.approx(twice * theirs.params[index])
        assert effect.standard_error == pytest.approx(twice * theirs.bse[index])
        assert effect.p == pytest.approx(theirs.pvalues[index])
    assert found.mean == pytest.approx(theirs.params[0] + (theirs.params[7] + theirs.params[8]) / 3)
    assert found.inestimable == ()


def test_one_factor_is_the_two_way_model() -> None:
    scores = scores_of(2, 4)
    scores[0, 3] = np.nan
    ours = fit_terms(scores, np.array([[False], [True]]), ["a"], [("a",)]).effects["a",]
    theirs = fit_two_way(scores).effect(1, 0)
    assert (ours.effect, ours.standard_error, ours.df) == pytest.approx(
        (theirs.effect, theirs.standard_error, theirs.df)
    )


def test_mixed_terms_of_a_half_fraction_are_named_and_the_rest_is_kept() -> None:
    half = CELLS[CELLS.sum(axis=1) % 2 == 1]  # I = ABC
    found = fit_terms(scores_of(4, 3), half, ABC, [*MAINS, ("b", "c")])
    assert [(each.term, each.mixed_with) for each in found.inestimable] == [
        (("a",), ("b x c",)),
        (("b", "c"), ("a",)),
    ]
    assert set(found.effects) == {("b",), ("c",)}


def test_constrained_example() -> None:
    # fp16, a scaler that needs it, mixup or cutmix, label smoothing: 18 of 32 cells can be.
    names = ("fp16", "scaler", "mixup", "cutmix", "smoothing")
    every = np.array(list(product([False, True], repeat=5)))
    cells = every[(every[:, 0] | ~every[:, 1]) & ~(every[:, 2] & every[:, 3])]
    assert len(cells) == 18
    terms: list[Term] = [*((name,) for name in names), *combinations(names, 2)]
    found = fit_terms(scores_of(18, 3), cells, names, terms, "0/1")
    assert {each.term: each.mixed_with for each in found.inestimable} == {
        ("scaler",): ("fp16 x scaler",),
        ("fp16", "scaler"): ("scaler",),
        ("mixup", "cutmix"): (),
    }
    assert found.df == 18 * 3 - (14 + 2)  # rank 14 of 16 columns, and two more seeds
    mains = fit_terms(scores_of(18, 3), cells, names, terms[:5])
    assert mains.inestimable == () and mains.df == 18 * 3 - (6 + 2)


def test_a_factor_that_never_varies_is_mixed_with_the_mean() -> None:
    on = np.array([[False, True], [True, True]])
    found = fit_terms(scores_of(2, 3), on, ["a", "b"], [("a",), ("b",)])
    assert [(each.term, each.mixed_with) for each in found.inestimable] == [(("b",), (MEAN,))]
    assert found.mean is None
    assert ("a",) in found.effects


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"scores \[8, 2\] and switches \[8, 3\] do not fit 2 factors"):
        fit_terms(scores_of(8, 2), CELLS, ["a", "b"], [("a",)])
    with pytest.raises(ValueError, match=r"terms name \['d'\], but the factors are \['a', 'b', 'c'\]"):
        fit_terms(scores_of(8, 2), CELLS, ABC, [("d",)])
    with pytest.raises(ValueError, match="terms must differ"):
        fit_terms(scores_of(8, 2), CELLS, ABC, [("a",), ("a",)])
    with pytest.raises(ValueError, match="8 runs leave no residual degrees of freedom"):
        fit_terms(scores_of(8, 1), CELLS, ABC, [*UP_TO_TWO, ABC])
