import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from reports.stats.mcnemar import Flips, count_flips, quasi_mcnemar


def test_reference_case() -> None:
    assert Flips(25, 10, 1000).p == pytest.approx(0.016674, abs=1e-6)


@given(fixed=st.integers(0, 60), broken=st.integers(0, 60))
def test_exact_p_agrees_with_statsmodels(fixed: int, broken: int) -> None:
    expected = mcnemar([[500, fixed], [broken, 100]], exact=True).pvalue  # type: ignore[attr-defined]
    assert Flips(fixed, broken, 1000).p == pytest.approx(expected, rel=1e-9)


def test_counts_what_changed_in_both_directions() -> None:
    treatment, reference = np.array([1, 1, 0, 0, 1], np.uint8), np.array([0, 1, 1, 0, 0], np.uint8)
    assert count_flips(treatment, reference) == Flips(2, 1, 5)
    assert count_flips(reference, treatment) == Flips(1, 2, 5)
    assert Flips(2, 1, 5) + Flips(1, 2, 5) == Flips(3, 3, 10)


def test_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the same images, but got \(2,\) and \(3,\)"):
        count_flips(np.zeros(2, np.uint8), np.zeros(3, np.uint8))


def test_without_overdispersion_the_variance_is_that_of_the_differences() -> None:
    differences = np.repeat([1, -1, 0], [25, 10, 965])
    found = quasi_mcnemar(Flips(25, 10, 1000), phi=0.7, df=16)
    assert found.difference == pytest.approx(differences.mean())
    assert found.standard_error == pytest.approx(differences.std() / np.sqrt(1000))
    assert found.p == pytest.approx(2 * stats.t.sf(found.difference / found.standard_error, 16))


def test_overdispersion_widens_by_its_root() -> None:
    narrow, wide = (quasi_mcnemar(Flips(25, 10, 1000), phi, 16) for phi in (1.0, 4.0))
    assert wide.standard_error == pytest.approx(2 * narrow.standard_error)
    assert narrow.interval95 is not None and wide.interval95 is not None
    assert wide.interval95.low < narrow.interval95.low < narrow.difference < wide.interval95.high


def test_nothing_flipped_is_no_evidence_and_has_no_interval() -> None:
    found = quasi_mcnemar(Flips(0, 0, 100), 1.0, 4)
    assert (found.difference, found.p, found.interval95, Flips(0, 0, 100).p) == (0.0, 1.0, None, 1.0)
