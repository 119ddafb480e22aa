from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data.pseudo_table import PoolLabels, TableKey, read_table, write_table
from pipeline.spec.errors import RecordError

IDS = tuple(f"image-{i}" for i in range(20))
POOL = np.asarray([4, 9, 2, 17])
PROBS = np.asarray([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]], dtype=np.float32)
FOUND = PoolLabels(POOL, PROBS.argmax(1), PROBS.max(1), PROBS)
KEY = TableKey("0123456789abcdef-1", "f" * 32, ("a", "b", "c"), soft=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = KEY.path(tmp_path)
    write_table(path, KEY, FOUND, IDS)
    return path


def test_what_was_written_is_read_in_the_pools_order(path: Path) -> None:
    order = np.asarray([2, 0, 3, 1])
    read = read_table(path, KEY, POOL[order], IDS)
    for name in ("rows", "labels", "confidence", "probs"):
        np.testing.assert_array_equal(getattr(read, name), getattr(FOUND, name)[order])


def test_anybody_can_read_it(path: Path) -> None:
    rows = pq.read_table(path).to_pylist()
    assert [row["sample_id"] for row in rows] == ["image-4", "image-9", "image-2", "image-17"]
    assert [row["label"] for row in rows] == [2, 0, 1, 2]
    assert rows[0]["confidence"] == pytest.approx(0.7)
    assert {row["teacher"] for row in rows} == {KEY.teacher}
    assert rows[1]["probabilities"] == [0.5, 0.25, 0.25]


def test_hard_labels_lie_in_a_table_of_their_own(tmp_path: Path) -> None:
    hard = replace(KEY, soft=False)
    assert hard.path(tmp_path) != KEY.path(tmp_path)
    write_table(hard.path(tmp_path), hard, replace(FOUND, probs=None), IDS)
    assert read_table(hard.path(tmp_path), hard, POOL, IDS).probs is None


@pytest.mark.parametrize(
    ("key", "pool", "message"),
    [
        (replace(KEY, teacher="other-1"), POOL, "by 0123456789abcdef-1, but .* by other-1 was expected"),
        (replace(KEY, fingerprint="0" * 32), POOL, "fingerprint"),
        (replace(KEY, class_names=("a", "b")), POOL, "class_names"),
        (KEY, POOL[:3], r"1 of which are not in the pool of 3 \(e.g. 'image-17'\): no image that is judged"),
        (KEY, np.append(POOL, 5), "have 4 images, 0 of which are not in the pool of 5"),
    ],
)
def test_another_table_is_refused(path: Path, key: TableKey, pool: np.ndarray, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read_table(path, key, pool, IDS)


def test_a_damaged_or_strange_file_is_refused(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata(None), path)
    with pytest.raises(RecordError, match="cannot be read"):
        read_table(path, KEY, POOL, IDS)
    wrong = table.set_column(table.schema.get_field_index("label"), "label", pa.array([0, 1, 2, 3], pa.int32()))
    pq.write_table(wrong, path)
    with pytest.raises(RecordError, match=r"labels outside 0\.\.2"):
        read_table(path, KEY, POOL, IDS)
    path.write_bytes(b"nothing")
    with pytest.raises(RecordError, match="Delete it: the next run"):
        read_table(path, KEY, POOL, IDS)
