from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.errors import SpecError
from pipeline.spec.records import RunRecord
from pipeline.spec.study import StudyPlan
from reports.analysis.compare import Answer, Question, Wanted, compare_arms
from reports.records.load import StudyData, load_study
from reports.stats.estimate import Method
from tests.reports.factorial import at_level
from tests.reports.fixtures import Options, train_alike, without_full, write_home, write_plan

SIX_SEEDS = Options(pictures=False, seeds=tuple(range(6)), fail=())


def study_of(home: Path, options: Options = SIX_SEEDS) -> StudyData:
    write_home(home, options)
    return load_study(home, "clothing-tricks")


def points(study: StudyData, arm: str, metric: str = "top1") -> np.ndarray:
    stage = study.plan.arm(arm).final.stage_hash
    return 100 * np.array([study.records[stage, seed].metrics[f"val/{metric}"] for seed in study.plan.seeds])


def ask(
    study: StudyData, treatment: str, baseline: str, wanted: Wanted = Wanted.NOT_WORSE, size: float = 0.5
) -> Answer:
    return compare_arms(study, treatment, baseline, Question(wanted, size))


@pytest.mark.parametrize(("wanted", "bound", "level"), [(Wanted.NOT_WORSE, -0.5, 0.90), (Wanted.BETTER, 0.5, 0.95)])
@pytest.mark.parametrize("treatment", ["+mixup", "+distill", "+progressive"])
def test_answer_is_scipys_one_sided_test(
    tmp_path: Path, treatment: str, wanted: Wanted, bound: float, level: float
) -> None:
    study = study_of(tmp_path)
    gains = points(study, treatment) - points(study, "bare")
    theirs: Any = stats.ttest_1samp(gains, bound, alternative="greater")
    limits = stats.ttest_1samp(gains, 0).confidence_interval(level)
    found = ask(study, treatment, "bare", wanted)
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))
    assert (found.method, found.df, found.n, found.level) == (Method.PAIRED, 5, 6, pytest.approx(level))
    assert found.yes == (limits.low > bound)


def test_sentences(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    sentences = {
        ask(study, "+cosine", "bare").sentence: "+cosine is not worse than bare by more than 0.5 pt",
        ask(study, "bare", "+cosine").sentence: "bare is worse than +cosine by more than 0.5 pt",
        ask(study, "bare", "+smoothing", size=0.25).sentence: (
            "not shown: bare may be worse than +smoothing by more than 0.25 pt"
        ),
        ask(study, "+cosine", "bare", Wanted.BETTER).sentence: "+cosine is better than bare by at least 0.5 pt",
        ask(study, "+progressive", "bare", Wanted.BETTER).sentence: "+progressive is not better than bare by 0.5 pt",
        ask(study, "+cosine", "bare", Wanted.BETTER, 3.2).sentence: (
            "not shown: +cosine may be better than bare by less than 3.2 pt, or not at all"
        ),
    }
    assert list(sentences) == list(sentences.values())


def test_arms_that_the_plan_did_not_compare(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert not ask(study, "+cosine", "+distill").planned
    assert "; not a planned comparison; clothing-256" in ask(study, "+cosine", "+distill").detail
    assert ask(study, "bare", "+cosine").planned  # the other way round is the same test
    assert "; planned comparison, this question alone; " in ask(study, "bare", "+cosine").detail
    assert "on this validation split (90% CI [" in ask(study, "bare", "+cosine").detail


def test_three_seeds_borrow_the_noise_of_the_plan_and_lend_it_nothing(tmp_path: Path) -> None:
    study = study_of(tmp_path, Options(pictures=False, fail=()))
    family = [c for c in study.plan.comparisons if not c.control]
    variances = [np.var(points(study, c.treatment) - points(study, c.reference), ddof=1) for c in family]
    gains = points(study, "+cosine") - points(study, "+distill")
    variance = (2 * np.mean(variances) + 2 * np.var(gains, ddof=1)) / 4
    found = ask(study, "+cosine", "+distill")
    assert (found.method, found.df) == (Method.MODERATED, 4)
    assert found.p == pytest.approx(stats.t.sf((gains.mean() + 0.5) / np.sqrt(variance / 3), 4))


def test_several_looks_judge_at_a_smaller_level(tmp_path: Path) -> None:
    study = at_level(study_of(tmp_path), 0.019)  # of the plan: nobody has to pass it on
    for wanted, level in ((Wanted.NOT_WORSE, 1 - 2 * 0.019), (Wanted.BETTER, 1 - 0.019)):
        found = ask(study, "+mixup", "bare", wanted)
        limits = stats.ttest_1samp(points(study, "+mixup") - points(study, "bare"), 0).confidence_interval(level)
        assert found.interval is not None
        assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))
        assert f"({100 * level:.4g}% CI [" in found.detail


def test_where_lower_is_better_the_margin_lies_above(tmp_path: Path) -> None:
    study = study_of(tmp_path, replace(SIX_SEEDS, metric="nll", delta=0.01))
    losses = (points(study, "+cosine", "nll") - points(study, "bare", "nll")) / 100
    found = ask(study, "+cosine", "bare", Wanted.BETTER, 0.01)
    assert found.yes and found.estimate == pytest.approx(losses.mean()) and losses.mean() < 0
    theirs: Any = stats.ttest_1samp(losses, -0.01, alternative="less")
    assert found.p == pytest.approx(theirs.pvalue)
    limits = stats.ttest_1samp(losses, 0).confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))
    assert not ask(study, "bare", "+cosine", size=0.01).yes


def test_fewer_than_two_seeds_are_no_yes(tmp_path: Path) -> None:
    study = study_of(tmp_path, Options(pictures=False, seeds=(0,), fail=()))
    found = ask(study, "+cosine", "bare", size=50)
    assert (found.yes, found.sentence, found.p) == (False, "not assessed (one seed)", None)


def test_arms_without_a_seed_in_common(tmp_path: Path) -> None:
    fail = (("+cosine", 0), ("+cosine", 1), ("bare", 2))
    study = study_of(tmp_path, Options(pictures=False, fail=fail))
    # As often failed on both sides: it is not that the one is less stable.
    assert ask(study, "bare", "+cosine").sentence == "not assessed (no seed finished in both arms)"
    unstable = ask(study, "+cosine", "bare")
    assert (unstable.yes, unstable.sentence) == (False, "unstable (2/3 failed)")


def test_an_arm_that_fails_more_often_is_never_a_yes(tmp_path: Path) -> None:
    study = study_of(tmp_path, replace(SIX_SEEDS, fail=(("+cosine", 4),)))
    found = ask(study, "+cosine", "bare", Wanted.BETTER, 0.0)
    assert (found.yes, found.sentence) == (False, "unstable (1/6 failed)")
    assert ask(study, "bare", "+cosine", size=50).yes
    assert "5 of 6 planned seeds" in ask(study, "bare", "+cosine", size=50).notes


def test_arms_that_trained_bit_for_bit_alike_are_not_worse_and_not_better(tmp_path: Path) -> None:
    plan = write_home(tmp_path, SIX_SEEDS)
    train_alike(tmp_path, plan, "+smoothing", "bare", plan.seeds)
    study = load_study(tmp_path, plan.study)
    same = ask(study, "+smoothing", "bare", size=0.001)
    assert same.yes and "bit for bit alike in 6 of 6 seeds" in same.sentence
    assert not ask(study, "+smoothing", "bare", Wanted.BETTER, 0.0).yes


def test_arms_of_one_specification(tmp_path: Path) -> None:
    plan = write_home(tmp_path, SIX_SEEDS)
    twin = plan.arm("bare").model_copy(update={"name": "twin"})
    write_plan(tmp_path, plan.model_copy(update={"arms": (*plan.arms, twin)}))
    study = load_study(tmp_path, plan.study)
    assert ask(study, "twin", "bare").yes
    assert "same specification" in ask(study, "twin", "bare").sentence
    assert not ask(study, "twin", "bare", Wanted.BETTER, 0.0).yes


def test_seeds_that_change_nothing_are_no_evidence(tmp_path: Path) -> None:
    plan = write_home(tmp_path, SIX_SEEDS)
    path = tmp_path / "records.jsonl"
    records = [RunRecord.model_validate_json(line) for line in path.read_text().splitlines()]
    first = {record.stage_hash: record.metrics for record in records if record.seed == 0}
    path.write_text(
        "".join(r.model_copy(update={"metrics": first[r.stage_hash]}).model_dump_json() + "\n" for r in records)
    )
    found = ask(load_study(tmp_path, plan.study), "+cosine", "bare", size=50)
    assert (found.yes, found.sentence) == (False, "identical runs: check that seeds are applied")


def test_arms_that_are_not_there(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    with pytest.raises(SpecError, match=r"no arm '\+mixpu'; did you mean '\+mixup'\? Its arms: bare, full, \+cosine"):
        ask(study, "+mixpu", "bare")
    with pytest.raises(SpecError, match=r"no arm '\?'\. Its arms: bare, full"):
        ask(study, "bare", "?")
    with pytest.raises(SpecError, match="'bare' is compared with itself"):
        ask(study, "bare", "bare")


def test_a_skipped_arm_says_why(tmp_path: Path) -> None:
    plan: StudyPlan = write_home(tmp_path, SIX_SEEDS)
    write_plan(tmp_path, without_full(plan, "mixup and smoothing both set the targets"))
    with pytest.raises(SpecError, match="arm 'full' of study 'clothing-tricks' was skipped: mixup and smoothing both"):
        ask(load_study(tmp_path, plan.study), "full", "bare")
