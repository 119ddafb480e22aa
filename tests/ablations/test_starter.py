import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from ablations.commands.starter import starter_grid
from ablations.grid.spec import GridSpec, parse_grid
from ablations.grid.yaml_file import read_yaml
from ablations.planning.plan import build_plan
from pipeline.spec.errors import DataError, SpecError


def image_folder(root: Path, counts: dict[str, int], size: tuple[int, int] = (40, 30)) -> Path:
    """Noise in a folder per class."""
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(root / name / f"{i}.png")
    return root


def started(tmp_path: Path, folder: Path) -> GridSpec:
    """The grid that is written for a folder, planned on its images."""
    path = tmp_path / "starter.yaml"
    path.write_text(starter_grid(str(folder)), encoding="utf-8")
    spec = parse_grid(read_yaml(path), "starter.yaml")
    planned = build_plan(spec, lambda precision: precision)
    assert len(planned.runs) == 12 * 3 + 1, "bare, full, 4 factors both ways, 2 controls; 3 seeds; a rerun of bare"
    return spec


def test_a_folder_of_images_gives_a_grid_that_can_be_planned(tmp_path: Path) -> None:
    spec = started(tmp_path, image_folder(tmp_path / "photos", {"cat": 30, "dog": 30}))
    assert spec.study == "photos-tricks"
    assert spec.metric.name == "top1"
    assert spec.base["data"]["path"] == str(tmp_path / "photos")
    assert spec.base["budget"]["batch_size"] == 8


@pytest.mark.parametrize(("rare", "metric"), [(12, "top1"), (11, "balanced_accuracy")])
def test_uneven_classes_are_judged_by_balanced_accuracy(tmp_path: Path, rare: int, metric: str) -> None:
    """Without 15% each for val and test, 40 images leave 28, 12 leave 8, and 11 leave 7: a quarter of 28."""
    folder = image_folder(tmp_path / "photos", {"cat": 40, "dog": rare})
    assert started(tmp_path, folder).metric.name == metric


@pytest.mark.parametrize(("short", "size_px"), [(20, 32), (40, 32), (100, 96), (300, 160)])
def test_images_are_never_enlarged_beyond_the_smallest_useful_size(tmp_path: Path, short: int, size_px: int) -> None:
    folder = image_folder(tmp_path / "photos", {"cat": 8, "dog": 8}, size=(short + 7, short))
    assert yaml.safe_load(starter_grid(str(folder)))["base"]["data"]["image_size_px"] == size_px


@pytest.mark.parametrize("name", ['it\'s "mine"', "Bäume", "..  ", "x" * 120, "a: b # c", "{a}"])
def test_any_folder_name_gives_a_grid_with_that_path(tmp_path: Path, name: str) -> None:
    folder = image_folder(tmp_path / name, {"cat": 10, "dog": 10})
    assert started(tmp_path, folder).base["data"]["path"] == str(folder)


def test_three_training_images_per_class_are_enough_for_a_plan(tmp_path: Path) -> None:
    spec = started(tmp_path, image_folder(tmp_path / "few", {"cat": 5, "dog": 5}))
    assert spec.base["budget"]["batch_size"] == 6


def parquet_folder(root: Path, side: int) -> Path:
    """Two classes in the Hugging Face layout, as train.parquet and test.parquet."""
    root.mkdir()
    picture = io.BytesIO()
    Image.new("RGB", (side + 9, side)).save(picture, "PNG")
    for name, count in (("train", 40), ("test", 10)):
        images = [{"bytes": picture.getvalue(), "path": None}] * count
        pq.write_table(pa.table({"image": images, "label": [0, 1] * (count // 2)}), root / f"{name}.parquet")
    return root


@pytest.mark.parametrize("one_file", [False, True])
def test_parquet_files_give_a_grid_that_can_be_planned(tmp_path: Path, one_file: bool) -> None:
    folder = parquet_folder(tmp_path / "hugging", side=70)
    path = folder / "train.parquet" if one_file else folder
    data = started(tmp_path, path).base["data"]
    assert data == {"kind": "parquet", "path": str(path), "image_size_px": 64}


def test_a_parquet_file_among_images_does_not_hide_them(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", {"cat": 10, "dog": 10})
    (folder / "index.parquet").write_bytes(b"whatever")
    assert started(tmp_path, folder).base["data"]["kind"] == "image_folder"


def test_no_folder_is_not_the_folder_we_are_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(image_folder(tmp_path / "photos", {"cat": 10, "dog": 10}))
    with pytest.raises(SpecError, match="FOLDER is empty"):
        starter_grid("")


def test_a_broken_image_does_not_stop_the_look(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos", {"cat": 10, "dog": 10})
    (folder / "cat" / "0.png").write_bytes(b"no image")
    assert "20 images" in starter_grid(str(folder))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"cat": 5}, r"found 1 class \(cat\)"),
        ({}, r"is not a folder"),
        ({"cat": 9, "dog": 2}, r"val has no image of"),
        ({"cat": 9, "dog": 1}, r"class 'dog' has one image in all"),
    ],
)
def test_a_folder_that_cannot_be_studied_is_refused(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    folder = image_folder(tmp_path / "photos", counts)
    with pytest.raises(DataError, match=message):
        starter_grid(str(folder))
