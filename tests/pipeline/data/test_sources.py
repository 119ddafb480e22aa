"""What holds for every source alike."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

from pipeline.data.handle import make_handle
from pipeline.data.prepared import PixelReader
from pipeline.data.sources import scan
from pipeline.spec.data import AnyData, Digits, ImageFolder, Parquet
from pipeline.spec.errors import DataError
from tests.pipeline.conftest import prepared_here
from tests.pipeline.stages import digits_stage

NAMES = ("ant", "bee", "cow")


def folder_of(root: Path) -> ImageFolder:
    """Three classes of twelve images; an image's colour says which it is."""
    for label, name in enumerate(NAMES):
        (root / name).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (8, 8), (40 * label, 10 * i, 7)).save(root / name / f"{i}.png")
    return ImageFolder(path=str(root), prepared_px=8)


def parquet_of(root: Path) -> Parquet:
    """The same, in one file."""
    folder = folder_of(root / "photos")
    paths = sorted(Path(folder.path).rglob("*.png"))
    rows = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = pa.table({"image": rows, "label": [path.parent.name for path in paths]})
    (root / "tables").mkdir()
    pq.write_table(table, root / "tables/all.parquet", row_group_size=10)
    return Parquet(path=str(root / "tables"), prepared_px=8)


@pytest.fixture(params=["image_folder", "parquet", "digits"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> AnyData:
    makers = {"image_folder": folder_of, "parquet": parquet_of, "digits": lambda _: Digits()}
    return makers[request.param](tmp_path)


def pixels_by_id(spec: AnyData, folder: Path) -> dict[str, tuple[str, str, bytes]]:
    """Sample id -> class name, split and prepared pixels."""
    listing = scan(spec)
    folder.mkdir()
    handle = make_handle(listing, prepared_here(spec, listing, folder))
    reader = PixelReader(handle.prepared)
    splits = {"train": handle.train, **handle.evals}
    return {
        handle.ids[row]: (handle.class_names[label], role, reader.images(np.asarray([row]))[0].tobytes())
        for role, split in splits.items()
        for row, label in zip(split.rows.tolist(), split.labels.tolist(), strict=True)
    }


def test_some_classes_are_the_same_samples_in_the_same_splits(source: AnyData, tmp_path: Path) -> None:
    names = scan(source).class_names
    chosen = (names[2], names[0])
    everything = pixels_by_id(source, tmp_path / "all")
    some = pixels_by_id(source.model_copy(update={"classes": chosen}), tmp_path / "some")
    assert some == {sample_id: what for sample_id, what in everything.items() if what[0] in chosen}
    assert {name for name, _, _ in some.values()} == set(chosen)


def test_the_fingerprint_sees_the_classes_and_not_their_order(source: AnyData) -> None:
    def fingerprint(*names: str) -> str:
        return scan(source.model_copy(update={"classes": names or None})).fingerprint

    first, second, third = scan(source).class_names[:3]
    assert fingerprint(first, second) == fingerprint(second, first)
    assert len({fingerprint(), fingerprint(first, second), fingerprint(first, third)}) == 3


def test_an_unknown_class_is_named(source: AnyData) -> None:
    with pytest.raises(DataError, match=r"data.classes names 'none of them', but there is no such class"):
        scan(source.model_copy(update={"classes": (scan(source).class_names[0], "none of them")}))


def test_a_class_that_cannot_be_used_may_be_left_out(tmp_path: Path) -> None:
    spec = folder_of(tmp_path)
    for i in range(1, 12):
        (tmp_path / "cow" / f"{i}.png").unlink()
    with pytest.raises(DataError, match=r"class 'cow' has one image in all, .* data.classes"):
        scan(spec)
    assert scan(spec.model_copy(update={"classes": ("ant", "bee")})).class_names == ("ant", "bee")


def test_a_stage_is_known_by_its_samples_not_by_how_they_were_chosen() -> None:
    some, other = (digits_stage(data={"kind": "digits", "classes": names}) for names in (["0", "1"], ["1", "0"]))
    assert some.identity("f", {}) == other.identity("f", {}) == digits_stage().identity("f", {})


@pytest.mark.parametrize("names", [(), ("a",), ("a", "a")])
def test_fewer_than_two_classes_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="at least two different names"):
        Digits(classes=names)
