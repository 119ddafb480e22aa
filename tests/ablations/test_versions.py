"""What an older or a newer release left in a home is read, or refused by name with what to do."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic_core import PydanticUndefined

from ablations.records import store
from ablations.records.home import Home
from ablations.records.layout import LAYOUT_NAME
from ablations.records.mlflow_projection import connect
from ablations.records.sync import sync
from pipeline.data.digits import scan_digits
from pipeline.data.prepared import INDEX_NAME, is_complete, load_index
from pipeline.spec.base import Frozen
from pipeline.spec.data import Digits
from pipeline.spec.errors import RecordError, ResourceError
from pipeline.spec.promise import PlanEntry
from pipeline.spec.records import FinalScore, RunRecord, TimingRecord
from pipeline.spec.study import StudyPlan
from reports.records.load import load_study
from tests.ablations.kept_results import BARE, ENVIRONMENT, finished, study_plan
from tests.ablations.studies import ablate
from tests.pipeline.conftest import prepared_here

PLAN = study_plan()
LINES: dict[str, Frozen] = {
    "records.jsonl": finished(BARE, 0),
    "timings.jsonl": TimingRecord(
        block="tricks-1",
        round=0,
        stage_hash=BARE.stage_hash,
        step_ms=1.0,
        images_per_s=1.0,
        peak_memory_mb=None,
        environment=ENVIRONMENT,
    ),
    "studies/tricks/plans.jsonl": PlanEntry(
        plan_hash=PLAN.plan_hash, promise=PLAN.promise, seeds=(0, 1), started_at="x", code_version="0", num_results=0
    ),
    "studies/tricks/plan.json": PLAN,
}
VERSIONED = [RunRecord, TimingRecord, FinalScore, PlanEntry, StudyPlan]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A study with one line in each of its files."""
    home = Home(tmp_path / "home")
    store.write_plan(home, PLAN)
    for name, model in LINES.items():
        (home.root / name).write_text(model.model_dump_json() + "\n")
    return home


def change(home: Home, name: str, edit: Callable[[dict[str, Any]], Any]) -> None:
    path = home.root / name
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw) + "\n")


@pytest.mark.parametrize("model", VERSIONED, ids=lambda model: model.__name__)
def test_everything_on_disk_says_its_version(model: type[Frozen]) -> None:
    assert model.model_fields["schema_version"].default == 1


def refused(home: Home, command: str) -> str:
    """The message of a command that meets another version: exit code 2 and no traceback."""
    done = ablate(command, "tricks", "--home", home.root)
    assert done.exit_code == 2
    assert done.err.startswith("error: ") and "Traceback" not in done.err
    return done.err


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("version", "who"), [(2, "a newer"), (0, "another"), ("1.0", "another"), (True, "another")])
def test_another_version_is_refused_by_name(home: Home, name: str, version: object, who: str) -> None:
    change(home, name, lambda raw: raw.update(schema_version=version))
    told = refused(home, "status")
    assert Path(name).name in told
    assert f"schema_version {version!r}, but this version of ablate reads 1. It was written by {who} version" in told
    assert "install that one, or run the study again in a new home" in told


@pytest.mark.parametrize(
    ("command", "name"), [("report", "records.jsonl"), ("sync", "records.jsonl"), ("sync", "studies/tricks/plan.json")]
)
def test_by_other_commands_too(home: Home, command: str, name: str) -> None:
    change(home, name, lambda raw: raw.update(schema_version=2))
    assert "schema_version 2, but this version of ablate reads 1" in refused(home, command)


@pytest.mark.parametrize("name", LINES)
def test_a_field_of_the_future_is_named(home: Home, name: str) -> None:
    change(home, name, lambda raw: raw.update(from_the_future=1))
    with pytest.raises(RecordError, match=rf"{Path(name).name}.*from_the_future"):
        load_study(home.root, "tricks")


def without_defaults(raw: Any, model: type[Frozen]) -> dict[str, Any]:
    """What a release wrote before the optional fields were there."""
    needed = {name for name, field in model.model_fields.items() if field.default is PydanticUndefined}
    return {name: value for name, value in raw.items() if name in needed}


@pytest.mark.parametrize("name", LINES)
def test_a_line_without_the_newer_fields_is_read(home: Home, name: str) -> None:
    model = type(LINES[name])
    path = home.root / name
    old = without_defaults(json.loads(path.read_text()), model)
    if model is RunRecord:
        old |= {"metrics": {"val/top1": 0.75}}  # always there, though it may be empty
    assert "schema_version" not in old
    path.write_text(json.dumps(old) + "\n")
    study = load_study(home.root, "tricks")
    assert study.plan.study == "tricks"
    assert study.warnings == ()
    assert len(study.records) == 1 and len(study.timings) == 1 and len(study.plans) == 1
    assert store.read_plan(home, "tricks").study == "tricks"
    assert len(store.read_records(home)) == 1


def test_the_home_is_marked_when_a_study_is_planned(home: Home) -> None:
    assert json.loads((home.root / LAYOUT_NAME).read_text()) == {"schema_version": 1}


def test_a_home_without_a_mark_is_of_the_first_version(home: Home) -> None:
    (home.root / LAYOUT_NAME).unlink()
    assert Home.resolve(home.root) == home
    assert ablate("status", "--home", home.root).exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema_version": 2}', r"home\.json: schema_version 2, but this version of ablate reads 1.*a newer version"),
        ("{", r"home\.json: cannot be read .*choose another home"),
        ("[]", r"home\.json: no mark of a home"),
        ("\x00\xff", r"home\.json: cannot be read .*choose another home"),
    ],
)
def test_a_home_of_another_layout_is_refused_and_left_as_it_is(home: Home, content: str, message: str) -> None:
    (home.root / LAYOUT_NAME).write_text(content)
    before = {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    with pytest.raises(RecordError, match=message):
        Home.resolve(home.root)
    assert ablate("status", "--home", home.root).exit_code == 2
    assert {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()} == before


def of_another_mlflow(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")  # MLflow 1.0
    database.close()


def no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [of_another_mlflow, no_database])
def test_a_database_that_mlflow_cannot_use_is_named_and_can_be_made_anew(
    home: Home, spoil: Callable[[Path], None]
) -> None:
    first = sync(home)
    # Copies, since MLflow keeps the connections to a database for as long as a process lives.
    spoilt = Home(Path(shutil.copytree(home.root, home.root.with_name("spoilt"))))
    spoil(spoilt.mlflow_db)
    with pytest.raises(ResourceError, match=r"mlflow\.db cannot be used by this version of MLflow \(.*ablate sync"):
        connect(spoilt)
    assert ablate("sync", "--home", spoilt.root).exit_code == 2
    rid = shutil.copytree(
        home.root, home.root.with_name("rid"), ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts")
    )
    assert sync(Home(Path(rid))) == first, "all of it is shown again"


def _save(path: Path, columns: dict[str, np.ndarray]) -> None:
    np.savez(path, **columns)  # type: ignore[arg-type] - no column is called like an option


@pytest.mark.parametrize("change", ["newer", "damaged", "empty", "field gone"])
def test_prepared_images_of_another_version_are_made_anew(tmp_path: Path, change: str) -> None:
    prepared_here(Digits(), scan_digits(Digits()), tmp_path)
    assert is_complete(tmp_path)
    path = tmp_path / INDEX_NAME
    with np.load(path) as index:
        columns = {name: index[name] for name in index.files}
    match change:
        case "newer":
            _save(path, columns | {"version": np.asarray(2)})
        case "damaged":
            path.write_bytes(path.read_bytes()[:200])
        case "empty":
            path.write_bytes(b"")
        case "field gone":
            _save(path, {name: column for name, column in columns.items() if name != "offset"})
    assert not is_complete(tmp_path)
    with pytest.raises(ResourceError, match=r"index\.npz cannot be read .*Run again to make them anew"):
        load_index(tmp_path)


def test_prepared_images_of_the_first_version_are_read(tmp_path: Path) -> None:
    prepared_here(Digits(), scan_digits(Digits()), tmp_path)
    path = tmp_path / INDEX_NAME
    with np.load(path) as index:
        _save(path, {name: index[name] for name in index.files if name != "version"})
    assert is_complete(tmp_path)
