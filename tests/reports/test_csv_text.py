import csv
import io
from pathlib import Path

import pytest

from reports.analysis.study import analyse
from reports.formats.csv_text import to_csv
from reports.records.load import load_study
from tests.reports.fixtures import Options, write_home


def read(home: Path) -> tuple[list[dict[str, str]], str]:
    text = to_csv(analyse(load_study(home, "clothing-tricks")))
    return list(csv.DictReader(io.StringIO(text))), text


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_home(tmp_path, Options(pictures=False))
    return tmp_path


def test_one_row_an_effect_with_every_number_of_it(home: Path) -> None:
    analysis = analyse(load_study(home, "clothing-tricks"))
    rows, _ = read(home)
    every = analysis.effects + analysis.controls
    assert [(row["factor"], row["context"]) for row in rows] == [(e.factor, e.context) for e in every]
    for row, effect in zip(rows, every, strict=True):
        assert effect.ci95 is not None and effect.step_ratio is not None
        assert float(row["estimate"]) == effect.estimate
        assert (float(row["ci95.low"]), float(row["ci95.high"])) == (effect.ci95.low, effect.ci95.high)
        assert float(row["step_ratio.value"]) == effect.step_ratio.value
        assert (row["sentence"], row["method"], int(row["n"])) == (effect.sentence, effect.method, effect.n)
        assert {column for column in row if column.startswith("differences.")} >= {
            f"differences.{seed}" for seed in effect.differences
        }
        for other in effect.others:
            assert float(row[f"others.{other.method}.df"]) == other.df
        for found in effect.secondary:
            assert float(row[f"secondary.{found.metric}.q"]) == found.q


def test_what_was_not_measured_is_empty(home: Path) -> None:
    rows, _ = read(home)
    row = next(row for row in rows if row["treatment"] == "full" and row["reference"] == "-smoothing")
    assert row["differences.2"] == ""  # that run failed
    assert row["differences.1"] != ""
    assert "conditional on success; " in row["notes"]


def test_columns_do_not_depend_on_the_results(tmp_path: Path, home: Path) -> None:
    one_seed = tmp_path / "one"
    write_home(one_seed, Options(pictures=False, seeds=(0,), fail=()))
    rows, _ = read(one_seed)
    assert rows[0]["ci95.low"] == rows[0]["p"] == ""
    beyond_the_keys = [column for column in read(home)[0][0] if column.split(".")[0] not in
                       ("differences", "others", "secondary")]  # fmt: skip
    assert [column for column in rows[0] if column in beyond_the_keys] == beyond_the_keys


def test_no_line_is_blank(home: Path) -> None:
    _, text = read(home)
    assert text.endswith("\n") and "\n\n" not in text and "\r" not in text
