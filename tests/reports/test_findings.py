"""What the plan gives away: skipped arms and hidden changes, in words and in every output."""

import json
from pathlib import Path

import pytest

from pipeline.spec.study import SkippedArm, StudyPlan, Undeclared
from reports.analysis.findings import (
    blocking_arm,
    changes_nothing,
    describe_undeclared,
    finding_lines,
    hidden_changes,
    skipped_by_reason,
    why_skipped,
)
from reports.analysis.study import analyse
from reports.formats.text import status_text, to_json, to_markdown, verdict_rows
from reports.page.html import render
from reports.records.load import StudyData, load_study
from reports.stats.verdict import Verdict
from tests.reports.fixtures import FACTORS, Options, make_plan, with_undeclared, without_full, write_home, write_plan

EVIL = "mixup clashes with <script>alert(2)</script> & co | <b>both</b> mix"
PLAN = make_plan(Options())
DECAY = Undeclared(path="optimizer.weight_decay", bare=5.0e-5, arm=0.05, factors=("cosine",))
EVIL_DECAY = Undeclared(path="optimizer.options.<i>", bare=None, arm="<script>alert(3)</script>", factors=("cosine",))
CHANGED: dict[str, tuple[Undeclared, ...]] = {"+cosine": (DECAY, EVIL_DECAY), "full": (DECAY,)}


@pytest.fixture
def skipped(tmp_path: Path) -> StudyData:
    plan = write_plan(tmp_path, without_full(write_home(tmp_path, Options(pictures=False, fail=())), EVIL))
    return load_study(tmp_path, plan.study)


@pytest.fixture
def hidden(tmp_path: Path) -> StudyData:
    plan = write_plan(tmp_path, with_undeclared(write_home(tmp_path, Options(pictures=False, fail=())), CHANGED))
    return load_study(tmp_path, plan.study)


# Skipped arms


def test_arms_that_one_reason_keeps_from_running_are_named_together() -> None:
    plan = without_full(PLAN, "they clash")
    assert skipped_by_reason(plan.skipped) == {
        "factors mixup and smoothing: they clash": ("full", "-cosine", "-distill", "-progressive"),
        "only ever compared with full": ("-mixup", "-smoothing"),
    }
    alone = plan.skipped[0].model_copy(update={"clash": ("mixup",)})
    assert why_skipped(alone) == "factor mixup: they clash"


def test_the_arm_that_stands_in_the_way_is_the_one_that_cannot_be() -> None:
    plan = without_full(PLAN, "they clash")
    assert {blocking_arm(plan, comparison).name for comparison in plan.unassessed} == {"full"}
    with_full = plan.model_copy(update={"skipped": tuple(arm for arm in plan.skipped if arm.name != "full")})
    assert blocking_arm(with_full, plan.unassessed[0]).name == "-cosine"


def test_lost_comparisons_keep_a_row_with_the_reason_and_count_for_nothing(skipped: StudyData) -> None:
    analysis = analyse(skipped)
    for factor in FACTORS:
        effect = analysis.effect(factor, "removed from full")
        assert effect is not None and effect.verdict is Verdict.NOT_ASSESSED
        assert effect.sentence == f"not assessed: arm full skipped (factors mixup and smoothing: {EVIL})"
        assert (effect.n, effect.estimate, effect.differences, effect.p_holm) == (0, None, {}, None)
    assert analysis.num_comparisons == len(FACTORS)
    judged = [effect for effect in analysis.effects if effect.context == "added to bare"]
    assert all(effect.p_holm is not None and f"over {len(FACTORS)})" in effect.detail for effect in judged)


def test_a_factor_that_cannot_be_at_all_keeps_its_place_among_the_others(tmp_path: Path) -> None:
    plan = without_full(write_home(tmp_path, Options(pictures=False, fail=())), "no luck")
    lost = tuple(comparison for comparison in plan.comparisons if comparison.factor == "mixup")
    arm = plan.arm("+mixup")
    skipped_arm = SkippedArm(name=arm.name, factors=arm.factors, reason="no luck", clash=("mixup",))
    changed = plan.model_copy(
        update={
            "arms": tuple(a for a in plan.arms if a != arm),
            "comparisons": tuple(c for c in plan.comparisons if c not in lost),
            "skipped": (*plan.skipped, skipped_arm),
            "unassessed": (*plan.unassessed, *lost),
            "grid": {"factors": {name: {} for name in FACTORS}},
        }
    )
    analysis = analyse(load_study(tmp_path, write_plan(tmp_path, changed).study))
    rows = verdict_rows(analysis)
    assert [row.factor for row in rows if not row.control] == list(FACTORS)
    assert [row.at("added to bare").verdict for row in rows if row.factor == "mixup"] == ["not assessed"]
    assert "added to bare: not assessed: arm +mixup skipped (factor mixup: no luck)" in analysis.answers["mixup"]
    assert "mixup" not in analysis.recipe_to_keep.factors


def test_the_rest_is_judged_as_a_study_that_never_asked_for_more(skipped: StudyData) -> None:
    asked_less = skipped.plan.model_copy(update={"skipped": (), "unassessed": ()})
    less = analyse(StudyData(asked_less, skipped.records, skipped.timings, skipped.files))
    more = analyse(skipped)
    assert more.effects[: len(FACTORS)] == less.effects
    assert more.controls == less.controls
    assert more.noise_floor == less.noise_floor


def test_completeness_counts_planned_runs_only_and_keeps_the_skipped_apart(skipped: StudyData) -> None:
    done = analyse(skipped).completeness
    assert (done.num_planned, done.num_finished) == (27, 27)  # 8 arms and a teacher, 3 seeds
    assert done.complete
    assert done.skipped[0].name == "full"
    assert status_text(done).startswith("27 of 27 runs finished, 0 failed, arms full, ")
    assert status_text(done).endswith("skipped")


def test_status_counts_what_is_to_go_and_what_cannot_be(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False, fail=(("teacher", 0),)))
    study = load_study(tmp_path, "clothing-tricks")
    for arm in study.plan.arms:
        if len(arm.stages) > 1:
            del study.records[arm.final.stage_hash, 0]
    del study.records[study.plan.arm("bare").final.stage_hash, 1]
    assert status_text(analyse(study).completeness) == "37 of 45 runs finished, 1 failed, 1 to go, 6 not run"


def test_the_terminal_is_told_before_hours_are_spent() -> None:
    lines = finding_lines(without_full(PLAN, "they clash"))
    assert lines[0] == "skipped   arms full, -cosine, -distill, -progressive: factors mixup and smoothing: they clash"
    assert lines[1] == "skipped   arms -mixup, -smoothing: only ever compared with full"
    assert lines[2].startswith("          not assessed without them: cosine removed from full, mixup removed from full")
    assert finding_lines(PLAN) == []


def test_every_output_says_which_arm_was_skipped_and_why(skipped: StudyData) -> None:
    analysis = analyse(skipped)
    row = verdict_rows(analysis)[0]
    without = row.at("removed from full")
    assert (without.numbers, without.verdict) == ("no result", "not assessed")
    assert "within the full recipe: not assessed: arm full skipped (factors mixup and smoothing" in row.verdict
    raw = json.loads(to_json(analysis))
    assert raw["completeness"]["skipped"][0]["reason"] == EVIL
    text = to_markdown(analysis)
    assert "\nSkipped: arms full, -cosine, -distill, -progressive: factors mixup and smoothing: mixup clashes" in text
    assert "<script>" not in text and "&lt;script>" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {6}, "a bar in a reason is no column"


def test_the_page_shows_skipped_arms_with_completeness_and_escapes_the_reason(skipped: StudyData) -> None:
    page = render(skipped)
    section = page.split('<section id="completeness">')[1].split("</section>")[0]
    escaped = "mixup clashes with &lt;script&gt;alert(2)&lt;/script&gt; &amp; co | &lt;b&gt;both&lt;/b&gt; mix"
    assert (
        f"arms full, -cosine, -distill, -progressive skipped</span> factors mixup and smoothing: {escaped}" in section
    )
    answers = page.split('<div id="answers">')[1].split("</section>")[0]
    assert answers.count(f"not assessed: arm full skipped (factors mixup and smoothing: {escaped})") == len(FACTORS)
    assert "<script>alert" not in page and "<b>both" not in page


def test_a_control_that_was_skipped_is_undecided(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    placebo = next(comparison for comparison in plan.comparisons if comparison.factor == "placebo")
    arm = (
        without_full(plan, "no luck")
        .skipped[0]
        .model_copy(update={"name": "+placebo", "factors": ("placebo",), "clash": ("placebo",)})
    )
    changed = plan.model_copy(
        update={
            "arms": tuple(a for a in plan.arms if a.name != "+placebo"),
            "comparisons": tuple(c for c in plan.comparisons if c != placebo),
            "skipped": (arm,),
            "unassessed": (placebo,),
        }
    )
    study = load_study(tmp_path, write_plan(tmp_path, changed).study)
    analysis = analyse(study)
    control = analysis.controls[-1]
    assert (control.factor, control.as_expected, control.verdict) == ("placebo", None, Verdict.NOT_ASSESSED)
    assert (
        verdict_rows(analysis)[-1].verdict
        == "control, undecided: not assessed: arm +placebo skipped (factor placebo: no luck)"
    )
    assert "not assessed: arm +placebo skipped (factor placebo: no luck)" in render(study)


# Changes that no factor names


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (DECAY, "optimizer.weight_decay: 5e-05 -> 0.05, not named by factor cosine"),
        (DECAY.model_copy(update={"factors": ()}), "optimizer.weight_decay: 5e-05 -> 0.05, not named by any factor"),
        (
            DECAY.model_copy(update={"factors": ("a", "b"), "arm": None}),
            "optimizer.weight_decay: 5e-05 -> none, not named by factor a or b",
        ),
    ],
)
def test_a_hidden_change_is_one_line(change: Undeclared, text: str) -> None:
    assert describe_undeclared(change) == text


def test_hidden_changes_are_listed_once_with_their_arms() -> None:
    plan = with_undeclared(PLAN, CHANGED)
    first, second = hidden_changes(plan)
    assert (first.text, first.arms, first.factors) == (describe_undeclared(DECAY), ("full", "+cosine"), ("cosine",))
    assert second.arms == ("+cosine",)
    assert finding_lines(plan)[0] == (
        "hidden    optimizer.weight_decay: 5e-05 -> 0.05, not named by factor cosine (arms full, +cosine)"
    )
    assert hidden_changes(PLAN) == ()


def test_every_output_flags_hidden_changes(hidden: StudyData) -> None:
    analysis = analyse(hidden)
    line = "optimizer.weight_decay: 5e-05 -> 0.05, not named by factor cosine"
    assert json.loads(to_json(analysis))["hidden_changes"][0]["text"] == line
    text = to_markdown(analysis)
    assert f"\nHidden change: {line} (arms full, +cosine)\n" in text
    assert "<script>" not in text
    page = render(hidden)
    section = page.split('<section id="hidden">')[1].split("</section>")[0]
    assert "<h2>Changes that no factor names</h2>" in section
    assert "optimizer.weight_decay: 5e-05 -&gt; 0.05, not named by factor cosine</span> (arms full, +cosine)" in section
    assert "none -&gt; &lt;script&gt;alert(3)&lt;/script&gt;" in section and "(arm +cosine)" in section
    assert "<script>alert" not in page and "<i>" not in page


def test_a_note_stands_at_the_factor_that_brought_the_change_and_at_no_other(hidden: StudyData) -> None:
    analysis = analyse(hidden)
    flagged = [
        (effect.factor, effect.context, sum(note.startswith("hidden: ") for note in effect.notes))
        for effect in analysis.effects
        if any(note.startswith("hidden: ") for note in effect.notes)
    ]
    assert flagged == [("cosine", "added to bare", 2), ("cosine", "removed from full", 1)]


def test_a_study_without_hidden_changes_has_no_section_on_them(skipped: StudyData) -> None:
    assert 'id="hidden"' not in render(skipped)


# Factors that set what was set already


def test_an_arm_that_is_compared_with_itself_is_found() -> None:
    stages = PLAN.arm("bare").stages
    plan: StudyPlan = PLAN.model_copy(
        update={"arms": tuple(a.model_copy(update={"stages": stages}) if a.name == "+mixup" else a for a in PLAN.arms)}
    )
    assert [(c.factor, c.context) for c in changes_nothing(plan)] == [("mixup", "added to bare")]
    assert finding_lines(plan) == [
        "NO EFFECT mixup added to bare: +mixup and bare have the same specification; it sets what was set already"
    ]
    assert changes_nothing(PLAN) == ()
