"""Scores on the test split in the report."""

from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest

from pipeline.spec.records import FinalScore
from reports.page.final import final_scores
from reports.page.html import render
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import write_home


def score(arm: str, seed: int, top1: float, read: int, stage_hash: str) -> FinalScore:
    return FinalScore(
        study="fake",
        arm=arm,
        stage_hash=stage_hash,
        seed=seed,
        data_fingerprint="f",
        read=read,
        read_at="2026-11-23T00:00:00Z",
        num_samples=450,
        metrics={"test/top1": top1},
    )


@pytest.fixture
def study(tmp_path: Path) -> StudyData:
    plan = write_home(tmp_path)
    return load_study(tmp_path, plan.study)


def scored(study: StudyData) -> StudyData:
    bare = study.plan.arm("bare").final.stage_hash
    old = score("bare", 0, 0.5, 1, bare)
    return replace(study, final_scores=(old, score("bare", 0, 0.91, 2, bare), score("bare", 1, 0.94, 2, bare)))


def test_a_study_whose_test_split_was_never_read_says_nothing_about_it(study: StudyData) -> None:
    assert final_scores(study) is None
    assert "The test split" not in render(study)


def test_the_latest_reading_counts_and_every_reading_is_counted(study: StudyData) -> None:
    final = final_scores(scored(study))
    assert final is not None
    assert final.num_reads == 2
    ((arm, seeds, test, spread, validation),) = final.table.rows
    assert (arm, seeds) == ("bare", "2")
    assert float(test) == pytest.approx(100 * mean([0.91, 0.94]), abs=0.005)
    assert float(spread) == pytest.approx(100 * stdev([0.91, 0.94]), abs=0.005)
    runs = [study.records[study.plan.arm("bare").final.stage_hash, seed] for seed in (0, 1)]
    assert float(validation) == pytest.approx(100 * mean(run.metrics["val/top1"] for run in runs), abs=0.005)


def test_the_page_says_how_often_test_was_read(study: StudyData) -> None:
    page = render(scored(study))
    assert "The test split" in page
    assert "read 2 times" in page


def test_arms_stand_in_the_order_of_the_plan(study: StudyData) -> None:
    full = score("full", 0, 0.9, 1, study.plan.arm("full").final.stage_hash)
    bare = score("bare", 0, 0.8, 1, study.plan.arm("bare").final.stage_hash)
    final = final_scores(replace(study, final_scores=(full, bare)))
    assert final is not None and [row[0] for row in final.table.rows] == ["bare", "full"]


def test_a_reading_by_another_study_of_the_same_images_counts_too(tmp_path: Path) -> None:
    plan = write_home(tmp_path)
    bare = plan.arm("bare").final.stage_hash
    ours = {"study": plan.study, "data_fingerprint": plan.data.fingerprint}
    scores = [
        score("bare", 0, 0.9, 1, bare).model_copy(update=ours),
        score("bare", 0, 0.9, 2, "other").model_copy(update=ours | {"study": "another"}),
        score("bare", 0, 0.9, 7, "other").model_copy(update={"study": "of other data"}),
    ]
    (tmp_path / "final_scores.jsonl").write_text("".join(f"{one.model_dump_json()}\n" for one in scores))
    final = final_scores(load_study(tmp_path, plan.study))
    assert final is not None and final.num_reads == 2
