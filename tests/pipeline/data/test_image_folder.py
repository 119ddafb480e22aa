from pathlib import Path

import fsspec
import numpy as np
import pytest

from pipeline.data.image_folder import read_image_folder, scan_image_folder
from pipeline.data.sources import scan
from pipeline.spec.data import ImageFolder
from pipeline.spec.errors import DataError


def fill(root: Path, *files: str) -> ImageFolder:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(f"bytes of {name}".encode())
    return ImageFolder(path=str(root))


def images(*folders: str, count: int = 10) -> list[str]:
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(count)]


def test_split_folders_decide_the_splits(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("train/a", "train/b", "Validation/a", "Validation/b", "test/a")))
    assert listing.class_names == ("a", "b")
    for sample_id, label, role in zip(listing.ids, listing.labels.tolist(), listing.roles.tolist(), strict=True):
        folder, name, _ = sample_id.split("/")
        assert (role, label) == ({"train": "train", "Validation": "val", "test": "test"}[folder], "ab".index(name))
    assert listing.notes == ()


def test_without_split_folders_the_splits_are_cut(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("dog", "cat", count=20)))
    assert listing.class_names == ("cat", "dog")
    assert [len(listing.rows(role)) for role in ("train", "val", "test")] == [28, 6, 6]
    assert listing.notes == ("no split folders: val (15%) and test (15%) are cut per class by sample id",)


def test_a_missing_val_is_cut_from_train_and_test_is_kept(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("train/a", "train/b", "test/a", "test/b", count=20)))
    assert [len(listing.rows(role)) for role in ("train", "val", "test")] == [34, 6, 40]
    assert all(listing.ids[i].startswith("test/") == (listing.roles[i] == "test") for i in range(80))
    assert listing.notes == ("no val split: 15% of train is cut per class by sample id",)


def test_chunks_read_every_file_once(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("a", "b", count=140)))
    got = {row: data.decode() for chunk in listing.chunks for row, data in read_image_folder(chunk)}
    assert len(listing.chunks) == 3
    assert got == {row: f"bytes of {name}" for row, name in enumerate(listing.ids)}


def test_files_that_are_no_images_are_counted(tmp_path: Path) -> None:
    spec = fill(tmp_path, *images("a", "b"), "README.md", "a/notes.txt", "stray.jpg", ".cache/a/1.jpg", "b/.hidden.jpg")
    listing = scan_image_folder(spec)
    assert len(listing.ids) == 20
    assert listing.notes[0] == "5 files are no images in a class folder and were ignored"


def test_images_in_deeper_folders_belong_to_the_class_on_top(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("a/2024/june", "b"), "b/LOUD.JPEG"))
    assert listing.class_names == ("a", "b")
    assert listing.labels.tolist().count(0) == 10
    assert "b/LOUD.JPEG" in listing.ids


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    assert scan_image_folder(fill(tmp_path, *images("test", "control"))).class_names == ("control", "test")


def test_names_may_be_of_any_script(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("Äpfel", "梨 (pear)", "žluť")))
    assert listing.class_names == ("Äpfel", "žluť", "梨 (pear)")
    assert next(read_image_folder(listing.chunks[0]))[1].decode() == "bytes of Äpfel/0.jpg"


def test_the_fingerprint_is_the_contents_not_the_place(tmp_path: Path) -> None:
    here = fill(tmp_path / "here", *images("a", "b"))
    there = fill(tmp_path / "there", *images("a", "b"))
    before = scan_image_folder(here).fingerprint
    assert scan_image_folder(there).fingerprint == before
    (tmp_path / "there/a/3.jpg").write_bytes(b"bytes of a/3.jpG")  # as long as before
    assert scan_image_folder(there).fingerprint != before


def test_a_trailing_slash_changes_nothing(tmp_path: Path) -> None:
    spec = fill(tmp_path, *images("a", "b"))
    assert scan_image_folder(ImageFolder(path=f"{tmp_path}/")).ids == scan_image_folder(spec).ids


def test_any_file_system_of_fsspec() -> None:
    memory = fsspec.filesystem("memory")
    for name in images("a", "b"):
        memory.pipe(f"/photos/{name}", name.encode())
    try:
        listing = scan_image_folder(ImageFolder(path="memory://photos"))
        assert listing.ids == tuple(images("a", "b"))
        assert [data.decode() for _, data in read_image_folder(listing.chunks[0])] == list(listing.ids)
    finally:
        memory.rm("/photos", recursive=True)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no image below .* lies in a class folder"),
        (["1.jpg", "2.jpg"], "no image below"),
        (images("only"), r"found 1 class \(only\)"),
        ([*images("train/a", "train/b", "val/a")], "val has no image of class 'b'"),
        ([*images("train/a", "val/a", "val/b")], "train has no image of class 'b'"),
        ([*images("train/a", "train/b", "c")], "mixes split folders .* e.g. 'c/0.jpg'"),
        ([*images("val/a", "val/b", "test/a", "test/b")], "train has no image of class 'a', 'b'"),
        (images("a", "b", count=2), "val has no image of class 'a', 'b'.* raise val_frac"),
        (["a/1.jpg", *images("b")], "class 'a' has one image in all, but train and val need one each"),
        ([*images("train/a", "train/b", "val/a"), "val/c/1.jpg"], "class 'c' has one image in all"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        scan(fill(tmp_path, *files))


@pytest.mark.parametrize("name", ["missing", "file.txt"])
def test_a_path_that_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DataError, match=rf"{name}' is not a folder"):
        scan_image_folder(ImageFolder(path=str(tmp_path / name)))


def test_splits_are_disjoint_and_complete(tmp_path: Path) -> None:
    listing = scan_image_folder(fill(tmp_path, *images("a", "b", "c", count=33)))
    together = np.concatenate([listing.rows(role) for role in ("train", "val", "test")])
    np.testing.assert_array_equal(np.sort(together), np.arange(99))
