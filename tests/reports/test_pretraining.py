"""Curves of stages without labels, against what was written into the files of their runs."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.spec.records import Curves, RunRecord, run_key
from reports.analysis.pretraining import analyse_pretraining
from reports.analysis.stages import analyse_stages
from reports.analysis.study import analyse
from reports.formats.features import feature_lines
from reports.formats.text import to_markdown
from reports.page.figures.pretraining import BOTTOM, LEFT, RIGHT, TOP, draw_pretraining, pretraining_table
from reports.page.html import render
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import Options, write_home

SERIES = {
    "train/loss": (4.0, 3.0, 2.0),
    "val/knn_top1": (0.1, 0.2, 0.4),
    "val/feature_spread": (0.9, 0.5, 0.01),
    "val/effective_rank": (9.0, 5.0, 1.0),
}
WARNING = "COLLAPSED: almost every image has the same features"


def study_in(home: Path, warned: tuple[int, ...] = ()) -> StudyData:
    """The fixture's teacher as a stage without labels: seed s has s hundredths more in every curve."""
    plan = write_home(home, Options(pictures=False, fail=()))
    (teacher,) = {stage.stage_hash for arm in plan.arms for stage in arm.stages if stage.name == "teacher"}
    for seed in plan.seeds:
        series = {name: tuple(value + seed / 100 for value in values) for name, values in SERIES.items()}
        curves = Curves(epoch=(1, 2, 3), elapsed_s=(1.0, 2.0, 3.0), image_size_px=(32,) * 3, series=series)
        (home / "runs" / run_key(teacher, seed) / "curves.json").write_text(curves.model_dump_json())
    path = home / "records.jsonl"
    records = [RunRecord.model_validate_json(line) for line in path.read_text().splitlines()]
    final = {name: values[-1] for name, values in SERIES.items()} | {"val/probe_top1": 0.5}
    edited = [
        record.model_copy(update={"metrics": final, "warnings": (WARNING,) if record.seed in warned else ()})
        if record.stage_hash == teacher
        else record
        for record in records
    ]
    path.write_text("".join(f"{record.model_dump_json()}\n" for record in edited))
    return load_study(home, plan.study)


def test_every_seed_is_a_line_of_its_own_at_the_values_it_left(tmp_path: Path) -> None:
    (stage,) = found = analyse_pretraining(study_in(tmp_path))
    assert (stage.stage, len(stage.arms), stage.warnings) == ("teacher", 6, ())
    assert {name: [run.seed for run in runs] for name, runs in stage.curves.items()} == {k: [0, 1, 2] for k in SERIES}
    (figure,) = draw_pretraining(found)
    assert figure.is_open and len(figure.panels) == 4
    for panel, (name, values) in zip(figure.panels, SERIES.items(), strict=True):
        lines = re.findall(r'<polyline points="([^"]+)" class="curve thin"', panel.svg)
        assert len(lines) == 3
        points = [[tuple(map(float, point.split(","))) for point in one.split()] for one in lines]
        assert [x for x, _ in points[0]] == pytest.approx([LEFT, (LEFT + RIGHT) / 2, RIGHT])
        heights = [y for one in points for _, y in one]
        assert all(TOP <= y <= BOTTOM for y in heights)
        told = [value + seed / 100 for seed in range(3) for value in values]
        order = sorted(range(9), key=lambda i: told[i])
        drawn = [heights[i] for i in order]
        assert all(a >= b - 0.02 for a, b in pairwise(drawn)), f"{name}: higher is further up"


def test_the_table_has_the_first_and_last_value_of_every_run(tmp_path: Path) -> None:
    table = pretraining_table(analyse_pretraining(study_in(tmp_path)))
    assert table is not None and len(table.rows) == 12
    assert [row[1:] for row in table.rows if row[2] == "1" and row[1].startswith("nearest")] == [
        ("nearest neighbours, % right", "1", "", "11.0%", "41.0%", "3")
    ]


def test_a_collapse_is_said_where_the_curves_are(tmp_path: Path) -> None:
    study = study_in(tmp_path, warned=(1,))
    (stage,) = found = analyse_pretraining(study)
    assert stage.warnings == (f"seed 1: {WARNING}",)
    section = render(study).partition('<section id="pretraining">')[2].partition("</section>")[0]
    assert f'<p class="warn">seed 1: {WARNING}</p>' in section
    assert section.count("<svg") >= 4 and section.count("<details open>") == 1
    many = draw_pretraining([*found, *analyse_pretraining(study_in(tmp_path / "other")) * 2])
    assert [figure.is_open for figure in many] == [True, False, False], "of many, those that warn"


def test_a_study_without_such_stages_has_no_such_section(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, plan.study)
    assert analyse_pretraining(study) == () and pretraining_table(()) is None
    assert 'id="pretraining"' not in render(study)
    assert feature_lines(analyse_stages(study)) == ()


def test_markdown_ends_with_the_final_values(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    (line,) = feature_lines(analyse_stages(study))
    assert re.fullmatch(
        r"Features of stage teacher [0-9a-f]{8} on validation images: nearest neighbours 40\.0%, linear probe 50\.0%; "
        r"spread 0\.01 of 1, effective rank 1\.0 \(mean of 3 seeds\)\.",
        line,
    )
    assert to_markdown(analyse(study), (line,)).endswith(f"\n{line}\n")
