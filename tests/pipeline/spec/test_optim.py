import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.spec.optim import AnyOptimizer, AnySchedule, Budget


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
        ({"kind": "lamb"}, "'sgd', 'adamw', 'timm'"),
    ],
)
def test_impossible_optimizers_are_refused_with_their_path(value: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        TypeAdapter(AnyOptimizer).validate_python(value)


@pytest.mark.parametrize("value", [{"kind": "cosine", "final_frac": 1.5}, {"kind": "constant", "warmup_epochs": -1}])
def test_impossible_schedules_are_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"less than or equal to 1|greater than or equal to 0"):
        TypeAdapter(AnySchedule).validate_python(value)
