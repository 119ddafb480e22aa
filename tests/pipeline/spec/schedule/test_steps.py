import re

import pytest
from pydantic import ValidationError

from pipeline.spec.schedule import MultiStep, Plateau, Step, Wsd
from tests.pipeline.spec.schedule.test_base import parse


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"kind": "step"}, r"every_epochs[\s\S]*Field required"),
        ({"kind": "step", "every_epochs": 0}, "greater than 0"),
        ({"kind": "step", "every_epochs": 2, "factor": 1}, "less than 1"),
        ({"kind": "step", "every_epochs": 2, "warmup_epochs": 3}, "warmup_epochs=3.0 is longer than every_epochs=2.0"),
        ({"kind": "multi_step"}, "either at_fracs .* or at_epochs .* not neither"),
        ({"kind": "multi_step", "at_fracs": [0.5], "at_epochs": [5]}, "not both"),
        ({"kind": "multi_step", "at_fracs": []}, "at least 1 item"),
        (
            {"kind": "multi_step", "at_fracs": [15, 22]},
            r"at_fracs=\[15.0, 22.0\]: expected rising times between 0 and 1",
        ),
        ({"kind": "multi_step", "at_fracs": [0.5, 0.5]}, "expected rising times"),
        ({"kind": "multi_step", "at_epochs": [8, 4]}, r"at_epochs=\[8.0, 4.0\]: expected rising times above 0"),
        ({"kind": "multi_step", "at_epochs": [0, 4]}, "expected rising times above 0"),
        ({"kind": "plateau"}, r"patience[\s\S]*Field required"),
        ({"kind": "plateau", "patience": -1}, "greater than or equal to 0"),
        ({"kind": "plateau", "patience": 1, "metric": "top5"}, "'nll' or 'top1'"),
        ({"kind": "wsd", "decay_frac": 0}, "greater than 0"),
        ({"kind": "wsd", "shape": "cosine"}, "'linear' or 'sqrt'"),
    ],
)
def test_impossible_values_are_refused(value: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        parse(**value)


@pytest.mark.parametrize(
    ("spec", "num_epochs", "fault"),
    [
        (Step(every_epochs=5), 5, "every_epochs=5.0 is not below budget.epochs=5, so the rate would never drop"),
        (MultiStep(at_epochs=(3, 6)), 6, r"at_epochs=\[3.0, 6.0\]: the last is not below budget.epochs=6"),
        (MultiStep(at_epochs=(3, 6), warmup_epochs=4), 9, "warmup_epochs=4.0 ends after the first drop at epoch 3;"),
        (MultiStep(at_fracs=(0.2,), warmup_epochs=4), 10, "warmup_epochs=4.0 ends after the first drop at epoch 2;"),
        (Plateau(patience=3), 5, "patience=3 needs at least budget.epochs=6 for a drop .* not 5"),
        (Plateau(patience=0, warmup_epochs=2), 4, "needs at least budget.epochs=5"),
        (Wsd(decay_frac=0.8, warmup_epochs=3), 10, "warmup_epochs=3.0 and decay_frac=0.8 overlap in budget.epochs=10"),
    ],
)
def test_a_schedule_that_does_not_fit_the_budget_says_so(spec: Step, num_epochs: int, fault: str) -> None:
    found = spec.fault(num_epochs)
    assert found is not None and re.search(fault, found), found


@pytest.mark.parametrize(
    ("spec", "num_epochs"),
    [
        (Step(every_epochs=5), 6),
        (MultiStep(at_epochs=(3, 6)), 7),
        (MultiStep(at_fracs=(0.4,), warmup_epochs=4), 10),
        (Plateau(patience=3), 6),
        (Wsd(decay_frac=0.7, warmup_epochs=3), 10),
        (Wsd(decay_frac=1.0), 3),
    ],
)
def test_a_schedule_that_just_fits_is_accepted(spec: Step, num_epochs: int) -> None:
    assert spec.fault(num_epochs) is None


def test_shares_and_epochs_are_the_same_times() -> None:
    shares, epochs = MultiStep(at_fracs=(0.5, 0.75), warmup_epochs=1), MultiStep(at_epochs=(6, 9), warmup_epochs=1)
    grid = [i / 7 for i in range(7 * 12 + 1)]
    assert [shares.lr_frac(t, 12) for t in grid] == [epochs.lr_frac(t, 12) for t in grid]
    assert [shares.lr_frac(t, 12) for t in (5.99, 6.0, 8.99, 9.0)] == pytest.approx([1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("steps", [3, 7, 10, 13, 49])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.3, 0.7])
def test_drops_come_at_the_step_that_they_are_due_whatever_the_rounding(steps: int, warmup: float) -> None:
    spec = Step(every_epochs=3, factor=0.5, warmup_epochs=warmup)
    for step in range(round(warmup * steps) + 1, 12 * steps):
        drops = step // (3 * steps)
        assert spec.lr_frac(step // steps + step % steps / steps, 12) == 0.5**drops, step
