import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray
from PIL import Image

from pipeline.data import prepare as prepare_module
from pipeline.data.handle import make_handle
from pipeline.data.prepare import BlockPixels, Prepared, decode_chunk, prepare
from pipeline.data.sources import scan
from pipeline.spec.data import ImageFolder
from pipeline.spec.errors import DataError

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
    table = ray.get(prepared.blocks[prepared.block_of_row[row]])
    return BlockPixels(table).image(int(prepared.place_in_block[row]))


def break_images(spec: ImageFolder, *names: str) -> None:
    for name in names:
        (Path(spec.path) / name).write_bytes(b"nothing an image starts with")


def expected_value(sample_id: str) -> int:
    return 100 * "ab".index(sample_id[0]) + int(sample_id[2:4])


@pytest.mark.ray
def test_every_row_leads_to_its_own_pixels(folder: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = scan(folder)
    prepared = prepare(folder, listing)
    assert prepared.bad == ()
    num_bytes = 0
    for row, sample_id in enumerate(listing.ids):
        pixels = pixels_of(prepared, row)
        assert (pixels == expected_value(sample_id)).all(), sample_id
        assert min(pixels.shape[:2]) == min(10, 9 + int(sample_id[2:4])), "short side at most 1.25 x 8"
        num_bytes += pixels.size
    assert prepared.num_bytes == num_bytes


@pytest.mark.ray
def test_bad_images_are_named(folder: ImageFolder) -> None:
    break_images(folder, "b/03.png", "a/01.png")
    with pytest.raises(DataError, match=r"(?s)2 of 24 images cannot be decoded:\n  a/01.png: .*\n  b/03.png: .*on_bad"):
        prepare(folder, scan(folder))


@pytest.mark.ray
def test_bad_images_are_left_out_and_counted_on_request(folder: ImageFolder) -> None:
    spec = folder.model_copy(update={"on_bad_image": "skip"})
    listing = scan(spec)
    victims = [listing.ids[listing.rows("train")[0]], listing.ids[listing.rows("val")[0]]]
    break_images(spec, *victims)
    listing = scan(spec)
    prepared = prepare(spec, listing)
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
def test_a_long_list_of_bad_images_is_cut_short(folder: ImageFolder) -> None:
    break_images(folder, *(f"a/{i:02d}.png" for i in range(NUM_PER_CLASS)))
    with pytest.raises(DataError, match=r"12 of 24 images .*(?s:.*)a/09.png.*\n  \.\.\. and 2 more\n"):
        prepare(folder, scan(folder))


def decoded_blocks(spec: ImageFolder, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> list[pa.Table]:
    monkeypatch.setattr(prepare_module, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(ray, "get", lambda value: value)
    chunks: Any = scan(spec).chunks
    batch = {"chunk": np.arange(len(chunks))}
    return list(prepare_module._prepare_block(batch, spec=spec, chunks_ref=chunks))


def test_blocks_close_when_they_are_full(folder: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decoded_blocks(folder, monkeypatch, 1 << 20)
    cut = decoded_blocks(folder, monkeypatch, 1500)
    assert len(whole) == 1
    assert len(cut) > 5
    assert pa.concat_tables(cut).equals(pa.concat_tables(whole))
    sizes = [sum(len(pixels.as_py()) for pixels in table.column("pixels")) for table in cut]
    assert min(sizes[:-1]) >= 1500 > max(sizes) - 3 * 10 * 20


def test_views_into_a_block_are_right_after_slicing(folder: ImageFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (table,) = decoded_blocks(folder, monkeypatch, 1 << 20)
    for view, first in ((table, 0), (table.slice(5), 5), (pa.concat_tables([table.slice(0, 3), table.slice(3)]), 0)):
        block = BlockPixels(view)
        for place in range(view.num_rows):
            row = table.slice(first + place, 1).to_pylist()[0]
            assert block.image(place).shape == (row["height"], row["width"], 3)
            assert block.image(place).tobytes() == row["pixels"]


def test_a_bad_image_becomes_a_row_with_its_reason(folder: ImageFolder) -> None:
    break_images(folder, "a/01.png")
    (chunk,) = scan(folder).chunks
    rows = list(decode_chunk(folder, chunk))
    assert [row["row"] for row in rows] == list(range(24))
    assert rows[1]["error"].startswith("UnidentifiedImageError: ")
    assert (rows[1]["height"], rows[1]["pixels"]) == (0, b"")
    assert all(row["error"] is None for row in rows if row["row"] != 1)
