"""A factor that changes nothing, on its way through every output; and never as a difference of zero."""

import json
import re
from pathlib import Path

import pytest

from reports.analysis.study import analyse
from reports.formats.text import to_json, to_markdown, verdict_rows
from reports.page.html import render
from reports.records.load import StudyData, load_study
from reports.results.effect import Effect
from reports.results.study import Analysis
from reports.stats.verdict import Verdict
from tests.reports.fixtures import Options, train_alike, write_home, write_plan


def study_with(home: Path, seeds: tuple[int, ...], arm: str = "+mixup", reference: str = "bare") -> StudyData:
    """The fake study, with these seeds of an arm trained like the reference."""
    plan = write_home(home, Options(pictures=False, fail=()))
    train_alike(home, plan, arm, reference, seeds)
    return load_study(home, plan.study)


def found(analysis: Analysis, factor: str = "mixup") -> Effect:
    effect = analysis.effect(factor, "added to bare")
    assert effect is not None
    return effect


def test_runs_that_trained_alike_have_no_effect_and_no_numbers(tmp_path: Path) -> None:
    effect = found(analyse(study_with(tmp_path, (0, 1, 2))))
    assert effect.verdict is Verdict.NO_EFFECT
    assert effect.sentence.startswith("NO EFFECT: the factor changed nothing: ")
    assert "bit for bit alike in 3 of 3 seeds; check that it is switched on, and its strength" in effect.sentence
    assert effect.identical_seeds == (0, 1, 2)
    assert (effect.estimate, effect.ci95, effect.p, effect.mde, effect.differences) == (None, None, None, None, {})
    assert effect.others == () and effect.secondary == () and effect.detail == ""


def test_it_neither_helps_nor_earns_a_place(tmp_path: Path) -> None:
    before = analyse(study_with(tmp_path / "a", ()))
    after = analyse(study_with(tmp_path / "b", (0, 1, 2), arm="+cosine"))
    assert "cosine" in before.recipe_to_keep.factors
    assert set(after.recipe_to_keep.factors) == set(before.recipe_to_keep.factors) - {"cosine"}
    assert "cosine" not in after.recipe_to_keep.sentence


def test_the_other_comparisons_count_it_as_before(tmp_path: Path) -> None:
    analysis = analyse(study_with(tmp_path, (0, 1, 2)))
    assert analysis.num_comparisons == 10
    assert all(effect.method is not None for effect in analysis.effects if effect.verdict is not Verdict.NO_EFFECT)


def test_some_seeds_alike_are_a_note_and_the_verdict_stays_one_of_numbers(tmp_path: Path) -> None:
    effect = found(analyse(study_with(tmp_path, (0, 2))))
    assert effect.verdict is not Verdict.NO_EFFECT
    assert effect.identical_seeds == (0, 2)
    assert any(note.startswith("in 2 of 3 seeds both arms trained bit for bit alike") for note in effect.notes)
    assert len(effect.differences) == 3


def test_seeds_that_are_not_run_yet_leave_it_to_those_that_are(tmp_path: Path) -> None:
    study = study_with(tmp_path, (0, 1))
    del study.records[study.plan.arm("+mixup").final.stage_hash, 2]
    effect = found(analyse(study))
    assert effect.verdict is Verdict.NO_EFFECT and "2 of 2 seeds" in effect.sentence
    assert "2 of 3 planned seeds" in effect.notes


def test_an_arm_that_failed_more_often_is_unstable_even_if_the_rest_is_alike(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False, fail=(("+mixup", 2),)))
    train_alike(tmp_path, plan, "+mixup", "bare", (0, 1))
    effect = found(analyse(load_study(tmp_path, plan.study)))
    assert effect.verdict is Verdict.UNSTABLE
    assert any("2 of 2 seeds both arms trained bit for bit alike" in note for note in effect.notes)
    assert effect.estimate is None and effect.differences == {}


def test_one_arm_under_two_names_has_no_effect_before_anything_runs(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    stages = plan.arm("bare").stages
    arms = tuple(arm.model_copy(update={"stages": stages}) if arm.name == "+mixup" else arm for arm in plan.arms)
    write_plan(tmp_path, plan.model_copy(update={"arms": arms}))
    (tmp_path / "records.jsonl").write_text("")
    effect = found(analyse(load_study(tmp_path, plan.study)))
    assert effect.verdict is Verdict.NO_EFFECT
    assert "the two arms have the same specification and share their runs" in effect.sentence


def test_a_placebo_that_trained_alike_has_tested_nothing_and_noise_has_failed(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    for arm in ("+placebo", "+label_noise"):
        train_alike(tmp_path, plan, arm, "bare", plan.seeds)
    analysis = analyse(load_study(tmp_path, plan.study))
    assert [(c.factor, c.verdict, c.as_expected) for c in analysis.controls] == [
        ("placebo", Verdict.NO_EFFECT, None),
        ("label_noise", Verdict.NO_EFFECT, False),
    ]
    assert any("'label_noise' did not come out as it must" in warning for warning in analysis.warnings)


ZERO = re.compile(r"[+-]?0\.0+ pt|±\s*0\.0+\b")


@pytest.fixture
def study(tmp_path: Path) -> StudyData:
    return study_with(tmp_path, (0, 1, 2))


def test_the_tables_of_terminal_and_markdown_say_so(study: StudyData) -> None:
    analysis = analyse(study)
    row = next(row for row in verdict_rows(analysis) if row.factor == "mixup")
    alone = row.at("added to bare")
    assert (alone.numbers, alone.verdict) == ("identical", "NO EFFECT")
    assert row.verdict.startswith("added to bare: NO EFFECT: ")
    (line,) = [line for line in to_markdown(analysis).splitlines() if line.startswith("| mixup ")]
    assert "| identical |" in line and "NO EFFECT: the factor changed nothing" in line
    assert not ZERO.search(line)


def test_json_says_so(study: StudyData) -> None:
    raw = json.loads(to_json(analyse(study)))
    effect = next(e for e in raw["effects"] if (e["factor"], e["context"]) == ("mixup", "added to bare"))
    assert effect["verdict"] == "NO EFFECT"
    assert effect["identical_seeds"] == [0, 1, 2]
    assert effect["estimate"] is None and effect["differences"] == {}
    assert raw["answers"]["mixup"].startswith("added to bare: NO EFFECT")


def test_the_page_says_so_in_answers_figure_and_table(study: StudyData) -> None:
    page = render(study)
    answers = page.split('<div id="answers">')[1].split("</section>")[0]
    assert "NO EFFECT: the factor changed nothing: the two arms trained bit for bit alike" in answers
    effects = page.split('<section id="effects">')[1].split("</section>")[0]
    assert re.search(r'<span>identical</span><span class="pill \w+">NO EFFECT</span>', effects)
    assert 'aria-label="mixup, added to bare: identical; NO EFFECT"' in effects
    (row,) = re.findall(r"<tr><td>mixup</td><td>added to bare</td>.*?</tr>", effects)
    assert row.startswith("<tr><td>mixup</td><td>added to bare</td><td>identical</td><td>—</td><td>—</td>")
    assert not ZERO.search(row)
    cost = page.split('<section id="cost">')[1].split("</section>")[0]
    assert 'class="name">mixup<' not in cost and ">cosine<" in cost, "a gain of nothing is no point in the plot"


def test_a_study_in_which_nothing_changed_anything_still_has_its_figure(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    for arm in plan.arms:
        train_alike(tmp_path, plan, arm.name, "bare", plan.seeds) if arm.name != "bare" else None
    page = render(load_study(tmp_path, plan.study))
    assert "No comparison has a result in both arms yet." not in page
    assert page.count(">NO EFFECT</span>") == 12
    assert "Nothing was found to help: keep bare." in page
