from dataclasses import replace

import numpy as np
import pytest

from pipeline.data.draws import sample_key
from pipeline.data.listing import NOT_ASKED_FOR, Listing, ReadChunk, check_listing, cut_splits, only_classes
from pipeline.spec.errors import DataError

NUM_CLASSES = 5
IDS = [f"class{i % NUM_CLASSES}/{i}.jpg" for i in range(1000)]
LABELS = np.arange(1000) % NUM_CLASSES


def as_dict(ids: list[str], roles: np.ndarray) -> dict[str, str]:
    return dict(zip(ids, roles.tolist(), strict=True))


@pytest.mark.parametrize(("val_frac", "test_frac"), [(0.15, 0.15), (0.45, 0.25), (0.2, 0.0), (0.011, 0.3)])
def test_every_class_is_cut_in_the_same_shares(val_frac: float, test_frac: float) -> None:
    roles = cut_splits(IDS, LABELS, val_frac, test_frac)
    for label in range(NUM_CLASSES):
        counts = {role: int((roles[label == LABELS] == role).sum()) for role in ("train", "val", "test")}
        assert sum(counts.values()) == 200
        assert abs(counts["val"] - 200 * val_frac) <= 0.5
        assert abs(counts["test"] - 200 * test_frac) <= 0.5


def test_the_order_of_files_does_not_matter() -> None:
    roles = as_dict(IDS, cut_splits(IDS, LABELS, 0.2, 0.1))
    shuffled = np.random.default_rng(0).permutation(len(IDS))
    ids = [IDS[i] for i in shuffled]
    assert as_dict(ids, cut_splits(ids, LABELS[shuffled], 0.2, 0.1)) == roles


def test_new_classes_move_nothing() -> None:
    roles = as_dict(IDS, cut_splits(IDS, LABELS, 0.2, 0.1))
    more = [*IDS, *(f"new/{i}.jpg" for i in range(77))]
    again = as_dict(more, cut_splits(more, np.concatenate([LABELS, np.full(77, NUM_CLASSES)]), 0.2, 0.1))
    assert {sample_id: again[sample_id] for sample_id in IDS} == roles


def test_a_new_image_moves_only_the_ones_at_the_borders() -> None:
    """The counts of a class must stay exact, so an image can push its class's last val image on to test. No further."""
    roles = as_dict(IDS, cut_splits(IDS, LABELS, 0.2, 0.1))
    neighbours = {("val", "test"), ("test", "val"), ("test", "train"), ("train", "test")}
    num_moves = []
    for number in range(50):
        again = as_dict([*IDS, f"new{number}"], cut_splits([*IDS, f"new{number}"], np.append(LABELS, 0), 0.2, 0.1))
        moves = [(roles[i], again[i]) for i in IDS if roles[i] != again[i]]
        assert len(moves) <= 2
        assert set(moves) <= neighbours, "nothing moves between training and verdicts"
        num_moves.append(len(moves))
    assert min(num_moves) == 0


def test_ids_decide_not_chance() -> None:
    roles = cut_splits(IDS, LABELS, 0.5, 0.0)
    other = cut_splits([f"other/{i}" for i in IDS], LABELS, 0.5, 0.0)
    assert 0.4 < (roles == other).mean() < 0.6, "other ids, other draw"


def listing(**changes: object) -> Listing:
    fields: dict[str, object] = {
        "class_names": ("a", "b"),
        "ids": ("a/1", "a/2", "b/1", "b/2"),
        "labels": np.asarray([0, 0, 1, 1]),
        "roles": np.asarray(["train", "val", "train", "val"]),
        "content": ("c1", "c2", "c3", "c4"),
        "chunks": (ReadChunk((0, 1, 2, 3), ()),),
    }
    return Listing(**(fields | changes))  # type: ignore[arg-type]


def test_rows_and_keys() -> None:
    assert listing().rows("val").tolist() == [1, 3]
    assert listing().rows("test").tolist() == []
    assert listing().keys().tolist() == [sample_key(i) for i in ("a/1", "a/2", "b/1", "b/2")]


def test_the_fingerprint_does_not_see_order_or_place() -> None:
    turned = listing(
        ids=("b/2", "b/1", "a/2", "a/1"),
        labels=np.asarray([1, 1, 0, 0]),
        roles=np.asarray(["val", "train", "val", "train"]),
        content=("c4", "c3", "c2", "c1"),
        chunks=(ReadChunk((0, 1, 2, 3), ("elsewhere",)),),
        notes=("a note",),
    )
    assert turned.fingerprint == listing().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"ids": ("a/1", "a/2", "b/1", "b/3")},
        {"labels": np.asarray([0, 0, 0, 1])},
        {"roles": np.asarray(["train", "val", "train", "test"])},
        {"content": ("c1", "c2", "c3", "c5")},
        {"class_names": ("a", "c")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_sees_everything_else(change: dict[str, object]) -> None:
    assert replace(listing(), **change).fingerprint != listing().fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("a",), "labels": np.zeros(4, int)}, r"found 1 class \(a\), .* at least two"),
        ({"class_names": (), "labels": np.zeros(4, int)}, r"found 0 classes \(none\)"),
        ({"roles": np.asarray(["train", "val", "train", "train"])}, "here: val has no image of class 'b'"),
        ({"roles": np.asarray(["val", "val", "train", "val"])}, "here: train has no image of class 'a'"),
        ({"class_names": ("a", "b", "c")}, "train has no image of class 'c'"),
    ],
)
def test_data_that_cannot_answer_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_listing(listing(**changes), "here")


def three_classes() -> Listing:
    """Seven samples in two chunks; the second is all of one class."""
    return listing(
        class_names=("a", "b", "c"),
        ids=("a/1", "b/1", "c/1", "a/2", "c/2", "b/2", "b/3"),
        labels=np.asarray([0, 1, 2, 0, 2, 1, 1]),
        roles=np.asarray(["train", "train", "train", "val", "val", "val", "test"]),
        content=tuple("1234567"),
        chunks=(ReadChunk((0, 1, 2, 3, 4), ("first",)), ReadChunk((5, 6), ("second",))),
    )


@pytest.mark.parametrize("names", [("a", "c"), ("c", "a")])
def test_some_classes_only(names: tuple[str, ...]) -> None:
    some = only_classes(three_classes(), names, "here")
    assert some.class_names == ("a", "c"), "in the order of the data, whatever was written"
    assert list(zip(some.ids, some.labels.tolist(), some.roles.tolist(), some.content, strict=True)) == [
        ("a/1", 0, "train", "1"), ("c/1", 1, "train", "3"), ("a/2", 0, "val", "4"), ("c/2", 1, "val", "5")
    ]  # fmt: skip
    assert some.chunks == (ReadChunk((0, NOT_ASKED_FOR, 1, 2, 3), ("first",)),), "the second has nothing to read"
    assert some.notes == ("2 of 3 classes are used (data.classes)",)
    assert some.fingerprint != three_classes().fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [("B", "here: data.classes names 'B', but there is no such class; the 3 classes are a, b, c"),
     ("bb", "data.classes names 'bb', .*; did you mean 'b'")],
)  # fmt: skip
def test_an_unknown_class_names_the_nearest(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        only_classes(three_classes(), ("a", name), "here")


def test_many_missing_classes_are_cut_short() -> None:
    names = tuple(f"c{i}" for i in range(9))
    with pytest.raises(DataError, match=r"'c2', 'c3', 'c4', 'c5', 'c6' \.\.\., but"):
        check_listing(listing(class_names=names), "here")
