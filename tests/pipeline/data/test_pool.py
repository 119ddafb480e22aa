import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.listing import NO_LABEL
from pipeline.data.pool import count_roles, hide_labels
from pipeline.data.prepared import PixelReader
from pipeline.data.sources import scan
from pipeline.spec.data import AnyData, Digits, ImageFolder
from pipeline.spec.errors import DataError
from tests.pipeline.conftest import prepared_here


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    number = 0
    for role, each in (("train", 10), ("val", 3), ("test", 2)):
        for name in ("cat", "dog"):
            for i in range(each):
                picture(tmp_path / "photos" / role / name / f"{i}.png", number := number + 1)
    return tmp_path / "photos"


def folder_spec(path: Path, **changes: object) -> ImageFolder:
    return ImageFolder.model_validate({"path": str(path), "image_size_px": 8, "prepared_px": 8} | changes)


def handle_of(spec: AnyData, folder: Path) -> DataHandle:
    folder.mkdir()
    listing = scan(spec)
    return make_handle(listing, prepared_here(spec, listing, folder))


def kept_ids(labeled_frac: float) -> set[str]:
    listing = scan(Digits(labeled_frac=labeled_frac))
    return {listing.ids[row] for row in listing.rows("train")}


def test_shares_lie_inside_each_other_and_leave_every_class_one_image() -> None:
    shares = [kept_ids(frac) for frac in (1e-9, 0.05, 0.1, 0.5, 1.0)]
    for smaller, larger in pairwise(shares):
        assert smaller < larger
    smallest = scan(Digits(labeled_frac=1e-9))
    assert Counter(smallest.labels[smallest.rows("train")].tolist()) == dict.fromkeys(range(10), 1)
    tenth, whole = scan(Digits(labeled_frac=0.1)), scan(Digits())
    for label in range(10):
        count = int((whole.labels[whole.rows("train")] == label).sum())
        assert int((tenth.labels[tenth.rows("train")] == label).sum()) == round(0.1 * count)


def test_hidden_labels_are_gone_and_val_and_test_are_as_they_were() -> None:
    whole, part = scan(Digits()), scan(Digits(labeled_frac=0.2))
    assert (part.labels[part.rows("pool")] == NO_LABEL).all()
    for role in ("val", "test"):
        np.testing.assert_array_equal(part.rows(role), whole.rows(role))
        np.testing.assert_array_equal(part.labels[part.rows(role)], whole.labels[whole.rows(role)])
    assert part.fingerprint != whole.fingerprint, "another experiment"
    assert count_roles(part)["pool"] + count_roles(part)["train"] == count_roles(whole)["train"]
    assert "pool" not in count_roles(whole)


def test_hiding_does_not_depend_on_the_order_of_the_samples() -> None:
    whole = scan(Digits())
    order = np.random.default_rng(0).permutation(len(whole.ids))
    shuffled = type(whole)(
        class_names=whole.class_names,
        ids=tuple(whole.ids[i] for i in order),
        labels=whole.labels[order],
        roles=whole.roles[order],
        content=tuple(whole.content[i] for i in order),
        chunks=whole.chunks,
    )
    hidden, other = hide_labels(whole, 0.1), hide_labels(shuffled, 0.1)
    assert {hidden.ids[i] for i in hidden.rows("train")} == {other.ids[i] for i in other.rows("train")}


def test_the_handle_has_the_pools_pixels_and_keys_but_no_labels(tmp_path: Path) -> None:
    whole, part = handle_of(Digits(), tmp_path / "a"), handle_of(Digits(labeled_frac=0.2), tmp_path / "b")
    assert len(whole.pool.rows) == 0
    assert set(part.pool.rows) | set(part.train.rows) == set(whole.train.rows)
    assert not hasattr(part.pool, "labels")
    key = dict(zip(whole.train.rows.tolist(), whole.train.keys.tolist(), strict=True))
    assert part.pool.keys.tolist() == [key[row] for row in part.pool.rows.tolist()]
    images = PixelReader(part.prepared).images(part.pool.rows), PixelReader(whole.prepared).images(part.pool.rows)
    for one, other in zip(*images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_joins_the_pool_at_any_depth_with_its_own_pixels(photos: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    picture(extra / "a.png", 1000)
    picture(extra / "deep" / "er" / "b.png", 1001)
    picture(extra / ".hidden" / "c.png", 1002)
    (extra / "notes.txt").write_text("no image")
    handle = handle_of(folder_spec(photos, unlabeled=str(extra)), tmp_path / "out")
    ids = [handle.ids[row] for row in handle.pool.rows]
    assert ids == ["unlabeled/a.png", "unlabeled/deep/er/b.png"]
    alone = handle_of(folder_spec(photos), tmp_path / "alone")
    np.testing.assert_array_equal(handle.train.rows, alone.train.rows)
    assert handle.fingerprint != alone.fingerprint
    for data in (Digits(unlabeled=str(extra)), folder_spec(photos, unlabeled=str(extra), labeled_frac=0.5)):
        assert sum(handle.startswith("unlabeled/") for handle in scan(data).ids) == 2
    digits = handle_of(Digits(unlabeled=str(extra)), tmp_path / "digits")
    for one, other in zip(
        PixelReader(digits.prepared).images(digits.pool.rows),
        PixelReader(handle.prepared).images(handle.pool.rows),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other, "whatever the labelled images come from")


def test_no_evaluated_image_can_enter_by_id_or_by_content(photos: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    picture(extra / "fresh.png", 1000)
    shutil.copytree(photos, extra / "copies")  # all that is judged, under other names
    shutil.copy(photos / "val/cat/0.png", photos / "train/cat/twin.png")  # and one that train itself has
    Image.open(photos / "test/dog/0.png").save(extra / "other-bytes.bmp")  # the same pixels in another file
    handle = handle_of(folder_spec(photos, unlabeled=str(extra), labeled_frac=1e-9), tmp_path / "out")
    pool = {handle.ids[row] for row in handle.pool.rows}
    assert "unlabeled/fresh.png" in pool
    assert not pool & {handle.ids[row] for split in handle.evals.values() for row in split.rows}
    assert not [name for name in pool if "copies/val" in name or "copies/test" in name]
    assert not pool & {"unlabeled/other-bytes.bmp", "train/cat/twin.png"}
    judged = {i.tobytes() for split in handle.evals.values() for i in PixelReader(handle.prepared).images(split.rows)}
    assert not judged & {image.tobytes() for image in PixelReader(handle.prepared).images(handle.pool.rows)}
    assert len([name for name in pool if "copies/train" in name]) == 20, "all others stay"


def test_a_folder_without_images_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"data.unlabeled: .*empty' holds no image. Expected images"):
        scan(folder_spec(photos, unlabeled=str(tmp_path / "empty")))
    with pytest.raises(DataError, match="nowhere' is not a folder"):
        scan(folder_spec(photos, unlabeled=str(tmp_path / "nowhere")))
