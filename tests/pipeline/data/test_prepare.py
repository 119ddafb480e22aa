import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import prepare as prepare_module
from pipeline.data.handle import make_handle
from pipeline.data.prepare import decode_to_file, prepare, prepared_key
from pipeline.data.prepared import INDEX_NAME, PixelReader, Prepared, load_index
from pipeline.data.sources import scan
from pipeline.spec.data import ImageFolder
from pipeline.spec.errors import DataError, ResourceError
from tests.pipeline.conftest import prepared_here

NUM_PER_CLASS = 12


def png(value: int, height: int = 10, width: int = 12) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), value, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    """Two classes of one-coloured images; image i of class c has the value 100 c + i and its own size."""
    for c, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        for i in range(NUM_PER_CLASS):
            (tmp_path / name / f"{i:02d}.png").write_bytes(png(100 * c + i, height=9 + i, width=12))
    return ImageFolder(path=str(tmp_path), image_size_px=8)


def pixels_of(prepared: Prepared, row: int) -> np.ndarray:
    return PixelReader(prepared).images(np.asarray([row]))[0]


def break_images(spec: ImageFolder, *names: str) -> None:
    for name in names:
        (Path(spec.path) / name).write_bytes(b"nothing an image starts with")


def expected_value(sample_id: str) -> int:
    return 100 * "ab".index(sample_id[0]) + int(sample_id[2:4])


@pytest.mark.ray
def test_every_row_leads_to_its_own_pixels(folder: ImageFolder, tmp_path: Path) -> None:
    listing = scan(folder)
    prepared = prepare(folder, listing, tmp_path / "cache")
    assert prepared.bad == ()
    num_bytes = 0
    for row, sample_id in enumerate(listing.ids):
        pixels = pixels_of(prepared, row)
        assert (pixels == expected_value(sample_id)).all(), sample_id
        short = min(12, 9 + int(sample_id[2:4]))
        assert min(pixels.shape[:2]) == short, "up to 1.3 x 1.25 x 8 pixels a copy keeps its size"
        num_bytes += pixels.size
    assert prepared.num_bytes == num_bytes


@pytest.mark.ray
def test_the_next_invocation_decodes_nothing(
    folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = scan(folder)
    first = prepare(folder, listing, tmp_path / "cache")
    monkeypatch.setattr(prepare_module, "_make", lambda *_: pytest.fail("made again"))
    again = prepare(folder, listing, tmp_path / "cache")
    for row in range(len(listing.ids)):
        np.testing.assert_array_equal(pixels_of(again, row), pixels_of(first, row))
    larger = folder.model_copy(update={"image_size_px": 16})
    assert prepared_key(larger, listing) != prepared_key(folder, listing)
    (Path(folder.path) / "a" / "00.png").write_bytes(png(77))
    assert prepared_key(folder, scan(folder)) != prepared_key(folder, listing), "other bytes are other images"


@pytest.mark.ray
def test_what_a_killed_process_left_is_made_again(folder: ImageFolder, tmp_path: Path) -> None:
    listing = scan(folder)
    part = tmp_path / "cache" / "prepared" / f"{prepared_key(folder, listing)}.part"
    part.mkdir(parents=True)
    (part / "00000.rgb").write_bytes(b"half an image")
    prepared = prepare(folder, listing, tmp_path / "cache")
    assert (pixels_of(prepared, 0) == expected_value(listing.ids[0])).all()
    assert not part.exists()


@pytest.mark.ray
@pytest.mark.parametrize("damage", ["lost", "cut off"])
def test_pixels_that_a_power_cut_took_are_made_again(folder: ImageFolder, tmp_path: Path, damage: str) -> None:
    listing = scan(folder)
    first = prepare(folder, listing, tmp_path / "cache")
    file = first.folder / "00000.rgb"
    file.unlink() if damage == "lost" else os.truncate(file, file.stat().st_size - 1)
    again = prepare(folder, listing, tmp_path / "cache")
    last = int(np.argmax(again.offset))
    assert (pixels_of(again, last) == expected_value(listing.ids[last])).all()


def test_two_studies_make_them_once(folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    both_asked = threading.Barrier(2)

    def make(spec: ImageFolder, listing: object, target: Path) -> None:
        made.append(target)
        target.mkdir()
        prepared_here(spec, scan(spec), target)

    def ask() -> None:
        both_asked.wait()
        prepare(folder, listing, tmp_path / "cache")

    listing = scan(folder)
    monkeypatch.setattr(prepare_module, "_make", make)
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_cache_that_cannot_be_written(folder: ImageFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError, match=r"prepared images cannot be written to .*: (Not a directory|File exists)"):
        prepare(folder, scan(folder), tmp_path / "file")


@pytest.mark.ray
def test_a_full_disk_is_a_message(folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # /dev/full refuses every write with "no space left", as a full disk does; the name reaches the tasks by the folder.
    listing = scan(folder)
    part = tmp_path / "cache" / "prepared" / f"{prepared_key(folder, listing)}.part"
    real = Path.mkdir

    def mkdir(self: Path, *args: object, **options: object) -> None:
        real(self, *args, **options)  # type: ignore[arg-type] - passed on as they came
        if self == part:
            for number in range(9):
                (self / f"{number:05d}.rgb").symlink_to("/dev/full")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(ResourceError, match=r"cannot be written .*: No space left on device\. Free some disk"):
        prepare(folder, listing, tmp_path / "cache")
    assert not part.exists(), "what was written is given back"


def test_a_node_without_the_cache_says_so(folder: ImageFolder, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    prepared = prepared_here(folder, scan(folder), tmp_path / "there")
    (tmp_path / "there").rename(tmp_path / "elsewhere")
    with pytest.raises(ResourceError, match=r"there/00000.rgb cannot be read here .* put the home on shared storage"):
        pixels_of(prepared, 0)
    assert (pixels_of(load_index(tmp_path / "elsewhere"), 0) == 0).all(), "an index moves with its folder"


@pytest.mark.ray
def test_bad_images_are_named(folder: ImageFolder, tmp_path: Path) -> None:
    break_images(folder, "b/03.png", "a/01.png")
    match = r"(?s)2 of 24 images cannot be decoded:\n  a/01.png: .*\n  b/03.png: .*on_bad"
    for _ in range(2):  # from the cache, too
        with pytest.raises(DataError, match=match):
            prepare(folder, scan(folder), tmp_path / "cache")


@pytest.mark.ray
def test_bad_images_are_left_out_and_counted_on_request(folder: ImageFolder, tmp_path: Path) -> None:
    spec = folder.model_copy(update={"on_bad_image": "skip"})
    listing = scan(spec)
    victims = [listing.ids[listing.rows("train")[0]], listing.ids[listing.rows("val")[0]]]
    break_images(spec, *victims)
    listing = scan(spec)
    prepared = prepare(spec, listing, tmp_path / "cache")
    handle = make_handle(listing, prepared)
    assert [image.sample_id for image in prepared.bad] == sorted(victims)
    assert handle.num_skipped == 2
    rows = np.concatenate([handle.train.rows, handle.evals["val"].rows, handle.evals["test"].rows])
    assert sorted(listing.ids[row] for row in rows) == sorted(set(listing.ids) - set(victims))
    for row in rows.tolist():
        assert (pixels_of(prepared, row) == expected_value(listing.ids[row])).all(), "the others keep their place"
    np.testing.assert_array_equal(handle.train.labels, listing.labels[handle.train.rows])
    np.testing.assert_array_equal(handle.train.keys, listing.keys()[handle.train.rows])


@pytest.mark.ray
def test_a_long_list_of_bad_images_is_cut_short(folder: ImageFolder, tmp_path: Path) -> None:
    break_images(folder, *(f"a/{i:02d}.png" for i in range(NUM_PER_CLASS)))
    with pytest.raises(DataError, match=r"12 of 24 images .*(?s:.*)a/09.png.*\n  \.\.\. and 2 more\n"):
        prepare(folder, scan(folder), tmp_path / "cache")


def test_a_bad_image_becomes_a_row_with_its_reason(folder: ImageFolder, tmp_path: Path) -> None:
    break_images(folder, "a/01.png")
    (chunk,) = scan(folder).chunks
    rows = decode_to_file(folder, [chunk], tmp_path, 3).to_pylist()
    assert [row["row"] for row in rows] == list(range(24))
    assert rows[1]["error"].startswith("UnidentifiedImageError: ")
    assert (rows[1]["file"], rows[1]["height"]) == (-1, 0)
    assert all(row["error"] is None and row["file"] == 3 for row in rows if row["row"] != 1)


def test_an_index_is_written_last(folder: ImageFolder, tmp_path: Path) -> None:
    prepared = prepared_here(folder, scan(folder), tmp_path)
    again = load_index(tmp_path)
    for name in ("file_of_row", "offset", "height", "width"):
        np.testing.assert_array_equal(getattr(again, name), getattr(prepared, name))
    newest = max(tmp_path.glob("*.*"), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == INDEX_NAME


def test_skipping_must_leave_every_class(folder: ImageFolder, tmp_path: Path) -> None:
    break_images(folder, *(f"a/{i:02d}.png" for i in range(NUM_PER_CLASS)))
    listing = scan(folder)
    (tmp_path / "made").mkdir()
    prepared = prepared_here(folder, listing, tmp_path / "made")
    with pytest.raises(DataError, match=r"without the 12 images that cannot be decoded: train has no image of class"):
        make_handle(listing, prepared)


def test_no_bytes_are_said_so(folder: ImageFolder, tmp_path: Path) -> None:
    (Path(folder.path) / "a" / "01.png").write_bytes(b"")
    (chunk,) = scan(folder).chunks
    assert decode_to_file(folder, [chunk], tmp_path, 0).to_pylist()[1]["error"] == "ValueError: no image bytes"
