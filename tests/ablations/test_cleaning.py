"""`ablate clean` on a home of made-up runs: what goes, what stays, and that it asks first."""

import os
import time
from pathlib import Path

import pytest

from pipeline.spec.records import run_key
from pipeline.spec.study import StudyPlan
from tests.ablations.studies import ablate
from tests.reports.fixtures import Options, write_home


def files_of(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}


def keys(plan: StudyPlan, *arms: str) -> set[str]:
    return {run_key(plan.arm(arm).final.stage_hash, seed) for arm in arms for seed in plan.seeds}


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    """A finished study with weights of every run, caches, and what earlier runs and grids left behind."""
    plan = write_home(tmp_path, Options(fail=(), pictures=False))
    for folder in list((tmp_path / "runs").iterdir()):
        (folder / "model.pt").write_bytes(b"w" * 1000)
    orphan = tmp_path / "runs" / "0123456789abcdef-0"
    orphan.mkdir()
    (orphan / "model.pt").write_bytes(b"w" * 1000)
    for name in ("cache/prepared/aa/00000.rgb", "cache/weights/beef.pt", "stages/0123456789abcdef-0/last.pt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 500)
    return plan


def test_of_a_finished_study_stay_records_and_the_weights_that_are_scored_on_test(
    tmp_path: Path, plan: StudyPlan
) -> None:
    before = files_of(tmp_path)
    done = ablate("clean", "--home", tmp_path, "--yes")
    assert done.exit_code == 0, done.err
    gone = before - files_of(tmp_path)
    assert all(name.endswith("model.pt") or name.startswith(("cache/", "stages/")) for name in gone)
    left = {path.parent.name for path in (tmp_path / "runs").glob("*/model.pt")}
    assert keys(plan, "bare", "full") <= left
    assert not left & keys(plan, "+label_noise", "+placebo", "-cosine")
    assert not (tmp_path / "runs" / "0123456789abcdef-0" / "model.pt").exists()
    assert "nothing to free" in ablate("clean", "--home", tmp_path).out
    assert f"freed {(len(gone) - 3) * 1e-3 + 3 * 5e-4:.1f} MB" in done.out


def test_an_unfinished_study_keeps_images_checkpoints_and_the_teachers_it_waits_for(
    tmp_path: Path, plan: StudyPlan
) -> None:
    student = plan.arm("+distill")
    records = tmp_path / "records.jsonl"
    lines = [line for line in records.read_text().splitlines(keepends=True) if student.final.stage_hash not in line]
    records.write_text("".join(lines))
    checkpoint = tmp_path / "stages" / run_key(student.final.stage_hash, 0) / "last.pt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"x")
    assert ablate("clean", "--home", tmp_path, "--yes").exit_code == 0
    assert checkpoint.exists()
    assert (tmp_path / "cache" / "prepared" / "aa" / "00000.rgb").exists()
    for seed in plan.seeds:
        assert (tmp_path / "runs" / run_key(student.stages[0].stage_hash, seed) / "model.pt").exists()
    assert not (tmp_path / "stages" / "0123456789abcdef-0").exists(), "of no study"


def test_weights_that_a_study_starts_from_stay(tmp_path: Path, plan: StudyPlan) -> None:
    note = tmp_path / "cache" / "weights" / "resnet10t.sha256"
    note.write_text("beef")
    path = tmp_path / "studies" / plan.study / "plan.json"
    path.write_text(path.read_text().replace('"lr":0.1', '"lr":0.1,"sha256":"beef"'))
    assert ablate("clean", "--home", tmp_path, "--yes").exit_code == 0
    assert (tmp_path / "cache" / "weights" / "beef.pt").exists()
    assert note.exists(), "it says which weights were fetched under that name"


def test_nothing_goes_on_a_dry_run_or_where_nobody_can_be_asked(
    tmp_path: Path, plan: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(tmp_path)
    dry = ablate("clean", "--home", tmp_path, "--dry-run")
    assert (dry.exit_code, files_of(tmp_path)) == (0, before)
    assert "prepared images (1); the next run decodes them again" in dry.out
    monkeypatch.setattr("sys.stdin", (tmp_path / "records.jsonl").open())
    refused = ablate("clean", "--home", tmp_path)
    assert (refused.exit_code, files_of(tmp_path)) == (2, before)
    assert "pass --yes" in refused.err


def test_an_empty_home_has_nothing_to_free(tmp_path: Path) -> None:
    assert "nothing to free" in ablate("clean", "--home", tmp_path).out


def as_old(path: Path, days: float) -> None:
    then = time.time() - days * 86_400
    for file in (path, *path.rglob("*")):
        os.utime(file, (then, then))


def test_only_what_is_old_goes_if_so_asked(tmp_path: Path, plan: StudyPlan) -> None:
    old, young = tmp_path / "stages" / "0123456789abcdef-0", tmp_path / "stages" / "fedcba9876543210-0"
    young.mkdir()
    (young / "last.pt").write_bytes(b"x")
    as_old(old, 31)
    as_old(tmp_path / "cache" / "prepared", 29)
    before = files_of(tmp_path)
    done = ablate("clean", "--home", tmp_path, "--older-than", "30d", "--yes")
    assert done.exit_code == 0, done.err
    assert before - files_of(tmp_path) == {"stages/0123456789abcdef-0/last.pt"}
    assert "or younger than 30d" in ablate("clean", "--home", tmp_path, "--older-than", "30d").out


@pytest.mark.parametrize("age", ["30", "d", "-1d", "30 days", "1.5d"])
def test_an_age_that_is_none_is_refused(tmp_path: Path, plan: StudyPlan, age: str) -> None:
    before = files_of(tmp_path)
    done = ablate("clean", "--home", tmp_path, f"--older-than={age}", "--yes")
    assert (done.exit_code, files_of(tmp_path)) == (2, before)
    assert f"--older-than: {age!r} is no age" in done.err and "30d" in done.err


def second_study(home: Path, plan: StudyPlan) -> StudyPlan:
    """One that shares bare with the first, on other images."""
    data = plan.data.model_copy(update={"fingerprint": "beef" * 16})
    bare = plan.arm("bare")
    other = plan.model_copy(update={"study": "other", "arms": (bare,), "comparisons": (), "data": data})
    (home / "studies" / "other").mkdir()
    (home / "studies" / "other" / "plan.json").write_text(other.model_dump_json())
    return other


def test_a_study_that_is_given_up_frees_what_no_other_needs_and_keeps_its_records(
    tmp_path: Path, plan: StudyPlan
) -> None:
    second_study(tmp_path, plan)
    pictures = tmp_path / "thumbnails"
    pictures.mkdir(exist_ok=True)
    for fingerprint in (plan.data.fingerprint, "beef" * 16, "dead" * 16):
        (pictures / f"{fingerprint}.npz").write_bytes(b"p")
    before = files_of(tmp_path)
    done = ablate("clean", "--home", tmp_path, "--study", plan.study, "--yes")
    assert done.exit_code == 0, done.err
    gone = before - files_of(tmp_path)
    left = {path.parent.name for path in (tmp_path / "runs").glob("*/model.pt")}
    assert left == keys(plan, "bare") | {"0123456789abcdef-0"}, "the other study's, and what was of no study"
    assert {name for name in gone if name.startswith("thumbnails")} == {f"thumbnails/{plan.data.fingerprint}.npz"}
    assert not any(name.endswith((".json", ".jsonl", "predictions.npz", "log.txt")) for name in gone)
    assert "of study" in ablate("clean", "--home", tmp_path, "--study", plan.study).out


def test_a_study_that_is_not_there_is_named(tmp_path: Path, plan: StudyPlan) -> None:
    done = ablate("clean", "--home", tmp_path, "--study", "clothing-trick", "--yes")
    assert done.exit_code == 2
    assert "no study 'clothing-trick'" in done.err and "did you mean 'clothing-tricks'?" in done.err


def test_small_pictures_of_images_that_no_study_is_about_go(tmp_path: Path, plan: StudyPlan) -> None:
    pictures = tmp_path / "thumbnails"
    pictures.mkdir(exist_ok=True)
    for fingerprint in (plan.data.fingerprint, "dead" * 16):
        (pictures / f"{fingerprint}.npz").write_bytes(b"p")
    assert ablate("clean", "--home", tmp_path, "--yes").exit_code == 0
    assert [path.stem for path in pictures.iterdir()] == [plan.data.fingerprint]
