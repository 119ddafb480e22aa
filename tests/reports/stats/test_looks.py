from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.stats.looks import constant_alpha, false_positive_rate


@pytest.mark.parametrize(("at", "expected"), [((3, 5, 10), 0.019), (tuple(range(3, 11)), 0.012)])
def test_levels_as_specified(at: tuple[int, ...], expected: float) -> None:
    assert constant_alpha(at) == expected
    assert false_positive_rate(at, expected) == pytest.approx(0.05, abs=0.0012)


@pytest.mark.parametrize(("at", "expected"), [(tuple(range(3, 11)), 0.168), ((3, 5, 10), 0.121), ((3, 4, 5), 0.102)])
def test_peeking_without_correction(at: tuple[int, ...], expected: float) -> None:
    assert false_positive_rate(at) == pytest.approx(expected, abs=0.002)


def test_two_looks_against_an_integral_over_the_sphere() -> None:
    # The direction of three differences of nothing is uniform on the sphere, and both t depend on nothing else.
    height = (np.arange(1200) + 0.5) / 600 - 1  # equal areas: Archimedes
    angle = (np.arange(2400) + 0.5) * np.pi / 1200
    z, phi = np.meshgrid(height, angle)
    x, y = np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi)
    first: Any = stats.ttest_1samp(np.stack([x, y]).reshape(2, -1), 0.0)
    second: Any = stats.ttest_1samp(np.stack([x, y, z]).reshape(3, -1), 0.0)
    either = np.minimum(first.pvalue, second.pvalue)
    assert np.mean(first.pvalue < 0.05) == pytest.approx(0.05, abs=1e-3)  # the grid itself
    assert false_positive_rate((2, 3)) == pytest.approx(np.mean(either < 0.05), abs=0.0015)
    assert constant_alpha((2, 3)) == pytest.approx(np.quantile(either, 0.05), abs=0.001)


def test_one_look_is_no_peeking() -> None:
    assert constant_alpha((5,)) == 0.05
    assert false_positive_rate((5,)) == pytest.approx(0.05, abs=0.0011)


def test_every_further_look_costs() -> None:
    levels = [constant_alpha(at) for at in [(3, 10), (3, 5, 10), (3, 4, 5, 10)]]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 3


def test_a_smaller_overall_level() -> None:
    level = constant_alpha((3, 5, 10), overall=0.01)
    assert false_positive_rate((3, 5, 10), level) == pytest.approx(0.01, abs=0.0012)


@pytest.mark.parametrize("at", [(), (1,), (1, 3), (5, 3), (3, 3)])
def test_what_is_no_schedule(at: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rising numbers of seeds from 2 on, but got"):
        constant_alpha(at)
