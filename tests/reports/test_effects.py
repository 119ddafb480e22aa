"""Judging on small hand-made studies: two arms and more, scores given as tables."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.errors import RecordError
from pipeline.spec.records import Failure, RunRecord, Status
from pipeline.spec.study import Arm, Comparison, DataSummary, Metric, PlannedStage, StudyPlan
from reports.analysis.completeness import assess_completeness
from reports.analysis.effects import Judged, judge
from reports.analysis.study import analyse
from reports.records.load import StudyData
from reports.results.study import Effect
from reports.stats.estimate import Method
from reports.stats.verdict import Verdict
from tests.reports.fixtures import ENVIRONMENT

Scores = Mapping[str, Sequence[float | None]]
"""Arm -> top-1 per seed; None where the run failed. NaN: not run yet."""

BARE = [0.9361, 0.9370, 0.9374]
BETTER = [0.9410, 0.9382, 0.9431]


class NoFiles:
    def read(self, run: tuple[str, int], name: str) -> bytes | None:
        return None


def study_of(scores: Scores, controls: tuple[str, ...] = (), metric: str = "top1", delta: float = 0.1) -> StudyData:
    arms = tuple(
        Arm(
            name=name,
            factors=() if name == "bare" else (name,),
            stages=(PlannedStage(name="main", stage_hash=name, spec={"strategies": [{"kind": name}]}),),
            recipe={},
        )
        for name in scores
    )
    seeds = tuple(range(len(scores["bare"])))
    comparisons = tuple(
        Comparison(factor=n, context="added to bare", treatment=n, reference="bare", control=n in controls)
        for n in scores
        if n != "bare"
    )
    plan = StudyPlan(
        study="s", metric=Metric.model_validate({"name": metric, "delta": delta}), seeds=seeds, design="add_one_in",
        arms=arms, comparisons=comparisons,
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={"val": 10}),
    )  # fmt: skip
    records = {
        (arm, seed): make_record(arm, seed, value, metric)
        for arm, values in scores.items()
        for seed, value in enumerate(values)
        if value is None or not np.isnan(value)
    }
    return StudyData(plan, records, [], NoFiles())


def make_record(arm: str, seed: int, value: float | None, metric: str = "top1") -> RunRecord:
    failure = Failure(type="Diverged", message="nan") if value is None else None
    return RunRecord(
        stage_hash=arm, seed=seed, stage="main", status=Status.FINISHED if failure is None else Status.FAILED,
        metrics={} if value is None else {f"val/{metric}": value}, environment=ENVIRONMENT, data_fingerprint="f",
        finished_at="2026-11-22T10:00:00+00:00", failure=failure,
    )  # fmt: skip


def judged(scores: Scores, controls: tuple[str, ...] = (), metric: str = "top1", delta: float = 0.1) -> Judged:
    study = study_of(scores, controls, metric, delta)
    return judge(study, assess_completeness(study))


def only(scores: Scores, **kwargs) -> Effect:
    (effect,) = judged(scores, **kwargs).effects
    return effect


def test_one_comparison_is_the_paired_t_of_scipy_in_points() -> None:
    effect = only({"bare": BARE, "x": BETTER})
    theirs = stats.ttest_rel([100 * v for v in BETTER], [100 * v for v in BARE])
    limits = theirs.confidence_interval()
    assert effect.method is Method.PAIRED
    assert effect.estimate == pytest.approx(0.393333, abs=1e-6)
    assert effect.p == pytest.approx(theirs.pvalue)
    assert effect.ci95 is not None
    assert (effect.ci95.low, effect.ci95.high) == pytest.approx((limits.low, limits.high))
    assert (effect.n, effect.df) == (3, 2)
    assert list(effect.differences.values()) == pytest.approx([0.49, 0.12, 0.57])


def test_all_methods_are_reported_beside_the_headline() -> None:
    scores: Scores = {"bare": BARE, "x": BETTER, "y": [0.9350, 0.9366, 0.9371], "z": [0.9395, 0.9388, 0.9402]}
    effect = judged(scores).effects[0]
    others = {other.method: other for other in effect.others}
    assert set(others) == {Method.PAIRED, Method.MODERATED, Method.POOLED}
    pooled = others[Method.POOLED]
    assert pooled.ci95 is not None  # reference case R18
    assert (pooled.ci95.low, pooled.ci95.high) == pytest.approx((0.152019, 0.634648), abs=1e-6)


def test_four_comparisons_of_three_seeds_share_their_variance() -> None:
    rng = np.random.default_rng(2)
    found = judged({name: list(rng.normal(0.9, 0.01, 3)) for name in ("bare", "a", "b", "c", "d")})
    assert found.headline is Method.MODERATED
    prior = np.mean([np.var(list(effect.differences.values()), ddof=1) for effect in found.effects])
    first = found.effects[0]
    own = np.var(list(first.differences.values()), ddof=1)
    assert first.sd == pytest.approx(np.sqrt((2 * prior + 2 * own) / 4))


def test_holm_counts_factors_and_leaves_controls_out() -> None:
    scores: Scores = {"bare": BARE, "x": BETTER, "y": [0.9350, 0.9366, 0.9371], "placebo": [0.9360, 0.9371, 0.9373]}
    found = judged(scores, controls=("placebo",))
    ps = sorted(effect.p or 1 for effect in found.effects)
    assert sorted(effect.p_holm or 1 for effect in found.effects)[0] == pytest.approx(2 * ps[0])
    (placebo,) = found.controls
    assert placebo.expected == "no evidence"
    assert placebo.as_expected is True
    assert "control" in placebo.detail


def test_a_placebo_that_helps_and_noise_that_helps_are_reported() -> None:
    noise = [0.8, 0.81, 0.802]
    scores = {"bare": BARE, "x": BETTER, "placebo": [0.9561, 0.9571, 0.9573], "label_noise": noise}
    found = judged(scores, controls=("placebo", "label_noise"))
    assert [control.as_expected for control in found.controls] == [False, True]
    scores["label_noise"] = [0.96, 0.961, 0.9605]
    assert judged(scores, controls=("placebo", "label_noise")).controls[1].as_expected is False


def test_more_failures_with_the_factor_make_it_unstable_whatever_the_rest_scored() -> None:
    effect = only({"bare": [0.90, 0.901, 0.902, 0.9, 0.9], "x": [0.99, None, 0.991, None, 0.992]})
    assert effect.verdict is Verdict.UNSTABLE
    assert effect.sentence == "unstable (2/5 failed)"
    assert "95% CI 12% to 77%" in effect.notes[0]


def test_a_failed_reference_drops_the_pair_and_says_so() -> None:
    effect = only({"bare": [0.90, None, 0.902, 0.9], "x": [0.91, 0.9, 0.9155, 0.912]})
    assert effect.verdict is not Verdict.UNSTABLE
    assert (effect.n, effect.num_seeds_planned) == (3, 4)
    assert any("conditional on success" in note for note in effect.notes)


def test_no_difference_is_called_conditional_where_there_is_none() -> None:
    effect = only({"bare": [0.90, 0.901, 0.902], "x": [None, None, None]})
    assert effect.estimate is None
    assert effect.notes[0].startswith("x: 3 of 3 runs failed") and "conditional" not in effect.notes[0]


def test_runs_that_seeds_do_not_change_get_no_interval() -> None:
    effect = only({"bare": [0.9, 0.9, 0.9], "x": [0.91, 0.91, 0.91]})
    assert effect.sentence == "identical runs: check that seeds are applied"
    assert effect.ci95 is None
    assert effect.estimate == pytest.approx(1.0)


def test_equal_differences_of_varying_runs_get_no_interval_either() -> None:
    effect = only({"bare": [0.5, 0.25, 0.75], "x": [0.625, 0.375, 0.875]})
    assert effect.verdict is Verdict.NOT_ASSESSED
    assert "all 3 differences are equal" in effect.sentence
    assert effect.ci95 is None


def test_a_factor_that_changes_no_bit_has_no_effect() -> None:
    found = judged({"bare": BARE, "x": list(BARE), "y": BETTER})
    assert found.effects[0].verdict is Verdict.NO_EFFECT
    assert found.family.cells.num_cells == 2  # the copy adds nothing to what is known about luck


def test_one_seed_gives_no_verdict_and_two_are_pooled() -> None:
    assert only({"bare": BARE[:1], "x": BETTER[:1]}).sentence == "not assessed (one seed: no verdict)"
    found = judged({"bare": BARE[:2], "x": BETTER[:2], "y": [0.935, 0.9366]})
    assert found.headline is Method.POOLED
    assert not any(effect.notes for effect in found.effects), "the pooling is said once, among the study's warnings"
    (warning,) = analyse(study_of({"bare": BARE[:2], "x": BETTER[:2], "y": [0.935, 0.9366]})).warnings
    assert warning == "2 seeds: noise is pooled over all arms, which assumes that they scatter alike"


def test_a_study_that_is_not_done_says_how_far_it_is() -> None:
    nan = float("nan")
    effect = only({"bare": [0.9, nan, nan], "x": [0.91, 0.9, nan]})
    assert effect.sentence == "not assessed (1 of 3 seeds finished in both arms)"


def test_where_lower_is_better_a_fall_helps() -> None:
    effect = only({"bare": [0.80, 0.81, 0.805], "x": [0.70, 0.7102, 0.7051]}, metric="nll", delta=0.01)
    assert effect.verdict is Verdict.HELPS
    assert effect.estimate is not None and effect.estimate < 0
    assert effect.sentence.startswith("helps: -0.1")


def test_swapping_the_arms_swaps_helps_and_hurts() -> None:
    low, high = [0.900, 0.9012, 0.9021], [0.950, 0.9511, 0.9523]
    there, back = only({"bare": low, "x": high}), only({"bare": high, "x": low})
    assert (there.verdict, back.verdict) == (Verdict.HELPS, Verdict.HURTS)
    assert there.estimate == pytest.approx(-(back.estimate or 0))


def test_two_names_for_the_same_runs_are_one_test() -> None:
    study = study_of({"bare": BARE, "x": BETTER})
    twice = study.plan.model_copy(update={"comparisons": study.plan.comparisons * 2})
    again = StudyData(twice, study.records, [], NoFiles())
    found = judge(again, assess_completeness(again))
    assert len(found.effects) == 2
    assert all(effect.p == effect.p_holm for effect in found.effects)


def test_a_finished_run_without_the_deciding_metric_is_an_error() -> None:
    study = study_of({"bare": BARE, "x": BETTER})
    study.records["x", 1] = make_record("x", 1, 0.5, metric="nll")
    with pytest.raises(RecordError, match=r"run x-1: finished without the metric 'val/top1'"):
        judge(study, assess_completeness(study))


def test_the_quotable_sentence_carries_everything() -> None:
    effect = only({"bare": BARE, "x": BETTER})
    assert effect.detail == (
        "Adding x to bare changed top-1 accuracy by +0.39 pt (95% CI -0.20 to 0.99; 3 paired seeds; paired t, df 2; "
        "Holm p=.105 over 1), for this split."
    )


def test_a_placebo_is_judged_by_its_own_spread() -> None:
    """Four quiet factors lend a small variance; the alarm of a placebo that scatters more must not use it."""
    quiet = {f"x{i}": [b + 0.0001 * i + 0.0002 * (seed == i) for seed, b in enumerate(BARE)] for i in range(4)}
    wild = [0.9392, 0.9381, 0.9452]
    found = judged({"bare": BARE, **quiet, "placebo": wild, "other": wild}, controls=("placebo", "other"))
    placebo, other = found.controls
    theirs = stats.ttest_rel(100 * np.array(wild), 100 * np.array(BARE))
    assert (placebo.method, placebo.df, placebo.p) == (Method.PAIRED, 2, pytest.approx(theirs.pvalue))
    assert placebo.as_expected is True and other.method is Method.MODERATED


def test_two_seeds_of_a_placebo_borrow_from_all_arms() -> None:
    scores = {"bare": BARE[:2], "x": BETTER[:2], "placebo": [0.9366, 0.9362]}
    assert judged(scores, controls=("placebo",)).controls[0].method is Method.POOLED


@pytest.mark.parametrize("shares", [(), ("60% of y x z",), ("60% of y x z", "55% of v x w")])
def test_a_verdict_says_what_is_mixed_into_it_for_the_most_part(shares: tuple[str, ...]) -> None:
    study = study_of({"bare": BARE, "x": [score + 0.01 + 1e-5 * i for i, score in enumerate(BARE)]})
    comparison = study.plan.comparisons[0].model_copy(update={"mixed_in": shares})
    plan = study.plan.model_copy(update={"comparisons": (comparison,)})
    study = StudyData(plan, study.records, [], NoFiles())
    effect = judge(study, assess_completeness(study)).effects[0]
    more = " and of 1 other" if len(shares) > 1 else ""
    end = f" (confounded in part: {shares[0]}{more} is in it)" if shares else "above the 0.1 pt threshold"
    assert effect.verdict is Verdict.HELPS and effect.sentence.endswith(end)
