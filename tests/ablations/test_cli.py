"""The command as a person meets it, without Ray: messages, exit codes, JSON."""

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import ray
import typer

from ablations import cli
from ablations.records.home import Home
from reports.records.load import load_study
from tests.ablations.grids import HEAD
from tests.ablations.kept_results import keep_study, study_plan
from tests.ablations.studies import CommandResult, ablate, write_grid
from tests.ablations.test_starter import image_folder

LR = "factors: {a: {optimizer.lr: 0.2}}\n"
FOLDER_GRID = HEAD.replace("{kind: digits}", "{kind: image_folder, path: photos, image_size_px: 16}") + LR


def refused(result: CommandResult) -> str:
    """The message of a command that ended as bad input should: exit code 2, no traceback, nothing printed as result."""
    assert result.exit_code == 2, result
    assert "Traceback" not in result.err and result.out == ""
    assert result.err.startswith("error: ")
    return result.err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


BAD_GRIDS = {
    "no mapping": ("- a\n", ["grid.yaml", "expected a mapping", "a list"]),
    "typo in a strategy": (
        HEAD + "factors: {a: {strategies: [{kind: mixupp}]}}\n",
        ["grid.yaml", "factors.a.strategies", "'mixupp'", "did you mean 'mixup'?"],
    ),
    "no factor": (HEAD + "factors: {}\n", ["grid.yaml", "factors", "at least 1"]),
    "one field, two factors": (
        HEAD + "factors: {a: {optimizer.lr: 0.2}, b: {optimizer.lr: 0.3}}\n",
        ["grid.yaml", "'a' and 'b'", "'optimizer.lr'"],
    ),
    "unknown model": (
        HEAD.replace("{kind: small_cnn, width: 4}", "{kind: timm, name: resnet10tt}") + LR,
        ["grid.yaml", "model.name", "'resnet10tt'", "resnet10t,"],
    ),
    "batch above the split": (HEAD.replace("20", "301") + LR, ["grid.yaml", "budget.batch_size=301", "300 images"]),
    "head too small": (
        HEAD.replace("width: 4", "width: 4, num_classes: 9") + LR,
        ["grid.yaml", "model.num_classes=9", "10 classes"],
    ),
    "a size the model cannot take": (
        HEAD.replace("{kind: small_cnn, width: 4}", "{kind: timm, name: vit_tiny_patch16_224}") + LR,
        ["grid.yaml", "arm bare", "vit_tiny_patch16_224 does not take images of 16 px", "224 is its usual one"],
    ),
    "a size on the way that the model cannot take": (
        HEAD.replace("{kind: small_cnn, width: 4}", "{kind: timm, name: inception_v3}").replace(
            "{kind: digits}", "{kind: digits, image_size_px: 96}"
        )
        + "factors: {a: {strategies: [{kind: progressive_resizing, from_px: 32}]}}\n",
        ["grid.yaml", "arm +a", "inception_v3 does not take images of 32 px"],
    ),
    "no path": (FOLDER_GRID.replace("path: photos", "path: ''"), ["grid.yaml", "base.data", "path"]),
    "missing weights": (
        HEAD + "  init: {kind: from_file, path: gone.pt}\n" + LR,
        ["grid.yaml", "arm bare", "init.path", "gone.pt cannot be read (No such file or directory)"],
    ),
    "pretrained weights of no library": (
        HEAD + LR.replace("optimizer.lr: 0.2", "init: {kind: pretrained}"),
        ["grid.yaml", "factors.a", "no pretrained weights for model.kind=small_cnn"],
    ),
    "missing folder": (FOLDER_GRID, ["grid.yaml", "data.path", "'photos' is not a folder"]),
}


@pytest.mark.parametrize("command", ["plan", "run"])
def test_pretrained_weights_that_cannot_be_fetched_stop_it_before_ray_starts(
    here: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(here / "hub"))
    head = HEAD.replace("{kind: small_cnn, width: 4}", "{kind: timm, name: resnet10t}")
    Path("grid.yaml").write_text(head + LR.replace("optimizer.lr: 0.2", "init: {kind: pretrained}"))
    assert ablate("validate", "grid.yaml").exit_code == 0, "checking needs no network"
    message = refused(ablate(command, "grid.yaml"))
    assert "arm +a, stage main: init: the pretrained weights resnet10t.c3_in1k cannot be fetched" in message
    assert not ray.is_initialized()


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
@pytest.mark.parametrize("fault", BAD_GRIDS)
def test_bad_input_is_refused_before_ray_starts(here: Path, command: str, fault: str) -> None:
    text, parts = BAD_GRIDS[fault]
    Path("grid.yaml").write_text(text)
    message = refused(ablate(command, "grid.yaml"))
    for part in parts:
        assert part in message
    assert not ray.is_initialized()
    assert [path.name for path in here.iterdir()] == ["grid.yaml"], "nothing is left behind"


@pytest.mark.parametrize(
    ("folders", "parts"),
    [
        ({"cat": 9}, ["photos", "found 1 class (cat)", "at least two"]),
        ({"train/cat": 9, "train/dog": 9, "val/cat": 2}, ["val has no image of class 'dog'"]),
        ({"train/cat": 9, "val/cat": 2, "val/dog": 2}, ["train has no image of class 'dog'"]),
    ],
)
def test_a_folder_that_cannot_be_studied_is_refused_before_ray_starts(
    here: Path, folders: dict[str, int], parts: list[str]
) -> None:
    image_folder(here / "photos", folders)
    Path("grid.yaml").write_text(FOLDER_GRID)
    message = refused(ablate("run", "grid.yaml"))
    for part in parts:
        assert part in message
    assert not ray.is_initialized()


def test_images_beside_no_class_folder_are_refused(here: Path) -> None:
    image_folder(here, {"photos": 3})
    Path("grid.yaml").write_text(FOLDER_GRID)
    assert "no image below 'photos' lies in a class folder" in refused(ablate("run", "grid.yaml"))


def test_a_study_that_cannot_name_a_folder_is_refused_before_ray_starts(here: Path) -> None:
    Path("grid.yaml").write_text(HEAD.replace("tricks", "a..b") + LR)
    assert "study name 'a..b' cannot name a folder" in refused(ablate("run", "grid.yaml"))
    assert not ray.is_initialized()


def test_a_missing_grid_is_named(here: Path) -> None:
    assert "nowhere.yaml: cannot be read" in refused(ablate("run", "nowhere.yaml"))


def test_every_fault_has_a_line_of_its_own(here: Path) -> None:
    Path("grid.yaml").write_text(HEAD + LR + "max_runs: 0\nseed: 1\n")
    lines = refused(ablate("validate", "grid.yaml")).splitlines()
    assert len(lines) == 2 and all(line.startswith("error: grid.yaml: ") for line in lines)


def test_a_good_grid_is_fine_and_its_counts_are_said(here: Path) -> None:
    grid = write_grid(here / "grid.yaml")
    result = ablate("validate", grid)
    assert (result.exit_code, result.err) == (0, "")
    # bare, two factors, full, placebo; a teacher more
    assert result.out.rstrip().endswith("fine. 5 arms, 6 training runs")


def test_the_data_option_and_its_variable_replace_the_path(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_folder(here / "elsewhere", {"cat": 20, "dog": 20})
    Path("grid.yaml").write_text(FOLDER_GRID)
    assert "'photos'" in refused(ablate("validate", "grid.yaml"))
    assert ablate("validate", "grid.yaml", "--data", here / "elsewhere").exit_code == 0
    monkeypatch.setenv("ABLATE_DATA", str(here / "elsewhere"))
    assert ablate("validate", "grid.yaml").exit_code == 0
    assert "'nowhere'" in refused(ablate("validate", "grid.yaml", "--data", "nowhere"))


def test_a_plan_as_json_says_what_would_run_and_runs_nothing(here: Path) -> None:
    grid = write_grid(here / "grid.yaml")
    result = ablate("plan", grid, "--json", "--home", here / "home")
    plan = json.loads(result.out)
    assert plan["study"] == "small"
    assert plan["runs"] == {"unique": 6, "finished": 0, "pending": 6, "shared": 1}
    assert set(plan["arms"]) == {"bare", "+smoothing", "+distill", "+placebo", "full"}
    assert plan["arms"]["+distill"][0] == plan["arms"]["full"][0], "one teacher"
    assert plan["smallest_detectable"] is None, "one seed allows no verdict"
    assert not (here / "home").exists() and not ray.is_initialized()
    text = ablate("plan", grid, "--home", here / "home").out
    assert "6 unique training runs" in text and "no verdict is possible" in text


def test_seeds_are_added_under_a_declared_rule_only(here: Path) -> None:
    grid = write_grid(here / "grid.yaml", seeds=[0, 1, 2])
    message = refused(ablate("run", grid, "--add-seeds", "--home", here / "home"))
    assert "declares no rule for more seeds" in message and "more_seeds: {kind: looks, at: [3, 5, 10]}" in message
    assert not ray.is_initialized() and not (here / "home").exists()


def test_a_plan_that_differs_from_the_one_that_ran_says_so(here: Path) -> None:
    home = Home(here / "home")
    keep_study(home, study_plan(study="small"))
    text = ablate("plan", write_grid(here / "grid.yaml"), "--home", home.root).out
    assert "changed   the plan changed since it last ran: 0 runs are reused, 6 are new" in text
    assert "design: the design was one_factor, now it is add_one_in" in text
    as_json = json.loads(ablate("plan", here / "grid.yaml", "--home", home.root, "--json").out)
    assert any(line.startswith("seeds: 0, 1 ran last, now 0 do") for line in as_json["changed"])


def test_a_plan_that_cannot_be_read_is_named(here: Path) -> None:
    home = Home(here / "home")
    keep_study(home, study_plan(study="small"))
    home.plan("small").write_text("{}")
    message = refused(ablate("run", write_grid(here / "grid.yaml"), "--home", home.root))
    assert str(home.plan("small")) in message and "Restore it, or remove it" in message


def test_a_started_grid_is_valid_and_never_overwritten(here: Path) -> None:
    image_folder(here / "photos", {"cat": 20, "dog": 20})
    assert "next: ablate plan grid.yaml" in ablate("init", "photos", "--out", "grid.yaml").out
    assert ablate("validate", "grid.yaml").exit_code == 0
    before = Path("grid.yaml").read_text()
    assert "grid.yaml exists already" in refused(ablate("init", "photos", "--out", "grid.yaml"))
    assert Path("grid.yaml").read_text() == before == ablate("init", "photos").out.removesuffix("\n")
    assert "'nowhere' is not a folder" in refused(ablate("init", "nowhere"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("kept") / "home")
    keep_study(home, study_plan())
    return home


@pytest.mark.parametrize("command", [("status",), ("report",), ("report", "--format", "md"), ("sync",)])
def test_an_unknown_study_is_refused_with_those_there_are(kept: Home, command: tuple[str, ...]) -> None:
    message = refused(ablate(command[0], "trick", *command[1:], "--home", kept.root))
    assert "'trick'" in message and "tricks" in message.replace("'trick'", "")


def test_status_counts_what_is_kept(kept: Home, here: Path) -> None:
    assert ablate("status", "--home", kept.root).out.startswith("tricks: 4 of 6 runs finished, 1 failed")
    empty = ablate("status", "--home", here / "empty")
    assert empty.exit_code == 0 and "no study in" in empty.out and not (here / "empty").exists()


def test_a_report_is_written_where_asked_and_in_each_format(kept: Home, here: Path) -> None:
    assert ablate("report", "tricks", "--home", kept.root, "--out", "r.html").exit_code == 0
    assert "Which tricks help?" in Path("r.html").read_text()
    assert "|" in ablate("report", "tricks", "--home", kept.root, "--format", "md").out
    assert json.loads(ablate("report", "tricks", "--home", kept.root, "--format", "json").out)
    latex = ablate("report", "tricks", "--home", kept.root, "--format", "latex").out
    assert latex.startswith("% needs") and latex.endswith("\\end{table}\n")
    table = ablate("report", "tricks", "--home", kept.root, "--format", "csv").out
    assert table.startswith("factor,context,") and not table.endswith("\n\n")
    assert "'pdf' is not one of html, md, latex, csv, json" in refused(
        ablate("report", "tricks", "--home", kept.root, "--format", "pdf")
    )
    assert load_study(kept.root, "tricks").plan == study_plan(), "a report changes nothing"


def test_a_home_that_is_a_file_is_refused(here: Path) -> None:
    Path("taken").write_text("")
    write_grid(here / "grid.yaml")
    assert "taken is a file, a folder was expected" in refused(ablate("run", "grid.yaml", "--home", "taken"))


@pytest.mark.parametrize("options", [("--format", "md"), ("--format", "json"), ()])
@pytest.mark.parametrize("out", ["taken", "nowhere/r"])
def test_a_place_that_cannot_be_written_is_named(kept: Home, here: Path, out: str, options: tuple[str, ...]) -> None:
    (here / "taken").mkdir()
    (here / "nowhere").write_text("no folder")
    assert f"--out: {out} cannot be written" in refused(
        ablate("report", "tricks", "--home", kept.root, "--out", out, *options)
    )
    assert sorted(path.name for path in here.iterdir()) == ["nowhere", "taken"], "nothing half done is left"


def test_a_starter_grid_that_cannot_be_written_is_refused(here: Path) -> None:
    image_folder(here / "photos", {"cat": 20, "dog": 20})
    assert "--out: nowhere/g.yaml cannot be written" in refused(ablate("init", "photos", "--out", "nowhere/g.yaml"))


def test_sync_of_nothing_says_so_and_leaves_nothing_behind(kept: Home, here: Path) -> None:
    result = ablate("sync", "--home", here / "empty")
    assert (result.exit_code, result.err) == (0, "")
    assert result.out.startswith("no study in") and not (here / "empty").exists()
    assert not (kept.mlflow_db).exists()
    refused(ablate("sync", "trick", "--home", kept.root))
    assert not (kept.mlflow_db).exists(), "a mistyped study makes no database"


@pytest.mark.slow
def test_sync_says_what_it_did_and_a_server_that_is_gone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    keep_study(home, study_plan())
    result = ablate("sync", "--home", home.root)
    assert result.exit_code == 0 and "1 study; 5 runs added, 0 replaced, 0 shown already, 1 planned" in result.out
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert "http://127.0.0.1:9: MLflow did not give study 'tricks'" in refused(
        ablate("report", "tricks", "--from-mlflow", "http://127.0.0.1:9")
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9: MLflow did not take the runs" in refused(ablate("sync", "--home", home.root))


def test_the_schema_is_json_and_knows_the_fields() -> None:
    schema = json.loads(ablate("schema").out)
    assert {"study", "base", "factors"} <= set(schema["required"])


def test_cards_are_listed_and_a_typo_is_corrected() -> None:
    assert "mixup" in ablate("strategies").out
    assert ablate("strategies", "mixup").out.startswith("Mixup")
    assert "did you mean 'mixup'?" in refused(ablate("strategies", "mixupp"))


COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    result = ablate(command, "--help")
    assert result.exit_code == 0
    assert f"Example: ablate {command}" in " ".join(result.out.split())


def test_help_names_every_command() -> None:
    words = ablate("--help").out.split()
    assert set(COMMANDS) <= set(words) and "demo" in COMMANDS


@pytest.mark.parametrize("arguments", [("run",), ("runn", "grid.yaml"), ("plan", "grid.yaml", "--jsn")])
def test_a_mistyped_command_or_option_is_exit_code_2(here: Path, arguments: tuple[str, ...]) -> None:
    result = ablate(*arguments)
    assert result.exit_code == 2 and "Traceback" not in result.err
