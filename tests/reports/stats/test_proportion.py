import pytest
from statsmodels.stats.proportion import proportion_confint

from reports.stats.proportion import wilson


@pytest.mark.parametrize(("count", "total"), [(2, 5), (0, 3), (3, 3), (9400, 10_000)])
def test_agrees_with_statsmodels(count: int, total: int) -> None:
    found = wilson(count, total)
    assert (found.low, found.high) == pytest.approx(proportion_confint(count, total, method="wilson"), abs=1e-12)
