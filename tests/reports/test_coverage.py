"""Intervals hold the truth as often as they say. Seeded; the bands are four Monte Carlo errors wide.

The sizes are chosen so that one degree of freedom too many, or a standard error that is a tenth off, falls outside.
`tests/benchmarks/bench_statistics.py` measures the same with more data and keeps the figures.
"""

import numpy as np
import pytest

from reports.stats.moderated import PRIOR_DF, moderated_effect
from reports.stats.paired import paired_effect
from tests.benchmarks.proof.coverage import by_moderation, by_pairs, by_pooling, measure_coverage
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.false_claims import count_false_claims
from tests.benchmarks.proof.more_seeds import false_positives
from tests.benchmarks.proof.shares import share

MC_ERRORS = 4


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_paired_interval_is_exact(level: float) -> None:
    rng = np.random.default_rng(1)
    held = share([0.0 in paired_effect(rng.standard_normal(3)).interval(level) for _ in range(20_000)])
    assert held.value == pytest.approx(level, abs=MC_ERRORS * held.error)


def test_the_pooled_interval_is_exact_whatever_the_seeds_share() -> None:
    # Three cells and two seeds leave 2 degrees of freedom, where one more would be seen.
    found = measure_coverage({"pooled": by_pooling}, 6_000, 2, 2, Luck(0.8), np.random.default_rng(2))["pooled"]
    assert found.overall.value == pytest.approx(0.95, abs=MC_ERRORS * found.overall.error)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_moderated_interval_is_exact_where_its_prior_is_true(level: float) -> None:
    """Smyth 2004, section 4: variances drawn as d0 s0^2 / chi2(d0) make the moderated t Student's, df d0 + n - 1."""
    rng = np.random.default_rng(3)
    num_seeds, variance = 3, 2.5
    held = []
    for _ in range(20_000):
        sd = np.sqrt(PRIOR_DF * variance / rng.chisquare(PRIOR_DF))
        held.append(0.0 in moderated_effect(sd * rng.standard_normal(num_seeds), variance).interval(level))
    assert share(held).value == pytest.approx(level, abs=MC_ERRORS * share(held).error)


def test_bands_and_widths_of_the_specification() -> None:
    """STATISTICS.md section 2.1: six comparisons, three seeds; M's width is that of eight comparisons."""
    methods = {"paired": by_pairs, "pooled": by_pooling, "moderated": by_moderation(PRIOR_DF)}
    found = measure_coverage(methods, 1_500, 6, 3, Luck(), np.random.default_rng(4))
    slack = {name: MC_ERRORS * one.overall.error for name, one in found.items()}
    for name in ("paired", "pooled"):
        assert found[name].overall.value == pytest.approx(0.95, abs=slack[name])
    assert 0.94 - slack["moderated"] < found["moderated"].overall.value < 0.975 + slack["moderated"]
    widths = {name: one.half_width for name, one in found.items()}
    assert widths == pytest.approx({"paired": 2.44, "pooled": 1.44, "moderated": 1.70}, rel=0.05)


def test_unequal_spread_breaks_the_pooled_interval_and_not_the_paired_one() -> None:
    """The reason for the headline rule; section 2.1 has .866 to .991."""
    found = measure_coverage(
        {"paired": by_pairs, "pooled": by_pooling}, 1_500, 6, 3, Luck(unequal=True), np.random.default_rng(5)
    )
    error = np.sqrt(0.05 * 0.95 / 1_500)
    assert min(found["paired"].each) > 0.95 - MC_ERRORS * error
    assert min(found["pooled"].each) == pytest.approx(0.866, abs=MC_ERRORS * np.sqrt(0.866 * 0.134 / 1_500))


def test_studies_of_idle_factors_claim_nothing_more_often_than_they_may() -> None:
    found = count_false_claims("both_ways", 120, 5, Luck(), np.random.default_rng(6))
    assert found.num_comparisons == 12
    assert found.any_claim.value <= 0.05 + MC_ERRORS * np.sqrt(0.05 * 0.95 / 120)
    # Uncorrected intervals would: the correction is what the row above checks.
    assert found.unadjusted.value > 0.2


def test_declared_looks_keep_the_level_that_looking_breaks() -> None:
    rng = np.random.default_rng(7)
    naive = false_positives((3, 5, 10), 0.05, 4_000, rng)
    declared = false_positives((3, 5, 10), 0.019, 4_000, rng)
    assert naive.value == pytest.approx(0.121, abs=MC_ERRORS * naive.error)  # section 2.6
    assert declared.value < 0.05 + MC_ERRORS * declared.error
