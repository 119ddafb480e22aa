"""When two runs count as one and the same: every number that both left behind, to the last bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.spec.records import Curves, run_key
from reports.records.load import StudyData, load_study
from reports.records.traces import same_metrics, same_trace
from tests.reports.fixtures import Options, train_alike, write_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    plan = write_home(tmp_path, Options(pictures=False, fail=()))
    train_alike(tmp_path, plan, "+mixup", "bare", (0,))
    return tmp_path


def loaded(home: Path) -> tuple[StudyData, tuple[str, int], tuple[str, int]]:
    study = load_study(home, "clothing-tricks")
    bare, mixup = (study.plan.arm(name).final.stage_hash for name in ("bare", "+mixup"))
    return study, (mixup, 0), (bare, 0)


def alike(home: Path) -> bool:
    study, one, other = loaded(home)
    assert same_trace(study, one, other) == same_trace(study, other, one)
    return same_trace(study, one, other)


def folder(home: Path) -> Path:
    return home / "runs" / run_key(*loaded(home)[1])


def edit_series(home: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder(home) / "curves.json"
    curves = Curves.model_validate_json(path.read_text())
    path.write_text(curves.model_copy(update={"series": edit(curves.series)}).model_dump_json())


def edit_predictions(home: Path, edit: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> None:
    path = folder(home) / "predictions.npz"
    with np.load(path) as arrays:
        kept = dict(arrays)
    np.savez(path, **edit(kept))  # type: ignore[arg-type]


def next_bit(values: tuple[float, ...]) -> tuple[float, ...]:
    return (*values[:-1], float(np.nextafter(values[-1], 2.0)))


def test_copies_are_the_same_and_other_seeds_and_arms_are_not(home: Path) -> None:
    study, mixup, bare = loaded(home)
    assert same_trace(study, mixup, bare)
    assert same_trace(study, bare, bare)
    assert not same_trace(study, (mixup[0], 1), (bare[0], 1))
    assert not same_trace(study, mixup, (bare[0], 1))


@pytest.mark.parametrize("name", ["train/loss", "val/top1", "val/nll"])
def test_the_last_bit_of_one_epoch_is_a_difference(home: Path, name: str) -> None:
    edit_series(home, lambda series: series | {name: next_bit(series[name])})
    assert not alike(home)


def test_fewer_epochs_are_a_difference(home: Path) -> None:
    edit_series(home, lambda series: series | {"train/loss": series["train/loss"][:-1]})
    assert not alike(home)


def test_a_term_that_only_one_has_is_none(home: Path) -> None:
    edit_series(home, lambda series: series | {"train/distill": (0.0,)})
    assert alike(home)


def test_another_prediction_for_one_image_is_a_difference(home: Path) -> None:
    edit_predictions(home, lambda kept: kept | {"val/label": kept["val/label"] + np.eye(1, 460, 7, dtype=int)[0]})
    assert not alike(home)


def test_a_sign_of_zero_is_a_bit_too(home: Path) -> None:
    _, _, bare = loaded(home)
    other = home / "runs" / run_key(*bare) / "predictions.npz"
    for path, zero in ((folder(home) / "predictions.npz", 0.0), (other, -0.0)):
        np.savez(path, **{"val/brier": np.array([zero])})  # type: ignore[arg-type]
    assert not alike(home)


def test_predictions_on_other_splits_do_not_count(home: Path) -> None:
    edit_predictions(home, lambda kept: kept | {"test/label": np.arange(3)})
    assert alike(home)


def test_when_it_ran_and_how_long_is_no_difference(home: Path) -> None:
    path = folder(home) / "curves.json"
    curves = Curves.model_validate_json(path.read_text())
    path.write_text(curves.model_copy(update={"elapsed_s": (1.0,) * 12}).model_dump_json())
    assert alike(home)


def test_runs_without_files_are_compared_by_their_metrics(home: Path) -> None:
    for name in ("curves.json", "predictions.npz"):
        (folder(home) / name).unlink()
    assert alike(home)
    study, mixup, bare = loaded(home)
    assert not same_trace(study, (mixup[0], 1), (bare[0], 1))


def test_files_are_read_only_where_the_metrics_agree(home: Path) -> None:
    study, mixup, bare = loaded(home)
    (home / "runs" / run_key(mixup[0], 1) / "curves.json").write_text("not JSON")  # would be an error
    assert not same_trace(study, (mixup[0], 1), (bare[0], 1))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"val/top1": 0.5}, {"val/top1": 0.5}, True),
        ({"val/top1": 0.5, "train/distill": 0.1}, {"val/top1": 0.5}, True),
        ({"val/top1": 0.5, "val/nll": 1.0}, {"val/top1": 0.5, "val/nll": 1.1}, False),
        ({"val/top1": 0.5}, {"val/top1": float(np.nextafter(0.5, 1))}, False),
        ({"val/top1": 0.5}, {"val/nll": 0.5}, False),
        ({}, {}, False),
    ],
)
def test_metrics_are_compared_where_both_have_them(one: dict, other: dict, same: bool) -> None:
    assert same_metrics(one, other) is same
