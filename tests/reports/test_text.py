import json
from pathlib import Path

import pytest

from pipeline.spec.study import Comparison
from reports.analysis.study import analyse
from reports.formats.text import columns, short_columns, to_json, to_markdown, verdict_rows
from reports.records.load import load_study
from reports.results.study import Analysis
from tests.reports.factorial import INTERACTIONS, MAIN, SCORES, at_level, factorial_study
from tests.reports.fixtures import FACTORS, Options, write_home


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    write_home(tmp_path, Options(pictures=False))
    return analyse(load_study(tmp_path, "clothing-tricks"))


def test_rows_are_factors_in_order_then_controls(analysis: Analysis) -> None:
    rows = verdict_rows(analysis)
    assert [row.factor for row in rows] == [*FACTORS, "placebo", "label_noise"]
    assert [row.control for row in rows] == [False] * 5 + [True] * 2
    assert columns(analysis) == ("factor", "added to bare", "removed from full", "verdict", "step cost")
    assert short_columns(analysis) == (
        "factor", "added to bare", "verdict", "removed from full", "verdict", "step cost",
    )  # fmt: skip
    assert all(len(row.cells) == len(columns(analysis)) for row in rows)
    assert all(len(row.short_cells) == len(short_columns(analysis)) for row in rows)
    assert rows[0].verdict.startswith("added to bare: helps: +3.")
    assert "; within the full recipe: " in rows[0].verdict
    assert rows[-1].verdict.startswith("control, as expected: hurts")
    assert rows[-1].at("removed from full").numbers == "not planned"


def test_markdown_is_a_table_with_what_it_rests_on(analysis: Analysis) -> None:
    text = to_markdown(analysis)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 7
    assert {line.count("|") for line in table} == {len(columns(analysis)) + 1}
    assert "44 of 45 runs finished, 1 failed, 0 not run. 3 seeds" in text
    assert "moderated t, Holm over 10" in text
    assert "not run itself: confirm it" in text


def test_json_holds_the_analysis(analysis: Analysis) -> None:
    raw = json.loads(to_json(analysis))
    assert raw["effects"][0]["verdict"] == "helps"
    assert raw["completeness"]["num_failed"] == 1


def test_the_columns_are_the_contexts_of_the_plan_and_what_is_exploratory_is_told_apart() -> None:
    """A factorial has one column; its interactions are no rows of the verdict table."""
    found = analyse(factorial_study(MAIN + INTERACTIONS))
    assert columns(found) == ("factor", "averaged over the others", "verdict", "step cost")
    assert [row.factor for row in verdict_rows(found)] == ["a", "b", "c"]
    assert verdict_rows(found)[0].at("averaged over the others").numbers == "+0.57 pt [0.40, 0.75]"
    text = to_markdown(found)
    assert "95% intervals, pooled two-way, Holm over 3" in text
    assert "Exploratory, outside the declared family: 1 of 3 comparisons stand out (BH at q = 0.1)." in text
    assert "\na x b, interaction: exploratory: together they give less than the sum of both: -0.45 pt" in text


def test_a_table_of_both_kinds_names_both_methods_and_its_level() -> None:
    singles = tuple(
        Comparison(factor=f, context="added to bare", treatment=f"+{f}", reference="bare") for f in ("a", "b", "c")
    )
    scores = {name: (*row, row[0] + 0.1) for name, row in SCORES.items()}
    text = to_markdown(analyse(at_level(factorial_study(MAIN + singles, scores), 0.019)))
    assert "98.1% intervals, moderated t (pooled two-way for averages over arms), Holm over 6" in text
