import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from ablations.records.home import RAY_JOB_VARIABLE, Home
from pipeline.spec.errors import SpecError


def test_the_option_wins_over_the_variable_and_both_over_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Home.resolve().root == tmp_path / "ablate-home"
    monkeypatch.setenv("ABLATE_HOME", "from-env")
    assert Home.resolve().root == tmp_path / "from-env"
    assert Home.resolve("from-option").root == tmp_path / "from-option"
    monkeypatch.setenv("ABLATE_HOME", "")
    assert Home.resolve().root == tmp_path / "ablate-home"
    assert list(tmp_path.iterdir()) == [], "asking must create nothing"


@pytest.mark.parametrize("below", ["a-file", "a-file/deeper/home"])
def test_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "a-file").write_text("")
    with pytest.raises(SpecError, match=r"from --home.*a-file is a file, a folder was expected"):
        Home.resolve(tmp_path / below)


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, whom no mode bits stop; so the answer of the system is replaced, not the folder's mode.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setenv("ABLATE_HOME", str(tmp_path / "new" / "home"))
    with pytest.raises(SpecError, match=r"from \$ABLATE_HOME.*cannot be written"):
        Home.resolve()


def test_a_cluster_job_must_say_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RAY_JOB_VARIABLE, "{}")
    with pytest.raises(SpecError, match=r"Ray job and no home was given.*temporary"):
        Home.resolve()
    with pytest.raises(SpecError, match=r"--home is 'here', relative.*absolute path"):
        Home.resolve("here")
    assert Home.resolve(tmp_path / "kept").root == tmp_path / "kept"
    monkeypatch.setenv("ABLATE_HOME", str(tmp_path / "env"))
    assert Home.resolve().root == tmp_path / "env"


def test_ray_still_sets_that_variable_for_a_job() -> None:
    from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR

    assert RAY_JOB_VARIABLE == RAY_JOB_CONFIG_JSON_ENV_VAR


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", "a..b", ".hidden", "-dash", "a b", "ä", "x" * 101])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    home = Home(Path("/home-of-tests"))
    with pytest.raises(SpecError, match=r"study name .* cannot name a folder"):
        home.study_dir(name)
    with pytest.raises(SpecError, match=r"run key .* cannot name a folder"):
        home.run_dir(name)


def test_every_path_is_below_the_root() -> None:
    home = Home(Path("/h"))
    assert home.records == Path("/h/records.jsonl")
    assert home.timings == Path("/h/timings.jsonl")
    assert home.run_dir("0a-1") == Path("/h/runs/0a-1")
    assert home.plan("s") == Path("/h/studies/s/plan.json")
    assert home.report("s") == Path("/h/studies/s/report.html")
    assert home.checkpoint("0a-1") == Path("/h/stages/0a-1/last.pt")
    assert home.mlflow_uri == "sqlite:////h/mlflow.db"


def test_sqlalchemy_finds_the_database_in_a_folder_with_a_space() -> None:
    assert make_url(Home(Path("/h x")).mlflow_uri).database == "/h x/mlflow.db"


def test_a_relative_root_is_refused() -> None:
    with pytest.raises(SpecError, match="'here' is relative"):
        Home(Path("here"))
