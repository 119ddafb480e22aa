"""The disk that a plan takes: weights, images, checkpoints, and whether there is room."""

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from ablations.commands.plan_text import disk_lines
from ablations.planning.disk import BYTES_PER_RUN, BYTES_PER_VAL_IMAGE, MIB, disk_of, prepared_mb_of
from ablations.records.home import Home
from pipeline.data.decode import shrink
from pipeline.data.prepare import prepared_key
from pipeline.models.build import build_model
from pipeline.spec.data import ImageFolder
from tests.ablations.grids import MIXUP, NUM_VAL, SMOOTHING, grid, plan_of

PLANNED = plan_of(grid({"model": {"kind": "small_cnn", "width": 64}}, factors={"mixup": MIXUP, "smoothing": SMOOTHING}))
NONE_FINISHED: frozenset[str] = frozenset()
FILES_MB = (BYTES_PER_RUN + BYTES_PER_VAL_IMAGE * NUM_VAL) / MIB


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def weights_mb() -> float:
    weights = build_model(PLANNED.runs[0].spec.model, 4).state_dict()
    return sum(w.numel() for name, w in weights.items() if "num_batches" not in name) * 4 / MIB


def test_the_weights_of_every_run_count_and_the_prepared_images(home: Home) -> None:
    disk = disk_of(PLANNED, home, NONE_FINISHED, lanes=2)
    assert disk.total_mb - disk.prepared_mb == pytest.approx(12 * (weights_mb() + FILES_MB), rel=0.02)
    assert disk.checkpoints_mb == pytest.approx(2 * 6 * weights_mb(), rel=0.02)
    assert disk.to_write_mb == pytest.approx(disk.total_mb + disk.checkpoints_mb)


def test_what_is_there_already_is_not_written_again(home: Home) -> None:
    done = frozenset(run.key for run in PLANNED.runs[:5])
    (data,) = PLANNED.data.values()
    (home.cache / "prepared" / prepared_key(data.spec, data.listing)).mkdir(parents=True)
    disk = disk_of(PLANNED, home, done)
    expected = 7 * (weights_mb() + FILES_MB) + 6 * weights_mb()
    assert disk.to_write_mb == pytest.approx(expected, rel=0.02)
    assert disk_of(PLANNED, home, frozenset(run.key for run in PLANNED.runs)).to_write_mb == 0


def test_a_disk_that_is_too_small_is_said_before_the_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    asked: list[Path] = []

    def with_free(num_bytes: int) -> list[str]:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or usage(0, 0, num_bytes))
        return disk_lines(disk_of(PLANNED, home, NONE_FINISHED), home)

    assert len(with_free(10**12)) == 1
    assert asked == [home.root.parent], "the home is not there yet: the disk that it will be on"
    (_, warning) = with_free(2**20)
    assert "WARNING" in warning and "1 are free" in warning and "--home" in warning


def test_prepared_images_take_no_more_than_announced() -> None:
    for height, width in ((300, 400), (129, 172), (130, 173), (131, 175), (90, 120)):  # 4:3, as it supposes
        shrunk = shrink(np.zeros((height, width, 3), dtype=np.uint8), 100)
        assert shrunk.nbytes <= prepared_mb_of(ImageFolder(path="photos", prepared_px=100), 1) * 2**20 * 1.01
