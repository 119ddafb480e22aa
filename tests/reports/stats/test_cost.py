import numpy as np
import pytest

from reports.stats.cost import paired_ratio


def test_reference_case() -> None:
    found = paired_ratio(np.array([1510, 1498, 1522, 1505, 1515]), np.array([1210, 1195, 1221, 1202, 1208]))
    assert found.value == pytest.approx(1.250842, abs=1e-6)
    assert found.interval95 is not None
    assert (found.interval95.low, found.interval95.high) == pytest.approx((1.246595, 1.255103), abs=1e-6)


def test_one_round_has_no_interval() -> None:
    assert paired_ratio(np.array([3.0]), np.array([2.0])).interval95 is None


def test_rounds_must_pair_up() -> None:
    with pytest.raises(ValueError, match="rounds must pair up, but got 2 and 1"):
        paired_ratio(np.array([3.0, 2.0]), np.array([2.0]))
