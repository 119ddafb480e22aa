import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.contract import battery
from pipeline.contract.battery import Finding, Verdict
from pipeline.spec.errors import SpecError
from tests.ablations.studies import ablate

FINDINGS = [Finding("config", Verdict.PASSED), Finding("neutral limit is bare", Verdict.SKIPPED, "has none")]
FAILED = Finding("hooks", Verdict.FAILED, "edit_batch changes\n  labels")


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the battery finds."""
    found = list(FINDINGS)

    def examine(name: str, folder: Path) -> Iterator[Finding]:
        assert folder.is_dir() and not list(folder.iterdir())
        if name == "no:Such":
            raise SpecError("there is no module 'no'")
        yield from found

    monkeypatch.setattr(battery, "examine", examine)
    return found


def test_one_line_a_check_and_the_answer_is_yes(findings: list[Finding]) -> None:
    result = ablate("check", "my:Trick")
    assert result.exit_code == 0
    assert result.out.splitlines() == [
        "passed   config",
        "skipped  neutral limit is bare: has none",
        "my:Trick keeps the contract",
    ]


def test_a_check_that_fails_is_one_line_too_and_the_answer_is_no(findings: list[Finding]) -> None:
    findings.append(FAILED)
    result = ablate("check", "my:Trick")
    assert result.exit_code == 1
    assert result.out.splitlines()[-2:] == [
        "failed   hooks: edit_batch changes labels",
        "my:Trick does not keep the contract: hooks",
    ]


def test_for_programs(findings: list[Finding]) -> None:
    findings.append(FAILED)
    result = ablate("check", "my:Trick", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.out)
    assert (answer["strategy"], answer["kept"]) == ("my:Trick", False)
    assert answer["checks"][-1] == {"check": "hooks", "verdict": "failed", "reason": FAILED.reason}


def test_what_cannot_be_imported_is_an_error_of_the_input(findings: list[Finding]) -> None:
    result = ablate("check", "no:Such")
    assert (result.exit_code, result.err) == (2, "error: there is no module 'no'\n")


@pytest.mark.slow
def test_the_real_battery_on_a_trick_that_forgets() -> None:
    result = ablate("check", "tests.pipeline.contract.tricks:ForgetfulConfig")
    assert result.exit_code == 1
    lines = result.out.splitlines()
    # Two workers go on from what one began, so what a trick forgets shows there too.
    assert len(lines) == 10 and [line for line in lines[:-1] if line.startswith("failed")] == lines[7:9]
    assert lines[7].startswith("failed   resumed is uninterrupted: resumed, train/loss is (")
    assert lines[8].startswith("failed   two workers agree: ")
