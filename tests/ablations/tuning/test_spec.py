"""What a person may write, and what is said where it is wrong."""

from typing import Any

import pytest

from ablations.tuning.spec import parse_tune
from pipeline.spec.errors import SpecError
from tests.ablations.tuning.searches import RAW, spec_of

RATE = {"kind": "log_uniform", "low": 0.001, "high": 1.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"space": {"optimizer.momentm": RATE}},
            "space.optimizer.momentm: there is no such field; did you mean",
        ),
        ({"space": {"foo.bar": RATE}}, "space.foo.bar: foo: there is no such field"),
        ({"space": {"optimizer.lr": RATE | {"low": 2.0}}}, "low 2 is above high 1; exchange them"),
        ({"space": {"optimizer.lr": RATE | {"low": 1.0}}}, "low and high are both 1: one point is no range"),
        ({"space": {"optimizer.lr": RATE | {"low": 0.0}}}, "space.optimizer.lr.low: expected a number above 0"),
        ({"space": {"optimizer.lr": {"kind": "choice", "values": [0.1]}}}, "a choice needs two or more, got 1"),
        ({"space": {"optimizer.lr": {"kind": "choice", "values": [0.1, 0.1]}}}, "0.1 stands there twice"),
        ({"space": {"optimizer.lr": {"kind": "unifrm"}}}, "there is no 'unifrm'; did you mean 'uniform'?"),
        (
            {"space": {"optimizer.lr": {"kind": "integer", "low": 0, "high": 9, "log": True}}},
            "log: true needs low",
        ),
        (
            {"space": {"optimizer.momentum": {"kind": "uniform", "low": -1, "high": 0.9}}},
            "space.optimizer.momentum: with -1.0: expected a number of 0 or more",
        ),
        ({"space": {"optimizer.lr.x": RATE}}, "goes below optimizer.lr, which base sets to the plain value 0.1"),
        ({"space": {"strategies.cutmix.alpha": RATE}}, "base.strategies has no cutmix, only mixup; add {kind: cutmix}"),
        ({"space": {"optimizer": {"kind": "choice", "values": [{"kind": "sgdd"}, {"kind": "sgd"}]}}}, "mean 'sgd'"),
        (
            {"space": RAW["space"] | {"schedule.warmup_epochs": {"kind": "integer", "low": 0, "high": 2}}},
            "space.schedule.warmup_epochs: lies below space.schedule",
        ),
        ({"space": {"budget.epochs": {"kind": "integer", "low": 1, "high": 9}}}, "the longest training would win"),
        ({"space": {}}, "space: expected at least 1 entry"),
        ({"budget": {}}, "budget: says no limit; give trials, epochs or minutes"),
        ({"search": {"kind": "grid", "points": 3}, "budget": {"trials": 17}}, "less than the 18 points of the grid"),
        ({"search": {"kind": "grid", "points": 900}}, "the grid has 1620000 points"),
        ({"scheduler": {"kind": "asha", "first_epochs": 9}}, "9 is not below base.budget.epochs=9"),
        ({"scheduler": {"kind": "asha"}, "objectives": {"seconds": True}}, "stops trials by the metric alone"),
        ({"objectives": {"metric": {"name": "acc"}}}, "objectives.metric.name: there is no 'acc'; known: top1"),
        ({"confirm_seeds": 1}, "confirm_seeds: expected 2 or more different seeds, not [0]"),
        ({"confirm_seeds": [3, 4], "trial_seed": 4}, "trial_seed=4 is among confirm_seeds [3, 4]"),
        ({"base": RAW["base"] | {"epoch": 3}}, "base.epoch: there is no such field"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_the_way_out(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        parse_tune(RAW | changes, "tune.yaml")
    assert said in str(error.value)
    assert str(error.value).startswith("tune.yaml: ")


def test_every_wrong_path_is_named_at_once() -> None:
    with pytest.raises(SpecError) as error:
        spec_of(space={"optimizer.momentm": RATE, "optimizer.lr": RATE, "modl.width": RATE})
    assert len(str(error.value).splitlines()) == 2


def test_values_go_into_the_recipe_and_the_base_stays_as_it_was() -> None:
    spec = spec_of()
    found = spec.recipe({"optimizer.lr": 0.5, "strategies.mixup.alpha": 0.7, "schedule": {"kind": "cosine"}}, epochs=2)
    assert found["optimizer"] == {"kind": "sgd", "lr": 0.5, "momentum": 0.9}
    assert found["strategies"] == [{"kind": "mixup", "alpha": 0.7}] and found["schedule"] == {"kind": "cosine"}
    assert found["budget"] == {"epochs": 2, "batch_size": 20}
    assert spec.recipe({}) == RAW["base"], "dotted paths resolved, else as it was written"


def test_a_grid_needs_no_budget() -> None:
    spec = spec_of(search={"kind": "grid", "points": 3}, budget={})
    assert spec.grid_size() == 3 * 3 * 2 and str(spec.budget) == "every combination"
