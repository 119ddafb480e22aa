import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data import parquet
from pipeline.data.parquet import read_parquet, scan_parquet
from pipeline.data.prepare import decode_to_file
from pipeline.data.sources import scan
from pipeline.spec.data import Parquet
from pipeline.spec.errors import DataError

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write(
    path: Path, labels: list[Any], names: list[str] | None = None, column: str = "label", rows_per_group: int = 1000
) -> None:
    """As Hugging Face writes it: a struct of bytes and path, class names in the schema's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [{"bytes": f"{path.name}:{i}".encode(), "path": f"{i}.jpg"} for i in range(len(labels))]
    table = pa.table({"image": pa.array(values, IMAGE), column: pa.array(labels)})
    if names:
        features = {"image": {"_type": "Image"}, column: {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=rows_per_group)


def read_all(listing: Any) -> dict[int, str]:
    return {row: bytes(data).decode() for chunk in listing.chunks for row, data in read_parquet(chunk)}


def test_names_come_from_the_metadata_and_splits_from_the_file_names(tmp_path: Path) -> None:
    names = ["rabbit", "ape"]
    write(tmp_path / "data/train-00000-of-00002.parquet", [0, 1] * 5, names)
    write(tmp_path / "data/train-00001-of-00002.parquet", [1, 0] * 5, names)
    write(tmp_path / "data/validation-00000-of-00001.parquet", [1, 0], names)
    write(tmp_path / "data/test-00000-of-00001.parquet", [1, 1, 0], names)
    listing = scan_parquet(Parquet(path=str(tmp_path)))
    assert listing.class_names == ("rabbit", "ape"), "as numbered in the file, not sorted"
    assert [len(listing.rows(role)) for role in ("train", "val", "test")] == [20, 2, 3]
    assert listing.notes == ()
    for row, text in read_all(listing).items():
        file, number = text.split(":")
        assert listing.ids[row] == f"data/{file}#0.{number}"
        truth = pq.read_table(tmp_path / "data" / file).column("label")[int(number)].as_py()
        assert listing.labels[row] == truth


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train.parquet", "train"),
        ("Train_1.parquet", "train"),
        ("valid.parquet", "val"),
        ("val/0000.parquet", "val"),
        ("data/test-1.parquet", "test"),
        ("trainset.parquet", None),
        ("0000.parquet", None),
    ],
)
def test_the_split_a_file_name_stands_for(name: str, role: str | None) -> None:
    assert parquet._role_of(name) == role


def test_row_groups_and_chunks_keep_rows_and_labels_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_PER_CHUNK", 7)
    labels = np.random.default_rng(0).integers(0, 3, 101).tolist()
    write(tmp_path / "all.parquet", labels, rows_per_group=20)
    listing = scan_parquet(Parquet(path=str(tmp_path / "all.parquet")))
    assert listing.labels.tolist() == labels
    assert read_all(listing) == {i: f"all.parquet:{i}" for i in range(101)}
    assert listing.ids[0] == "all.parquet#0.0"
    assert listing.ids[45] == "all.parquet#2.5"
    assert len(listing.notes) == 1, "val and test were cut"


def test_string_labels_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", ["pear", "apple", "fig"] * 10, column="fruit")
    listing = scan_parquet(Parquet(path=str(tmp_path), label_column="fruit"))
    assert listing.class_names == ("apple", "fig", "pear")
    assert listing.labels[:3].tolist() == [2, 0, 1]


def test_plain_bytes_are_an_image_too(tmp_path: Path) -> None:
    table = pa.table({"photo": [f"{i}".encode() for i in range(20)], "label": [0, 1] * 10})
    pq.write_table(table, tmp_path / "x.parquet")
    listing = scan_parquet(Parquet(path=str(tmp_path), image_column="photo"))
    assert read_all(listing) == {i: str(i) for i in range(20)}


def test_the_fingerprint_is_the_contents_not_the_place(tmp_path: Path) -> None:
    for folder in "ab":
        write(tmp_path / folder / "x.parquet", [0, 1] * 10)
    first, second = (scan_parquet(Parquet(path=str(tmp_path / folder))) for folder in "ab")
    assert first.fingerprint == second.fingerprint
    write(tmp_path / "b/x.parquet", [0, 1] * 9 + [1, 0])
    assert scan_parquet(Parquet(path=str(tmp_path / "b"))).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1, 2] * 5, ["a", "b"], "labels run from 0 to 2, but there are 2 class names"),
        ([-2, 1] * 5, None, "labels run from -2 to 1"),
        (["a", "c"] * 5, ["a", "b"], r"labels \['c'\] are not among the class names"),
        ([0, None] * 5, None, r"5 of the 10 rows of x.parquet have no label .*leave the rows out"),
        ([0, -1] * 5, None, r"5 of the 10 rows of x.parquet have no label .*leave the rows out"),
        ([0.5, 1.0] * 5, None, r"expected integers or strings, found \['float'\]"),
        ([0] * 10, None, "found 1 class"),
        ([0, 2] * 5, None, "no image of class '1'"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, labels: list[Any], names: list[str] | None, message: str) -> None:
    write(tmp_path / "x.parquet", labels, names)
    with pytest.raises(DataError, match=message):
        scan(Parquet(path=str(tmp_path)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label_column": "y"}, "data.label_column: x.parquet has no column 'y'; its columns are image, label"),
        ({"image_column": "img"}, "data.image_column: x.parquet has no column 'img'"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, fields: dict[str, str], message: str) -> None:
    write(tmp_path / "x.parquet", [0, 1])
    with pytest.raises(DataError, match=message):
        scan_parquet(Parquet.model_validate({"path": str(tmp_path)} | fields))


def test_missing_files_and_half_named_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        scan_parquet(Parquet(path=str(tmp_path / "none")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.parquet file below"):
        scan_parquet(Parquet(path=str(tmp_path / "empty")))
    write(tmp_path / "half/train.parquet", [0, 1])
    write(tmp_path / "half/other.parquet", [0, 1])
    with pytest.raises(DataError, match=r"some files of .* name a split"):
        scan_parquet(Parquet(path=str(tmp_path / "half")))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 1] * 10)
    (tmp_path / "validation.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"data.path: validation.parquet cannot be read as Parquet \(.*restore it"):
        scan_parquet(Parquet(path=str(tmp_path)))


def test_damaged_pages_are_an_error_of_the_data(tmp_path: Path) -> None:
    file = tmp_path / "train.parquet"
    write(file, [0, 1] * 200)
    spec = Parquet(path=str(file))
    listing = scan_parquet(spec)
    content = bytearray(file.read_bytes())
    content[4:400] = b"\xff" * 396  # the first column's pages; the footer is at the end
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"(?s)data.path: images of train.parquet that .* cannot be read .*restore"):
        decode_to_file(spec, listing.chunks, tmp_path, 0)


def test_labels_far_apart_without_names_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [0, 10**9] * 10)
    with pytest.raises(DataError, match=r"2 different labels between 0 and 1000000000.*is 'label' the right column"):
        scan_parquet(Parquet(path=str(tmp_path / "train.parquet")))


def test_a_damaged_footer_is_an_error_of_the_data_or_no_harm(tmp_path: Path) -> None:
    """Every twentieth byte of the footer inverted in turn, and the file cut short at forty places."""
    file = tmp_path / "train.parquet"
    write(file, [0, 1] * 20)
    content = file.read_bytes()
    footer_from = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    damaged = [
        content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :] for at in range(footer_from, len(content), 20)
    ]
    damaged += [content[: len(content) * part // 40] for part in range(40)]
    refused = 0
    for bad in damaged:
        file.write_bytes(bad)
        try:
            spec = Parquet(path=str(file))
            list(decode_to_file(spec, scan(spec).chunks, tmp_path, 0).to_pylist())
        except DataError as error:
            assert str(error).startswith("data."), error
            refused += 1
    assert refused > 60, "most of a footer is needed"
