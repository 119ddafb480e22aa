"""Two studies side by side: the second is the first with other learning rates, luck and seeds."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.base import content_hash
from pipeline.spec.study import Arm, StudyPlan
from reports.analysis.spec_differences import differences
from reports.analysis.two_studies import compare_studies
from reports.formats.two_studies import to_json, to_markdown
from reports.page.two_studies import render_two_studies
from reports.records.load import StudyData, load_study
from reports.results.two_studies import ArmPair, TwoStudies
from tests.reports.fixtures import Options, write_home


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> StudyData:
    home = tmp_path_factory.mktemp("home")
    return load_study(home, write_home(home, Options(pictures=False)).study)


def edited(study: StudyData, change: Callable[[Arm], Arm], **fields: object) -> StudyData:
    """The study with other arms and other fields of its plan. A changed arm has runs of its own, with other scores."""
    arms = tuple(change(arm) for arm in study.plan.arms)
    rng, records = np.random.default_rng(3), {}
    for old, new in zip(study.plan.arms, arms, strict=True):
        for seed in study.plan.seeds_of(old):
            if (record := study.records.get((old.final.stage_hash, seed))) is not None:
                metrics = dict(record.metrics)
                if new.final.stage_hash != old.final.stage_hash and metrics:
                    metrics["val/top1"] += rng.normal(0.01, 0.004)
                changed = {"stage_hash": new.final.stage_hash, "metrics": metrics}
                records[new.final.stage_hash, seed] = record.model_copy(update=changed)
    plan = study.plan.model_copy(update={"study": "second", "arms": arms, **fields})
    return replace(study, plan=plan, records=records)


def with_lr(arm: Arm, lr: float) -> Arm:
    """The arm with another learning rate in its last stage."""
    spec = arm.final.spec | {"optimizer": arm.final.spec["optimizer"] | {"lr": lr}}
    final = arm.final.model_copy(update={"stage_hash": content_hash([arm.final.stage_hash, lr]), "spec": spec})
    return arm.model_copy(update={"stages": (*arm.stages[:-1], final)})


def all_but_bare(arm: Arm) -> Arm:
    return arm if arm.name == "bare" else with_lr(arm, 0.2)


def pair_of(two: TwoStudies, name: str) -> ArmPair:
    return next(pair for pair in two.arms if pair.first == name)


def tops(study: StudyData, arm: str) -> list[float]:
    """Of the seeds that finished, in points."""
    key = study.plan.arm(arm).final.stage_hash
    return [100 * r.metrics["val/top1"] for s in study.plan.seeds if (r := study.finished((key, s))) is not None]


def test_a_difference_is_scipys_paired_t_over_the_seeds_that_both_finished(first: StudyData) -> None:
    second = edited(first, all_but_bare)
    found = pair_of(compare_studies(first, second), "+mixup").difference
    assert found is not None
    assert found.interval is not None
    expected = stats.ttest_rel(tops(second, "+mixup"), tops(first, "+mixup"))
    limits = expected.confidence_interval(0.95)
    assert found.estimate == pytest.approx(np.mean(tops(second, "+mixup")) - np.mean(tops(first, "+mixup")))
    assert (found.p, found.df) == pytest.approx((expected.pvalue, 2))
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))
    one_failed = pair_of(compare_studies(first, second), "-smoothing").difference
    assert one_failed is not None
    assert one_failed.seeds == (0, 1), "seed 2 failed"


def test_p_values_are_adjusted_over_all_arms_as_scipy_does(first: StudyData) -> None:
    pairs = compare_studies(first, edited(first, all_but_bare)).arms
    tested = [pair.difference for pair in pairs if pair.difference is not None]
    p_values = [found.p for found in tested if found.p is not None]
    assert len(p_values) == len(first.plan.arms) - 1
    expected = stats.false_discovery_control(p_values)
    assert [found.q for found in tested] == pytest.approx(list(expected))


def test_arms_are_paired_by_runs_then_names_then_recipes(first: StudyData) -> None:
    def change(arm: Arm) -> Arm:
        if arm.name == "+mixup":
            return arm.model_copy(update={"name": "+blend"})
        if arm.name == "+smoothing":  # the same recipe on other data has another identity
            return with_lr(arm, arm.final.spec["optimizer"]["lr"]).model_copy(update={"name": "+soft"})
        return with_lr(arm, 0.2) if arm.name in ("+cosine", "full") else arm

    comparisons = tuple(c for c in first.plan.comparisons if c.factor not in ("mixup", "smoothing"))
    two = compare_studies(first, edited(first, change, comparisons=comparisons))
    assert {(pair.first, pair.second, pair.matched) for pair in two.arms if pair.matched != "same runs"} == {
        ("+cosine", "+cosine", "same name, other recipe"),
        ("full", "full", "same name, other recipe"),
        ("+smoothing", "+soft", "same recipe, other name"),
    }
    assert pair_of(two, "+mixup").second == "+blend"
    assert pair_of(two, "+mixup").why_none == "the same runs answer for both"
    (lr,) = pair_of(two, "+cosine").changed
    assert (lr.what, lr.first, lr.second) == ("optimizer.lr", "0.1", "0.2")
    assert pair_of(two, "full").changed[0].what == "main: optimizer.lr", "it has a teacher too"
    assert two.only_first == two.only_second == ()
    of_mixup = next(v for v in two.verdicts if (v.factor, v.context) == ("mixup", "added to bare"))
    assert of_mixup.first is not None
    assert of_mixup.second is None, "not planned there"


def test_arms_of_one_study_only_are_named(first: StudyData) -> None:
    plan = first.plan
    kept = tuple(c for c in plan.comparisons if c.factor != "placebo")
    fewer = plan.model_copy(
        update={"study": "fewer", "comparisons": kept, "arms": tuple(a for a in plan.arms if a.name != "+placebo")}
    )
    two = compare_studies(first, replace(first, plan=fewer))
    assert (two.only_first, two.only_second) == (("+placebo",), ())
    assert "Only in clothing-tricks: +placebo." in to_markdown(two)


@pytest.mark.parametrize("what", ["data", "metric"])
def test_across_other_data_or_another_metric_nothing_is_subtracted_and_that_is_said(
    first: StudyData, what: str
) -> None:
    plan = first.plan
    fields = {
        "data": {"data": plan.data.model_copy(update={"fingerprint": "0b" * 16, "num_samples": {"val": 9}})},
        "metric": {"metric": plan.metric.model_copy(update={"name": "nll"})},
    }[what]
    two = compare_studies(first, edited(first, all_but_bare, **fields))
    assert len(two.obstacles) == 1
    assert all(pair.difference is None and pair.why_none for pair in two.arms)
    text = to_markdown(two)
    assert "**No difference between the two studies is computed: the " in text
    assert "none: the data or the metric differ" in text
    assert all(pair.second_score is not None for pair in two.arms), "each study's own levels are still there"


def test_settings_and_versions_that_differ_are_listed_and_no_others(first: StudyData) -> None:
    plan = first.plan
    second = edited(first, lambda arm: with_lr(arm, 0.2), metric=plan.metric.model_copy(update={"delta": 0.25}))
    newer = {
        run: record.model_copy(update={"environment": record.environment.model_copy(update={"torch": "9.9"})})
        for run, record in second.records.items()
    }
    two = compare_studies(first, replace(second, records=newer))
    assert [(s.what, s.first, s.second) for s in two.settings] == [
        ("delta", "0.5", "0.25"),
        ("bare's optimizer.lr", "0.1", "0.2"),
    ]
    assert [(e.what, e.first, e.second) for e in two.environments] == [("torch", "2.15.0", "9.9")]
    assert any("part of any difference may come from there" in note for note in two.notes)
    assert compare_studies(first, edited(first, all_but_bare)).environments == ()


def test_a_study_without_a_run_can_be_held_beside_another(first: StudyData) -> None:
    empty = replace(edited(first, all_but_bare), records={})
    two = compare_studies(first, empty)
    assert two.second.num_finished == 0
    assert pair_of(two, "+mixup").why_none == "no seed in common yet"
    assert "no run yet" in to_markdown(two)
    assert "no seed in common yet" in render_two_studies(compare_studies(empty, first))


def test_json_reads_back_and_no_text_from_data_becomes_markup(first: StudyData) -> None:
    plan: StudyPlan = first.plan
    data = plan.data.model_copy(update={"class_names": ("a|b", "<script>alert(2)</script>")})
    two = compare_studies(first, edited(first, all_but_bare, data=data))
    assert TwoStudies.model_validate_json(to_json(two)) == two
    page, text = render_two_studies(two), to_markdown(two)
    assert "<script>" not in page
    assert "<script>" not in text
    assert "a\\|b" in text
    assert not re.search(r"(src|href)=", page), "an offline page"
    for table in ("Arms of both studies", "Verdicts side by side", "Settings that differ"):
        assert table in page


def test_fields_that_differ_are_named_by_path_and_strategies_by_kind() -> None:
    first = {"lr": 0.1, "strategies": [{"kind": "mixup", "alpha": 0.2}], "name": "x"}
    second = {"lr": 0.1, "strategies": [{"kind": "placebo"}, {"kind": "mixup", "alpha": 0.4}], "name": "x"}
    assert [(d.what, d.first, d.second) for d in differences(first, second)] == [
        ("strategies.mixup.alpha", "0.2", "0.4"),
        ("strategies.placebo.kind", "not there", "placebo"),
    ]
    assert differences(first, first) == ()


def test_the_command_writes_the_page_and_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    from tests.ablations.studies import ablate

    plan = write_home(tmp_path, Options(pictures=False))
    other = tmp_path / "studies" / "other" / "plan.json"
    other.parent.mkdir()
    other.write_text(plan.model_copy(update={"study": "other"}).model_dump_json())
    home = ("--home", tmp_path)
    done = ablate("report", plan.study, "other", *home)
    assert done.exit_code == 0, done.err
    assert "<title>clothing-tricks and other</title>" in Path(done.out.strip()).read_text()
    assert ablate("report", plan.study, "other", *home, "--format", "md").out.startswith("## clothing-tricks and other")
    for arguments, words in (
        (("other", "other"), "is held beside itself"),
        (("other", plan.study, "--format", "csv"), "is for one study"),
        (("other", plan.study, "--final"), "name one"),
    ):
        refused = ablate("report", *arguments, *home)
        assert refused.exit_code == 2
        assert words in refused.err
