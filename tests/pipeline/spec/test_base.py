import hashlib
import json
import math
from typing import Annotated

import pytest
from pydantic import ValidationError

from pipeline.spec.base import ADDED_LATER, Frozen, canonical_json, content_hash, derive_seed, identity_dump


class Leaf(Frozen):
    x: float = 0.1
    name: str = "é"


class Grown(Leaf):
    later: Annotated[int, ADDED_LATER] = 3


class Tree(Frozen):
    leaves: tuple[Leaf, ...] = (Leaf(),)
    best: Leaf = Leaf()


class GrownTree(Frozen):
    leaves: tuple[Grown, ...] = (Grown(),)
    best: Grown = Grown()
    later: Annotated[dict[str, int], ADDED_LATER] = {}


def test_a_field_that_came_later_is_no_identity_at_its_default() -> None:
    assert identity_dump(GrownTree()) == Tree().model_dump(mode="json")
    changed = GrownTree(leaves=(Grown(), Grown(later=4)), best=Grown(later=5), later={"a": 1})
    leaf = {"x": 0.1, "name": "é"}
    expected = {"leaves": [leaf, leaf | {"later": 4}], "best": leaf | {"later": 5}, "later": {"a": 1}}
    assert identity_dump(changed) == expected


def test_a_model_is_closed_frozen_and_finite() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Leaf.model_validate({"y": 1})
    with pytest.raises(ValidationError, match="frozen"):
        Leaf().x = 2.0  # type: ignore[misc]
    with pytest.raises(ValidationError, match="finite number"):
        Leaf(x=math.nan)


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert canonical_json(Leaf()) == '{"name":"é","x":0.1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": math.inf})


def test_content_hash_is_the_sha256_of_that_text() -> None:
    assert content_hash({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()
    assert content_hash(Leaf()) == content_hash(json.loads('{"x": 0.1, "name": "é"}'))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((0, "init"), 4659744837173112029),
        ((0, "mixup", 12, 0), 7628609131651666133),
        ((3, "order", 1), 2989724183786617052),
    ],
)
def test_derive_seed_keeps_its_golden_values(parts: tuple[int | str, ...], expected: int) -> None:
    """Another value here means that every recorded run would give other numbers today."""
    assert derive_seed(*parts) == expected


def test_derive_seed_is_blake2b_of_the_names() -> None:
    digest = hashlib.blake2b(b"7\x1fcrop\x1f2", digest_size=8).hexdigest()
    assert derive_seed(7, "crop", 2) == int(digest, 16) // 2
    assert 0 <= derive_seed(7, "crop", 2) < 2**63


def test_streams_do_not_collide() -> None:
    seeds = {
        derive_seed(s, kind, step, shard) for s in range(5) for kind in "ab" for step in range(50) for shard in "01"
    }
    assert len(seeds) == 5 * 2 * 50 * 2
    assert derive_seed("a", "b") != derive_seed("ab"), "the parts are told apart"
    assert derive_seed(1, 23) != derive_seed(12, 3)
