import json
from pathlib import Path

import pytest

from tests.ablations.studies import CommandResult, ablate
from tests.reports.fixtures import Options, write_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_home(tmp_path, Options(pictures=False))
    return tmp_path


def compare(home: Path, *arguments: str) -> CommandResult:
    return ablate("compare", "clothing-tricks", *arguments, "--home", home)


def test_yes_is_exit_code_0(home: Path) -> None:
    result = compare(home, "+cosine", "bare", "--min-delta", "1")
    assert result.exit_code == 0
    first, second = result.out.splitlines()
    assert first == "yes: +cosine is better than bare by at least 1 pt"
    assert second.startswith("  +3.") and "moderated t, df 4; planned comparison" in second


def test_no_is_exit_code_1(home: Path) -> None:
    assert compare(home, "full", "+cosine", "--min-delta", "5").exit_code == 1
    result = compare(home, "bare", "+cosine", "--margin", "0.2")
    assert result.exit_code == 1
    assert result.out.startswith("no: bare is worse than +cosine by more than 0.2 pt\n")


def test_margin_is_the_plans_delta_by_default(home: Path) -> None:
    assert "by more than 0.5 pt" in compare(home, "+cosine", "bare").out


def test_an_arm_may_begin_with_a_minus(home: Path) -> None:
    result = compare(home, "-mixup", "full")
    assert (result.exit_code, result.out.splitlines()[0]) == (
        0,
        "yes: -mixup is not worse than full by more than 0.5 pt",
    )
    notes = compare(home, "full", "-smoothing", "--margin", "3").out
    assert "\n  note: -smoothing: 1 of 3 runs failed" in notes


def test_for_programs(home: Path) -> None:
    result = compare(home, "full", "bare", "--min-delta", "0.5", "--json")
    answer = json.loads(result.out)
    assert (result.exit_code, answer["yes"], answer["planned"], answer["wanted"]) == (
        0,
        True,
        False,
        "better by at least",
    )
    assert answer["interval"]["low"] > 0.5
    refused = compare(home, "bare", "full", "--json")
    assert (refused.exit_code, json.loads(refused.out)["yes"]) == (1, False)


def test_one_seed_is_no(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False, seeds=(0,), fail=()))
    result = compare(tmp_path, "+cosine", "bare")
    assert (result.exit_code, result.out) == (1, "no: not assessed (one seed)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("+mixpu", "bare"), "did you mean '+mixup'? Its arms: bare, full, +cosine"),
        (("bare", "full", "--margin", "1", "--min-delta", "1"), "ask one at a time"),
        (("bare", "full", "--margin", "0"), "--margin: expected a number above 0, but got 0"),
        (("bare", "full", "--margin", "nan"), "--margin: expected a number above 0, but got nan"),
        (("bare", "full", "--min-delta", "-1"), "--min-delta: expected a number of 0 or more, but got -1"),
    ],
)
def test_bad_input_is_exit_code_2(home: Path, arguments: tuple[str, ...], message: str) -> None:
    result = compare(home, *arguments)
    assert (result.exit_code, result.out) == (2, "")
    assert result.err.startswith("error: ") and message in result.err


def test_a_study_that_is_not_there(home: Path) -> None:
    result = ablate("compare", "tricks", "full", "bare", "--home", home)
    assert (result.exit_code, result.out) == (2, "")
    assert "tricks" in result.err
