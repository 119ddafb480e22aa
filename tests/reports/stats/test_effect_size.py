import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from reports.stats.effect_size import hedges_correction, paired_effect_size


@pytest.mark.parametrize(("df", "tolerance"), [(2, 8e-2), (4, 3e-3), (9, 1e-3), (30, 1e-4)])
def test_correction_is_close_to_the_exact_one(df: int, tolerance: float) -> None:
    # Hedges' exact factor: gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)).
    exact = np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    assert hedges_correction(df) == pytest.approx(exact, abs=tolerance)


@given(st.floats(0.01, 100), st.integers(2, 12))
def test_does_not_depend_on_the_unit(unit: float, num_seeds: int) -> None:
    differences = np.random.default_rng(num_seeds).normal(1, 1, num_seeds)
    one, other = paired_effect_size(differences), paired_effect_size(differences * unit)
    assert (one.d_z, one.hedges_g) == pytest.approx((other.d_z, other.hedges_g))


def test_equal_differences_have_none() -> None:
    with pytest.raises(ValueError, match="all 3 differences are equal"):
        paired_effect_size(np.array([0.3, 0.3, 0.3]))
