import json
from pathlib import Path

import pytest

from reports.analysis import analyse
from reports.load import load_study
from reports.results import Analysis
from reports.text import COLUMNS, to_json, to_markdown, verdict_rows
from tests.reports.fixtures import FACTORS, Options, write_home


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    write_home(tmp_path, Options(pictures=False))
    return analyse(load_study(tmp_path, "clothing-tricks"))


def test_rows_are_factors_in_order_then_controls(analysis: Analysis) -> None:
    rows = verdict_rows(analysis)
    assert [row.factor for row in rows] == [*FACTORS, "placebo", "label_noise"]
    assert [row.control for row in rows] == [False] * 5 + [True] * 2
    assert all(len(row.cells) == len(COLUMNS) for row in rows)
    assert rows[0].verdict.startswith("added to bare: helps: +3.")
    assert "; within the full recipe: " in rows[0].verdict
    assert rows[-1].verdict.startswith("control, as expected: hurts")
    assert rows[-1].removed == "not planned"


def test_markdown_is_a_table_with_what_it_rests_on(analysis: Analysis) -> None:
    text = to_markdown(analysis)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 7
    assert {line.count("|") for line in table} == {len(COLUMNS) + 1}
    assert "44 of 45 runs finished, 1 failed, 0 not run. 3 seeds" in text
    assert "moderated t, Holm over 10" in text
    assert "not run itself: confirm it" in text


def test_json_holds_the_analysis(analysis: Analysis) -> None:
    raw = json.loads(to_json(analysis))
    assert raw["effects"][0]["verdict"] == "helps"
    assert raw["completeness"]["num_failed"] == 1
