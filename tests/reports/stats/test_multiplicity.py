import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from reports.stats.multiplicity import benjamini_hochberg, holm

P = np.array([0.001, 0.008, 0.039, 0.041, 0.20])


def test_reference_case() -> None:
    assert holm(P) == pytest.approx([0.005, 0.032, 0.117, 0.117, 0.2], abs=1e-6)
    assert benjamini_hochberg(P) == pytest.approx([0.005, 0.02, 0.05125, 0.05125, 0.2], abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_agree_with_statsmodels_and_scipy_in_any_order(seed: int) -> None:
    p = np.random.default_rng(seed).uniform(size=9) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


def test_holm_never_lowers_a_p_value_and_keeps_the_order() -> None:
    p = np.sort(np.random.default_rng(8).uniform(size=20))
    assert (holm(p) >= p).all()
    assert (np.diff(holm(p)) >= 0).all()


def test_no_tests_give_no_p_values() -> None:
    assert len(holm(np.array([]))) == 0
    assert len(benjamini_hochberg(np.array([]))) == 0
