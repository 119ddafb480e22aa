"""Copies of images, compared with a loop over all pairs of files."""

import itertools
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.data.duplicates import find_copies
from pipeline.data.sources import scan
from pipeline.spec.data import AnyData, ImageFolder, Parquet

SPLITS = {"train": 8, "val": 4, "test": 4}


def split_folders(root: Path) -> Path:
    for number, (role, name) in enumerate(itertools.product(SPLITS, "ab")):
        (root / role / name).mkdir(parents=True)
        for i in range(SPLITS[role]):
            Image.new("RGB", (8, 8), (30 * number, 10 * i, 7)).save(root / role / name / f"{i}.png")
    return root


def copy(root: Path, source: str, target: str) -> None:
    (root / target).write_bytes((root / source).read_bytes())


def as_folder(root: Path) -> AnyData:
    return ImageFolder(path=str(root))


def as_parquet(root: Path) -> AnyData:
    """The same images, in one file for each split."""
    target = root.parent / "tables"
    target.mkdir()
    for role in SPLITS:
        paths = sorted((root / role).rglob("*.png"))
        rows = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
        table = pa.table({"image": rows, "label": [path.parent.name for path in paths]})
        pq.write_table(table, target / f"{role}.parquet", row_group_size=3)
    return Parquet(path=str(target))


def num_leaks(root: Path) -> int:
    """Files of val and test with the bytes of any file of train."""
    train = [path.read_bytes() for path in (root / "train").rglob("*.png")]
    judged = [path for role in ("val", "test") for path in (root / role).rglob("*.png")]
    return sum(any(path.read_bytes() == content for content in train) for path in judged)


@pytest.mark.parametrize("source", [as_folder, as_parquet])
def test_copies_in_judging_splits_are_counted(tmp_path: Path, source: object) -> None:
    root = split_folders(tmp_path / "photos")
    copy(root, "train/a/1.png", "val/a/2.png")
    copy(root, "train/a/1.png", "test/a/0.png")
    copy(root, "train/b/7.png", "train/b/6.png")  # inside training: no score is too good for it
    listing = scan(source(root))  # type: ignore[operator] - one of the functions above
    assert num_leaks(root) == 2
    (note,) = (note for note in listing.notes if "byte for byte" in note)
    assert note.startswith("2 of the images in val and test are byte for byte in train too, so scores on them are too")
    assert note.endswith(", and 1 more; remove one of each")


@pytest.mark.parametrize("source", [as_folder, as_parquet])
def test_one_image_in_two_classes_is_counted(tmp_path: Path, source: object) -> None:
    root = split_folders(tmp_path / "photos")
    copy(root, "train/a/1.png", "train/b/2.png")
    notes = scan(source(root)).notes  # type: ignore[operator] - one of the functions above
    (note,) = (note for note in notes if "byte for byte" in note)
    assert note.startswith("1 image is in more than one class, byte for byte: ")


@pytest.mark.parametrize("source", [as_folder, as_parquet])
def test_different_images_are_no_copies(tmp_path: Path, source: object) -> None:
    root = split_folders(tmp_path / "photos")
    assert num_leaks(root) == 0
    assert scan(source(root)).notes == ()  # type: ignore[operator] - one of the functions above


def test_the_example_names_both(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "photos")
    copy(root, "train/b/3.png", "test/b/1.png")
    (note,) = scan(as_folder(root)).notes
    assert "1 of the images in val and test is byte for byte in train too" in note
    assert "test/b/1.png is train/b/3.png; remove" in note


def test_empty_files_are_bad_images_and_no_copies(tmp_path: Path) -> None:
    root = split_folders(tmp_path / "photos")
    for name in ("train/a/0.png", "val/a/0.png", "val/b/0.png"):
        (root / name).write_bytes(b"")
    assert scan(as_folder(root)).notes == ()


def test_a_store_without_checksums_claims_nothing() -> None:
    """Equal size and time, as in this file system of memory, are not equal bytes."""
    memory = fsspec.filesystem("memory")
    for role, name, i in itertools.product(("train", "val"), "ab", range(3)):
        memory.pipe(f"/twins/{role}/{name}/{i}.jpg", b"0123")
    try:
        assert scan(ImageFolder(path="memory://twins")).notes == ()
    finally:
        memory.rm("/twins", recursive=True)


def test_copies_are_found_wherever_they_lie() -> None:
    assert [copies.rows for copies in find_copies(["x", "y", None, "x", None, "z", "y", "x"])] == [(0, 3, 7), (1, 6)]
