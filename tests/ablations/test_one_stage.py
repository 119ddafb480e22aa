"""`ablate lr-find` and `ablate batch-size` as a person meets them, on images that were prepared before: no Ray."""

import json
from pathlib import Path

import pytest

from ablations.commands import one_stage
from ablations.records.home import Home
from pipeline.contract.stages import prepared_here
from pipeline.data.prepare import prepared_key
from pipeline.data.sources import scan
from pipeline.spec.data import Digits
from tests.ablations.studies import CommandResult, ablate

FILE = """\
study: small
base:
  data: {kind: digits, num_train: 80}
  model: {kind: small_cnn, width: 8}
  optimizer: {kind: sgd, lr: 0.05}
  budget: {epochs: 3, batch_size: 40}
  precision: fp32
factors:
  smoothing: {strategies: [{kind: label_smoothing, epsilon: 0.3}]}
  distill: {recipes: [{kind: teacher_student, teacher: {kind: small_cnn, width: 6}}]}
resources: {threads_per_worker: 1}
"""
SEARCH = FILE.split("factors:")[0] + (
    "space: {optimizer.lr: {kind: log_uniform, low: 0.001, high: 1.0}}\nbudget: {trials: 3}\n"
    "resources: {threads_per_worker: 1}\n"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    spec = Digits(num_train=80)
    listing = scan(spec)
    folder = home.cache / "prepared" / prepared_key(spec, listing)
    folder.mkdir(parents=True)
    prepared_here(spec, listing, folder)
    return home


def asked(home: Home, folder: Path, command: str, *options: str, text: str = FILE) -> CommandResult:
    file = folder / "spec.yaml"
    file.write_text(text)
    return ablate(command, file, "--home", home.root, *options)


LONG = ("--min-lr", "1e-4", "--max-lr", "1", "--steps", "60")


def test_a_rate_is_suggested_and_its_curve_kept(home: Home, tmp_path: Path) -> None:
    said = asked(home, tmp_path, "lr-find", *LONG)
    assert said.exit_code == 0, said
    assert "Try optimizer.lr = " in said.out and "falls most steeply" in said.out and "^" in said.out
    (page,) = (home.root / "lr-find").glob("*.html")
    text = page.read_text()
    assert str(page) in said.out
    assert text.count("<circle") > 40 and 'role="img"' in text and "default-src 'none'" in text
    found = json.loads(asked(home, tmp_path, "lr-find", *LONG, "--json").out)
    assert len(found["rates"]) == len(found["losses"]) == 60
    assert found["rates"][0] == pytest.approx(1e-4) and found["rates"][-1] == pytest.approx(1.0)
    assert 1e-3 < found["suggestion"] < 1
    assert f"Try optimizer.lr = {found['suggestion']:.2g}:" in said.out
    assert not home.records.exists(), "it is no run of a study"


def test_rates_too_low_to_learn_anything_give_no_suggestion(home: Home, tmp_path: Path) -> None:
    said = asked(home, tmp_path, "lr-find", "--min-lr", "1e-9", "--max-lr", "1e-7", "--steps", "30")
    assert said.exit_code == 1
    assert "No clear suggestion" in said.out and "Try optimizer.lr" not in said.out and "^" not in said.out


def test_factors_of_a_grid_are_switched_on_and_a_search_is_read_too(home: Home, tmp_path: Path) -> None:
    few = ("--min-lr", "1e-4", "--max-lr", "0.1", "--steps", "12", "--json")
    bare, smoothed, search = (
        json.loads(asked(home, tmp_path, "lr-find", *few, *options, text=text).out)
        for options, text in (((), FILE), (("--with", "smoothing"), FILE), ((), SEARCH))
    )
    assert "label_smoothing" in smoothed["recipe"]
    assert bare["losses"] != smoothed["losses"]
    assert bare["losses"] == search["losses"]


@pytest.mark.parametrize(
    ("command", "options", "text", "told"),
    [
        ("lr-find", ("--min-lr", "1", "--max-lr", "0.1"), FILE, "--min-lr 1 --max-lr 0.1: expected two rates above 0"),
        ("lr-find", ("--min-lr", "0"), FILE, "--min-lr 0"),
        ("lr-find", ("--steps", "3"), FILE, "--steps 3: expected 10 to 100000"),
        ("lr-find", ("--with", "mixup"), FILE, "--with mixup: there is no such factor; the grid has smoothing"),
        ("lr-find", ("--with", "a"), SEARCH, "is a search, which has no factors"),
        ("lr-find", ("--with", "distill"), FILE, "stage main starts from teacher, which would have to be trained"),
        ("batch-size", ("--memory-gb", "0"), FILE, "--memory-gb 0: expected a number above 0"),
        ("batch-size", ("--memory-gb", "1e9"), FILE, "GB left; give less"),
        ("batch-size", ("--max-batch", "1"), FILE, "--max-batch 1: expected at least 2"),
    ],
)
def test_bad_input_is_refused(
    home: Home, tmp_path: Path, command: str, options: tuple[str, ...], text: str, told: str
) -> None:
    said = asked(home, tmp_path, command, *options, text=text)
    assert said.exit_code == 2, said
    assert told in said.err and said.err.startswith("error: ") and said.out == ""


def test_a_batch_that_fits_keeps_its_shards(home: Home, tmp_path: Path) -> None:
    said = asked(home, tmp_path, "batch-size", "--memory-gb", "1")
    assert said.exit_code == 0, said
    assert "Largest that fits: 80 images at once; more were not tried: there are no more images" in said.out
    assert "Keep budget.batch_size: 40 with budget.num_shards: 1 (40 images at once" in said.out
    found = json.loads(asked(home, tmp_path, "batch-size", "--memory-gb", "1", "--max-batch", "20", "--json").out)
    assert found["largest"] == found["ceiling"] == 20
    assert found["num_shards"] == 2, "no larger shard was tried"


@pytest.mark.ray
def test_on_a_cluster_the_work_is_a_task(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = ("--min-lr", "1e-4", "--max-lr", "0.1", "--steps", "12", "--json")
    here = json.loads(asked(home, tmp_path, "lr-find", *few).out)
    monkeypatch.setattr(one_stage, "has_cluster", lambda: True)
    there = json.loads(asked(home, tmp_path, "lr-find", *few).out)
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-5)
