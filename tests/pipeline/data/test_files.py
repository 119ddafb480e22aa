"""Folders as they are found on real disks: links, loops, pipes, and names in any bytes."""

import hashlib
import os
from pathlib import Path

import pytest
from PIL import Image

from pipeline.data.image_folder import read_image_folder
from pipeline.data.sources import scan
from pipeline.spec.data import ImageFolder, Parquet
from pipeline.spec.errors import DataError

NUM_PER_CLASS = 10


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of ten different images."""
    for label, name in enumerate("ab"):
        fill(tmp_path / "photos" / name, label)
    return tmp_path / "photos"


def fill(folder: Path, label: int) -> None:
    folder.mkdir(parents=True)
    for i in range(NUM_PER_CLASS):
        Image.new("RGB", (8, 8), (40 * label, 10 * i, 7)).save(folder / f"{i}.png")


def spec_of(root: Path, on_bad_image: str = "fail") -> ImageFolder:
    return ImageFolder.model_validate({"path": str(root), "on_bad_image": on_bad_image})


def test_a_linked_class_folder_is_a_class(photos: Path) -> None:
    fill(photos.parent / "elsewhere", 2)
    (photos / "c").symlink_to(photos.parent / "elsewhere")
    listing = scan(spec_of(photos))
    assert listing.class_names == ("a", "b", "c")
    assert [name for name in listing.ids if name.startswith("c/")] == [f"c/{i}.png" for i in range(NUM_PER_CLASS)]
    got = {row: data for chunk in listing.chunks for row, data in read_image_folder(chunk)}
    row = listing.ids.index("c/3.png")
    assert got[row] == (photos.parent / "elsewhere" / "3.png").read_bytes()


def test_linked_split_folders_are_splits(photos: Path) -> None:
    for role in ("train", "val"):
        (photos.parent / "sets" / role).mkdir(parents=True)
        for label, name in enumerate("ab"):
            fill(photos.parent / f"{role}-{name}", label)
            (photos.parent / "sets" / role / name).symlink_to(photos.parent / f"{role}-{name}")
    listing = scan(spec_of(photos.parent / "sets"))
    assert [len(listing.rows(role)) for role in ("train", "val", "test")] == [20, 20, 0]


@pytest.mark.parametrize("target", [".", "..", "../..", "../a"])
def test_a_link_to_what_is_listed_is_named_and_not_followed(photos: Path, target: str) -> None:
    before = scan(spec_of(photos))
    (photos / "a" / "again").symlink_to(target)
    after = scan(spec_of(photos))
    inside = [name for name in after.ids if name.count("/") < 2]
    assert tuple(inside) == before.ids, "what was there is there once"
    if target == "../..":  # above the folder: it is followed, and stops where the listing began
        assert after.ids == before.ids, "no other image is up there"
    else:
        assert after.notes[0] == ("1 links lead to folders that are listed already, and were not followed: a/again"), (
            target
        )
        assert after.fingerprint == before.fingerprint


def test_a_folders_own_place_wins_over_a_link_to_it(photos: Path) -> None:
    (photos / "0-first-by-name").symlink_to(photos / "b")
    listing = scan(spec_of(photos))
    assert listing.class_names == ("a", "b")
    assert listing.notes[0].endswith("not followed: 0-first-by-name")


def test_links_in_a_circle_end(photos: Path) -> None:
    for here, there in (("x", "y"), ("y", "x")):
        fill(photos.parent / here, 3)
        (photos.parent / here / "next").symlink_to(photos.parent / there)
    (photos / "c").symlink_to(photos.parent / "x")
    listing = scan(spec_of(photos))
    assert sum(name.startswith("c/") for name in listing.ids) == 2 * NUM_PER_CLASS, "x and y, once each"
    assert listing.notes[0].endswith("not followed: c/next/next")


def test_a_linked_image_is_an_image(photos: Path) -> None:
    before = scan(spec_of(photos))
    (photos / "a" / "3.png").rename(photos.parent / "kept.png")
    (photos / "a" / "3.png").symlink_to(photos.parent / "kept.png")
    assert scan(spec_of(photos)).fingerprint == before.fingerprint


def dangling(folder: Path) -> None:
    (folder / "x.png").symlink_to("/nowhere/at/all.png")


def onto_itself(folder: Path) -> None:
    (folder / "x.png").symlink_to("x.png")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "x.png")


UNREADABLE = [
    (dangling, r"No such file or directory \(a link\)"),
    (onto_itself, r"Too many levels of symbolic links \(a link\)"),
    (pipe, "not a regular file"),
]


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_what_cannot_be_opened_is_named_before_anything_runs(photos: Path, make: object, reason: str) -> None:
    make(photos / "b")  # type: ignore[operator] - one of the functions above
    with pytest.raises(DataError, match=rf"data.path: 1 of 21 image files cannot be read:\n  b/x.png: {reason}\nMend"):
        scan(spec_of(photos))


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_or_left_out_and_counted(photos: Path, make: object, reason: str) -> None:
    before = scan(spec_of(photos))
    make(photos / "b")  # type: ignore[operator] - one of the functions above
    after = scan(spec_of(photos, "skip"))
    assert (after.ids, after.roles.tolist()) == (before.ids, before.roles.tolist())
    assert after.notes[0].startswith("1 of 21 image files cannot be read and are left out (data.on_bad_image: skip): ")
    assert "b/x.png: " in after.notes[0]


def test_the_unlabelled_folder_obeys_the_same_policy(photos: Path) -> None:
    fill(photos.parent / "more", 5)
    dangling(photos.parent / "more")
    spec = spec_of(photos).model_copy(update={"unlabeled": str(photos.parent / "more")})
    with pytest.raises(DataError, match=r"data.unlabeled: 1 of 11 image files cannot be read:\n  x.png: No such file"):
        scan(spec)
    listing = scan(spec.model_copy(update={"on_bad_image": "skip"}))
    assert len(listing.rows("pool")) == NUM_PER_CLASS


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"two words.png", "two words.png"),
        ("梨 \N{PEAR}\N{ZERO WIDTH JOINER}.png".encode(), "梨 \N{PEAR}\N{ZERO WIDTH JOINER}.png"),
        (b"new\nline.png", r"new\nline.png"),
        (b"tab\t\x1b[31mred.png", r"tab\t\x1b[31mred.png"),
        (b"caf\xe9.png", r"caf\xe9.png"),
        (b"'quoted' \"twice\" <b>.png", "'quoted' \"twice\" <b>.png"),
    ],
)
def test_a_name_may_hold_any_bytes(photos: Path, name: bytes, shown: str) -> None:
    content = b"the bytes of a strange name"
    with open(os.path.join(os.fsencode(photos / "a"), name), "wb") as file:
        file.write(content)
    listing = scan(spec_of(photos))
    row = listing.ids.index(f"a/{shown}")
    got = {row: data for chunk in listing.chunks for row, data in read_image_folder(chunk)}
    assert got[row] == content
    assert listing.content[row] == hashlib.blake2b(content, digest_size=16).hexdigest()
    assert len(listing.fingerprint) == 32
    assert len(set(listing.keys().tolist())) == len(listing.ids)


def test_a_class_of_any_bytes(photos: Path) -> None:
    fill(photos.parent / "made", 2)
    os.rename(os.fsencode(photos.parent / "made"), os.fsencode(photos) + b"/\xff\x1b[2J")
    listing = scan(spec_of(photos))
    assert listing.class_names == (r"\xff\x1b[2J", "a", "b")


def test_parquet_files_may_be_linked(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "kept").mkdir()
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"image": [b"x"] * 20, "label": [0, 1] * 10}), tmp_path / "kept" / "all.parquet")
    (tmp_path / "data" / "more").symlink_to(tmp_path / "kept")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data")
    listing = scan(Parquet(path=str(tmp_path / "data")))
    assert listing.ids[0] == "more/all.parquet#0.0"
    assert len(listing.ids) == 20
    assert listing.notes[0].endswith("not followed: loop")
