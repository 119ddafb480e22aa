import pytest
from pydantic import ValidationError

from pipeline.spec.schedule import CosineRestarts, OneCycle
from tests.pipeline.spec.schedule.test_base import parse


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"kind": "cosine_restarts"}, r"first_epochs[\s\S]*Field required"),
        ({"kind": "cosine_restarts", "first_epochs": 2, "mult": 0.5}, "greater than or equal to 1"),
        ({"kind": "cosine_restarts", "first_epochs": 2, "decay": 0}, "greater than 0"),
        ({"kind": "one_cycle", "warmup_epochs": 1}, "warmup_epochs=1.0, but one_cycle rises by itself; leave it out"),
        ({"kind": "one_cycle", "pct_start": 0}, "greater than 0"),
        ({"kind": "one_cycle", "pct_start": 1}, "less than 1"),
        ({"kind": "one_cycle", "anneal": "cos"}, "'cosine' or 'linear'"),
        ({"kind": "one_cycle", "momentum": {"high": 0.8, "low": 0.9}}, "low=0.9 must not be above high=0.8"),
        ({"kind": "one_cycle", "momentum": {"high": 1.0}}, "less than 1"),
    ],
)
def test_impossible_values_are_refused(value: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        parse(**value)


def test_a_first_cycle_longer_than_the_training_is_refused() -> None:
    spec = CosineRestarts(first_epochs=8, warmup_epochs=3)
    assert spec.fault(11) is None
    fault = spec.fault(10)
    assert fault is not None and "first_epochs=8.0 is longer than the 7 epochs after the warm-up" in fault


def test_restarts_come_where_the_card_says() -> None:
    spec = CosineRestarts(first_epochs=2, mult=2, decay=0.5, final_frac=0.1)
    assert [spec.lr_frac(t, 30) for t in (0, 2, 6, 14)] == pytest.approx([1, 0.5, 0.25, 0.125])
    just_before = [spec.lr_frac(t - 1e-6, 30) for t in (2, 6, 14, 30)]
    assert just_before == pytest.approx([0.1] * 4, abs=1e-9)


def test_restarts_never_fall_below_the_final_share() -> None:
    spec = CosineRestarts(first_epochs=1, mult=1, decay=0.5, final_frac=0.2)
    assert min(spec.lr_frac(i / 10, 10) for i in range(101)) == pytest.approx(0.2)


def test_one_cycle_without_momentum_leaves_it_alone() -> None:
    assert OneCycle(momentum=None).momentum_at(1.0, 4) is None
