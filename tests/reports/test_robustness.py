from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.analysis.study import analyse
from reports.records.load import load_study
from reports.results.effect import Effect
from reports.results.study import Analysis
from tests.reports.fixtures import Options, train_alike, write_home


def analysis_of(home: Path, num_seeds: int, metric: str = "top1") -> Analysis:
    write_home(home, Options(pictures=False, seeds=tuple(range(num_seeds)), fail=(), metric=metric))
    return analyse(load_study(home, "clothing-tricks"))


def effect_of(analysis: Analysis, factor: str) -> Effect:
    found = analysis.effect(factor, "added to bare")
    assert found is not None
    return found


def test_eight_seeds_reach_the_level_for_one_comparison_but_not_for_ten(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, 8)
    factor, control = effect_of(analysis, "cosine"), effect_of(analysis, "label_noise")
    assert factor.robustness is not None and control.robustness is not None
    assert factor.robustness.sign_flip_p is None  # 2 / 2^8, ten times
    assert control.robustness.sign_flip_p == pytest.approx(2 / 2**8)
    assert not any("sign-flip" in note for note in factor.notes)
    assert control.notes[-1] == (
        "better in 0 of 8 seeds (95% CI of the share 0% to 32%); exact sign-flip p=.008, before correction"
    )


def test_nine_seeds_reach_it_for_ten_comparisons(tmp_path: Path) -> None:
    analysis = analysis_of(tmp_path, 9)
    for effect in analysis.effects:
        gains = np.array([*effect.differences.values()])
        theirs = stats.permutation_test((gains,), np.mean, permutation_type="samples", n_resamples=10**6)
        found = effect.robustness
        assert found is not None and found.d_z is not None and found.hedges_g is not None
        assert found.sign_flip_p == pytest.approx(theirs.pvalue)
        test: Any = stats.ttest_1samp(gains, 0)
        assert found.d_z == pytest.approx(test.statistic / 3)  # t over the root of 9
        assert found.hedges_g / found.d_z == pytest.approx(1 - 3 / 31)
        assert found.improvement == np.mean(gains > 0)
        assert any(note.startswith("better in ") for note in effect.notes)


def test_where_lower_is_better_a_drop_is_a_win(tmp_path: Path) -> None:
    found = effect_of(analysis_of(tmp_path, 3, "nll"), "cosine")
    assert max(found.differences.values()) < 0
    assert found.robustness is not None and found.robustness.d_z is not None
    assert found.robustness.improvement == 1.0 and found.robustness.d_z > 0
    assert found.robustness.improvement_low == pytest.approx(0.44, abs=5e-3)  # three wins of three say little


def test_arms_that_trained_alike_and_single_seeds_have_none(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    train_alike(tmp_path, plan, "+smoothing", "bare", plan.seeds)
    assert effect_of(analyse(load_study(tmp_path, plan.study)), "smoothing").robustness is None
    assert effect_of(analysis_of(tmp_path / "one", 1), "cosine").robustness is None


def test_an_effect_below_the_detectable_one_says_how_far_it_may_be_off(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False, noise_pt=0.8))
    analysis = analyse(load_study(tmp_path, "clothing-tricks"))
    marked = [(e, note) for e in analysis.effects for note in e.notes if "reliably detects" in note]
    assert marked
    for effect, note in marked:
        assert effect.estimate is not None and effect.mde is not None and effect.sd is not None
        assert abs(effect.estimate) < effect.mde
        assert note.startswith(f"smaller than the {effect.mde:.2f} pt this study reliably detects")
        # The noncentral t with the degrees of freedom that the verdict had.
        critical, shift = stats.t.ppf(0.975, effect.df), 0.5 / effect.sd * np.sqrt(effect.n)
        power = stats.nct.sf(critical, effect.df, shift) + stats.nct.cdf(-critical, effect.df, shift)
        assert f"a true effect of 0.5 pt would stand out in {power:.0%} of such studies" in note
