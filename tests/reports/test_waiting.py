"""A study that is not finished, or has not begun: what it says is missing, in every format."""

import json
from pathlib import Path

import pytest

from reports.analysis.study import analyse
from reports.formats.csv_text import to_csv
from reports.formats.latex import to_latex
from reports.formats.text import to_json, to_markdown
from reports.formats.waiting_text import waiting_lines
from reports.page.html import render
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import Options, write_home

GONE = (("bare", 2), ("+mixup", 1), ("+mixup", 2))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyData:
    home = tmp_path_factory.mktemp("home")
    return load_study(home, write_home(home, Options(pictures=False)).study)


def without(study: StudyData, runs: tuple[tuple[str, int], ...]) -> StudyData:
    """As if these runs had not been tried yet."""
    gone = {(study.plan.arm(arm).final.stage_hash, seed) for arm, seed in runs}
    records = {run: record for run, record in study.records.items() if run not in gone}
    return StudyData(study.plan, records, study.timings, study.files, plans=study.plans)


def test_every_comparison_names_the_runs_it_waits_for_and_no_other_comparison_waits(whole: StudyData) -> None:
    found = analyse(without(whole, GONE)).completeness.waiting
    assert {one.factor for one in found if one.context == "added to bare"} == {
        c.factor for c in whole.plan.comparisons if c.reference == "bare"
    }
    assert all(one.context == "added to bare" for one in found), "full and its arms are complete"
    mixup = next(one for one in found if one.factor == "mixup")
    assert {runs.arm: runs.seeds for runs in mixup.runs} == {"+mixup": (1, 2), "bare": (2,)}


def test_a_failed_run_is_not_waited_for(whole: StudyData) -> None:
    done = analyse(whole).completeness
    assert done.num_failed == 1
    assert done.waiting == ()
    assert waiting_lines(done) == ()


def test_the_lines_say_which_runs_and_which_comparisons(whole: StudyData) -> None:
    unfinished, missing, waits = waiting_lines(analyse(without(whole, GONE)).completeness)
    assert unfinished.startswith(f"Unfinished: 3 of {analyse(whole).completeness.num_planned} runs have not run yet.")
    assert missing == "Not run yet: seed 2 of bare; seeds 1, 2 of +mixup."
    assert "mixup added to bare (for +mixup seeds 1, 2, bare seed 2)" in waits


@pytest.mark.parametrize("write", [to_markdown, to_latex, lambda analysis: to_json(analysis)])
def test_what_is_missing_stands_in_every_text(whole: StudyData, write) -> None:
    text = write(analyse(without(whole, GONE)))
    assert "Not final: 3 of" in text
    if write in (to_markdown, to_latex):
        assert "Not run yet: seed 2 of bare" in text
    else:
        assert json.loads(text)["completeness"]["waiting"][0]["runs"]


def test_what_is_missing_stands_on_the_page(whole: StudyData) -> None:
    page = render(without(whole, GONE))
    assert "Not run yet: seed 2 of bare; seeds 1, 2 of +mixup." in page
    assert "Not run yet" not in render(whole)


@pytest.mark.parametrize("write", [to_markdown, to_latex, to_csv, to_json])
def test_a_study_without_a_run_has_a_report_in_every_format(whole: StudyData, write) -> None:
    study = StudyData(whole.plan, {}, [], whole.files)
    text = write(analyse(study))
    assert "not assessed" in text
    if write is not to_csv:
        assert "no comparison has a verdict" in text
    assert "Unfinished" in render(study)


def test_status_marks_each_run_and_an_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    from tests.ablations.studies import ablate

    plan = write_home(tmp_path, Options(pictures=False))
    lines = ablate("status", "--home", tmp_path).out.splitlines()
    assert lines[0] == "clothing-tricks: 44 of 45 runs finished, 1 failed"
    assert any("-smoothing" in line and "✓✓✕" in line for line in lines)
    assert lines[-1] == "  ✓ finished, ✕ failed"
    records = tmp_path / "records.jsonl"
    records.write_text("".join(records.read_text().splitlines(keepends=True)[:20]))
    assert "not run yet: " in ablate("status", plan.study, "--home", tmp_path).out
    for command in ("status", "report", "sync"):
        refused = ablate(command, "cloting-tricks", "--home", tmp_path)
        assert refused.exit_code == 2
        assert "did you mean 'clothing-tricks'?" in refused.err
