"""The rates that runs recorded, drawn and tabulated."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.spec.records import Curves, Failure, Status, run_key
from reports.analysis.rates import UsedRates, used_rates
from reports.page.figures.rates import BOTTOM, LEFT, RIGHT, TOP, draw_rates, rate_table
from reports.page.html import render
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import Options, write_home

COSINE = ((0, 50, 100), (0.2, 0.1, 0.0))


@pytest.fixture
def study(tmp_path: Path) -> StudyData:
    """Cosine's arm used another course than all others; mixup's first seed left nothing."""
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    for arm, seed, course in (("+cosine", 0, COSINE), ("+mixup", 0, ((), ()))):
        path = tmp_path / "runs" / run_key(plan.arm(arm).final.stage_hash, seed) / "curves.json"
        curves = Curves.model_validate_json(path.read_text())
        path.write_text(curves.model_copy(update={"lr_step": course[0], "lr": course[1]}).model_dump_json())
    return load_study(tmp_path, plan.study)


def test_arms_with_one_course_stand_together(study: StudyData) -> None:
    courses = used_rates(study)
    by_arm = {arm: course for course in courses for arm in course.arms}
    assert set(by_arm) == {arm.name for arm in study.plan.arms}
    assert by_arm["+cosine"].arms == ("+cosine",)
    assert (by_arm["+cosine"].steps, by_arm["+cosine"].rates) == COSINE
    assert "bare" in by_arm["+smoothing"].arms and by_arm["+smoothing"].rates == (0.1, 0.05, 0.0)


def test_an_arm_whose_first_seed_left_nothing_is_read_from_the_next(study: StudyData) -> None:
    (course,) = [course for course in used_rates(study) if "+mixup" in course.arms]
    assert course.rates == (0.1, 0.05, 0.0)


def test_a_run_that_failed_half_way_stands_for_its_arm_only_where_none_finished(study: StudyData) -> None:
    records = dict(study.records)
    stage = study.plan.arm("+cosine").final.stage_hash
    failure = Failure(type="Diverged", message="nan")
    failed = {"status": Status.FAILED, "failure": failure, "metrics": {}, "cost": None}
    records[stage, 0] = records[stage, 0].model_copy(update=failed)
    after_one = {arm: course for course in used_rates(replace(study, records=records)) for arm in course.arms}
    assert after_one["+cosine"].rates == (0.1, 0.05, 0.0), "of seed 1, which finished"
    for seed in (1, 2):
        records[stage, seed] = records[stage, seed].model_copy(update=failed)
    after_all = {arm: course for course in used_rates(replace(study, records=records)) for arm in course.arms}
    assert (after_all["+cosine"].steps, after_all["+cosine"].rates) == COSINE


def test_the_picture_is_the_recorded_course_with_bare_behind() -> None:
    bare = UsedRates(("bare",), 0, (0, 10, 20), (0.4, 0.4, 0.4))
    other = UsedRates(("+step", "full"), 1, (0, 5, 10), (0.4, 0.2, 0.1))
    first, second = draw_rates((bare, other), "bare")
    assert 'class="curve reference"' not in first.svg
    assert second.arms == "+step, full" and "seed 1" in second.svg
    (points,) = re.findall(r'points="([^"]+)" class="curve bold"', second.svg)
    found = [tuple(map(float, point.split(","))) for point in points.split()]
    shares = [((x - LEFT) / (RIGHT - LEFT), (BOTTOM - y) / (BOTTOM - TOP)) for x, y in found]
    assert shares == [pytest.approx(share, abs=1e-3) for share in ((0, 1), (0.25, 0.5), (0.5, 0.25))]
    assert second.svg.count('class="curve reference"') == 1


def test_the_table_says_the_same(study: StudyData) -> None:
    table = rate_table(used_rates(study))
    assert table is not None
    (row,) = [row for row in table.rows if row[0] == "+cosine"]
    found = dict(zip(table.columns, row, strict=True))
    assert [found[name] for name in ("first step", "half way", "last step", "steps")] == ["0.2", "0.1", "0", "101"]
    assert rate_table(()) is None and draw_rates((), None) == ()


def test_the_page_has_the_section_only_where_rates_were_recorded(study: StudyData, tmp_path: Path) -> None:
    assert "<h2>Learning rates as used</h2>" in render(study)
    for path in tmp_path.glob("runs/*/curves.json"):
        path.unlink()
    assert "<h2>Learning rates as used</h2>" not in render(load_study(tmp_path, study.plan.study))
