import json
import math

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.spec.schedule import SCHEDULES, AnySchedule, Warmup

EPOCHS = 30
KINDS = sorted(SCHEDULES)
FALLING = sorted(set(SCHEDULES) - {"one_cycle"})  # one_cycle rises by itself


def parse(**fields: object) -> Warmup:
    return TypeAdapter(AnySchedule).validate_python(fields)


def with_warmup(kind: str, epochs: float, start_frac: float) -> Warmup:
    fields = SCHEDULES[kind].example().model_dump(exclude_none=True)
    return parse(**fields | {"warmup_epochs": epochs, "warmup_start_frac": start_frac})


@pytest.mark.parametrize("kind", KINDS)
def test_every_schedule_survives_json_and_is_found_by_its_kind(kind: str) -> None:
    spec = SCHEDULES[kind].example()
    back = TypeAdapter(AnySchedule).validate_python(json.loads(spec.model_dump_json()))
    assert type(back) is SCHEDULES[kind] and back == spec
    assert spec.fault(EPOCHS) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_card_is_complete(kind: str) -> None:
    card = SCHEDULES[kind].card
    assert card.family == "schedules" and card.title and card.formula and card.defaults_from and card.helps_when
    assert card.idea.endswith(".") and card.pitfalls and all(text.endswith(".") for text in card.pitfalls)
    assert (card.paper is None) == (kind == "constant")
    assert card.paper is None or card.paper.arxiv


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_epochs", [16, 30, 101])
def test_rates_stay_between_nothing_and_the_peak(kind: str, num_epochs: int) -> None:
    spec = SCHEDULES[kind].example()
    rates = [spec.lr_frac(num_epochs * i / 997, num_epochs) for i in range(998)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert max(rates) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", FALLING)
def test_the_warm_up_is_a_straight_line_to_the_peak_and_the_rest_is_the_decay_over_what_is_left(kind: str) -> None:
    spec = with_warmup(kind, 4.0, 0.2)
    for i in range(101):
        epoch = 4.0 * i / 100
        assert spec.lr_frac(epoch, EPOCHS) == pytest.approx(0.2 + 0.8 * i / 100, rel=1e-12)
    for i in range(101):
        t = 26.0 * i / 100
        assert spec.lr_frac(4.0 + t, EPOCHS) == pytest.approx(spec.after_warmup(t, 26.0), rel=1e-9)


@pytest.mark.parametrize("epoch", [-0.01, 30.01, math.nan])
def test_a_time_outside_the_training_is_refused(epoch: float) -> None:
    with pytest.raises(ValueError, match="outside the training, which lasts from 0 to 30"):
        parse(kind="cosine").lr_frac(epoch, EPOCHS)


@pytest.mark.parametrize("kind", FALLING)
def test_a_warm_up_as_long_as_the_training_is_refused(kind: str) -> None:
    # Step and others whose own times come first say so in their own words.
    spec = SCHEDULES[kind].example().model_copy(update={"warmup_epochs": 30.0})
    fault = spec.fault(EPOCHS)
    assert fault is not None and ("warmup_epochs=30.0" in fault or "patience" in fault)


@pytest.mark.parametrize("kind", KINDS)
def test_only_one_cycle_touches_the_momentum(kind: str) -> None:
    momentum = SCHEDULES[kind].example().momentum_at(3.0, EPOCHS)
    assert (momentum is not None) == (kind == "one_cycle")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"kind": "cosine", "final_frac": 1.5}, "less than or equal to 1"),
        ({"kind": "constant", "warmup_epochs": -1}, "greater than or equal to 0"),
        ({"kind": "cosine", "finalfrac": 0.1}, "Extra inputs are not permitted"),
        ({"kind": "cosinus"}, "'constant', 'step', 'multi_step'"),
        ({"kind": "polynomial", "power": 0}, "greater than 0"),
        ({"kind": "exponential", "factor": 1.0}, "less than 1"),
        ({"kind": "linear", "final_frac": -0.1}, "greater than or equal to 0"),
    ],
)
def test_impossible_schedules_are_refused(value: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        parse(**value)
