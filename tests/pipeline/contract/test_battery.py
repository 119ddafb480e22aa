from pathlib import Path

import pytest

from pipeline.contract.battery import QUICK, TRAINED, Finding, Verdict, examine
from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.spec.errors import SpecError
from pipeline.strategies import CATALOGUE

TRICKS = "tests.pipeline.contract.tricks"
CHECKS = [*QUICK, *TRAINED]


@pytest.fixture
def without_ranks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab of all tests, and no processes: they have tests of their own."""
    monkeypatch.setattr(Lab, "open", lambda folder: lab)
    monkeypatch.setitem(TRAINED, "two workers agree", lambda subject, lab: None)


def test_a_good_trick_passes_every_check(without_ranks: None, tmp_path: Path) -> None:
    findings = list(examine(f"{TRICKS}:BrightenConfig", tmp_path))
    assert findings == [Finding(check, Verdict.PASSED) for check in CHECKS]


def test_without_a_neutral_limit_that_check_is_skipped(without_ranks: None, tmp_path: Path) -> None:
    verdicts = {f.check: f.verdict for f in examine(f"{TRICKS}:CalmConfig", tmp_path)}
    assert verdicts.pop("neutral limit is bare") is Verdict.SKIPPED
    assert set(verdicts.values()) == {Verdict.PASSED}


def test_a_check_that_fails_does_not_stop_the_others(without_ranks: None, tmp_path: Path) -> None:
    failed = {f.check: f.reason for f in examine(f"{TRICKS}:ForgetfulConfig", tmp_path) if f.verdict is Verdict.FAILED}
    assert list(failed) == ["resumed is uninterrupted"]


def test_an_error_of_the_trick_is_a_finding_with_the_line_in_its_file(without_ranks: None, tmp_path: Path) -> None:
    reasons = {f.check: f.reason for f in examine(f"{TRICKS}:CrashesConfig", tmp_path)}
    file = Path(__file__).with_name("tricks.py")
    line = next(i for i, text in enumerate(file.read_text().splitlines(), 1) if "no such shape" in text)
    for check in ("hooks", "two steps", "changes the training"):
        assert reasons[check].startswith("RuntimeError: ") and reasons[check].endswith(f"({file}, line {line})")


def test_a_trick_that_refuses_the_stage_says_its_reason(without_ranks: None, tmp_path: Path) -> None:
    reasons = {f.check: f.reason for f in examine(f"{TRICKS}:NeverFitsConfig", tmp_path)}
    assert reasons["changes the training"] == (
        f"strategies: {TRICKS}:NeverFitsConfig: small_cnn is no network for it; take another"
    )


def test_a_trick_without_an_example_fails_and_nothing_else_is_tried(tmp_path: Path) -> None:
    first, *rest = examine(f"{TRICKS}:NoExampleConfig", tmp_path)
    assert (first.check, first.verdict) == ("config", Verdict.FAILED)
    assert "share: Field required; give every field a default, or override the class method `example`" in first.reason
    assert [f.check for f in rest] == CHECKS[1:] and {f.verdict for f in rest} == {Verdict.SKIPPED}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:X", "no_such_module"),
        ("mixupp", r"there is no strategy 'mixupp'; expected package\.module:Name of your own, or one of placebo, "),
    ],
)
def test_what_cannot_be_found_is_an_error_of_the_input(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        next(examine(name, tmp_path))


def test_a_kind_of_the_catalogue_is_a_subject_too() -> None:
    subject = Subject.of("mixup")
    assert (subject.config, subject.trick) == (CATALOGUE["mixup"].example(), CATALOGUE["mixup"].example())
