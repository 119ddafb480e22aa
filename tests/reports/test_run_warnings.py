"""What runs warn of themselves, and runs of other data before those that are compared."""

from collections.abc import Callable
from pathlib import Path

from pipeline.spec.records import RunRecord
from reports.analysis.run_warnings import run_warnings
from reports.analysis.study import analyse
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import Options, write_home

WARNING = "COLLAPSED: almost every image has the same features"


def changed(home: Path, change: Callable[[RunRecord], dict[str, object]]) -> StudyData:
    """The study after an edit of its records."""
    write_home(home, Options(fail=()))
    path = home / "records.jsonl"
    records = [RunRecord.model_validate_json(line) for line in path.read_text().splitlines()]
    path.write_text("".join(r.model_copy(update=change(r)).model_dump_json() + "\n" for r in records))
    return load_study(home, "clothing-tricks")


def test_a_study_without_any_has_none(tmp_path: Path) -> None:
    assert run_warnings(changed(tmp_path, lambda record: {})) == ()


def test_a_warning_of_an_earlier_stage_names_its_arms_and_seeds(tmp_path: Path) -> None:
    study = changed(
        tmp_path, lambda r: {"warnings": (f"{WARNING} {r.seed}",)} if r.stage == "teacher" and r.seed < 2 else {}
    )
    (warning,) = run_warnings(study)
    arms = [arm.name for arm in study.plan.arms if "distill" in arm.factors]
    assert warning.startswith("stage teacher of ")
    assert arms[0] in warning
    assert warning.endswith(f", seeds 0, 1: {WARNING} 0"), "the words of the first"
    analysis = analyse(study)
    assert warning in analysis.warnings


def test_other_data_before_a_run_is_no_deviation_and_of_a_compared_run_it_is(tmp_path: Path) -> None:
    before = changed(tmp_path / "before", lambda r: {"data_fingerprint": "11" * 32} if r.stage == "teacher" else {})
    assert before.other_fingerprints == ()
    assert not [w for w in analyse(before).warnings if "fingerprint" in w]
    itself = changed(tmp_path / "itself", lambda r: {"data_fingerprint": "11" * 32} if r.seed == 0 else {})
    assert itself.other_fingerprints == ("11" * 32,)
    assert [w for w in analyse(itself).warnings if "fingerprint" in w]
