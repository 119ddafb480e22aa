import json

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.spec.optim import OPTIMIZERS, AnyOptimizer, Budget


@pytest.mark.parametrize(("batch_size", "num_shards"), [(64, 3), (4, 4), (10, 6)])
def test_shards_must_be_equal_and_hold_two_images(batch_size: int, num_shards: int) -> None:
    with pytest.raises(ValidationError, match=f"num_shards={num_shards} equal shards of at least 2 images"):
        Budget(batch_size=batch_size, num_shards=num_shards)


@pytest.mark.parametrize(("batch_size", "num_shards"), [(64, 1), (64, 4), (4, 2)])
def test_shards_that_divide_the_batch(batch_size: int, num_shards: int) -> None:
    assert Budget(batch_size=batch_size, num_shards=num_shards).num_shards == num_shards


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"kind": "sgd", "lr": 0}, "sgd.lr"),
        ({"kind": "sgd", "momentum": 1.0}, "sgd.momentum"),
        ({"kind": "adamw", "weight_decay": -1}, "adamw.weight_decay"),
        ({"kind": "timm", "name": "lamb"}, "timm.lr"),
        ({"kind": "lamp"}, "'sgd', 'sgdw', 'adam', 'adamw', 'lamb', .*'timm'"),
        ({"kind": "sgd", "momentum": 0, "nesterov": True}, "nesterov looks ahead along the momentum, which is 0"),
        ({"kind": "sgdw", "momentum": 0, "nesterov": True}, "nesterov looks ahead along the momentum, which is 0"),
        ({"kind": "adan", "beta3": 1}, "adan.beta3"),
        ({"kind": "rmsprop", "eps": 0}, "rmsprop.eps"),
        ({"kind": "lamb", "max_grad_norm": 0}, "lamb.max_grad_norm"),
        ({"kind": "muon", "momentum": 0}, "muon.momentum"),
    ],
)
def test_impossible_optimizers_are_refused_with_their_path(value: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TypeAdapter(AnyOptimizer).validate_python(value)


@pytest.mark.parametrize("kind", sorted(OPTIMIZERS))
def test_every_optimizer_survives_json_and_is_found_by_its_kind(kind: str) -> None:
    spec = OPTIMIZERS[kind].example()
    back = TypeAdapter(AnyOptimizer).validate_python(json.loads(spec.model_dump_json()))
    assert type(back) is OPTIMIZERS[kind] and back == spec


@pytest.mark.parametrize("kind", sorted(OPTIMIZERS))
def test_every_card_is_complete(kind: str) -> None:
    card = OPTIMIZERS[kind].card
    assert card.family == "optimizers" and card.title and card.helps_when and card.defaults_from
    assert card.idea.endswith(".") and card.pitfalls and all(text.endswith(".") for text in card.pitfalls)
    assert card.paper is not None and (card.paper.arxiv or card.paper.url)
    assert bool(card.formula) == (kind != "timm")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"kind": "sgd"}, True),
        ({"kind": "sgd", "momentum": 0}, False),
        ({"kind": "rmsprop", "momentum": 0}, False),
        ({"kind": "adamw"}, True),
        ({"kind": "muon"}, True),
    ],
)
def test_what_a_schedule_may_cycle(value: dict[str, object], expected: bool) -> None:
    assert TypeAdapter(AnyOptimizer).validate_python(value).has_momentum is expected
