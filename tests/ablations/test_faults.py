from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ablations.grid.faults import fault_lines
from ablations.grid.spec import GridSpec
from pipeline.recipes.experiment import ExperimentSpec
from tests.ablations.grids import HEAD


def of_grid(**changes: Any) -> list[str]:
    """The faults of HEAD with some top-level fields replaced; None takes one away."""
    raw = {**yaml.safe_load(HEAD), "factors": {"a": {"optimizer.lr": 0.2}}, **changes}
    with pytest.raises(ValidationError) as caught:
        GridSpec.model_validate({name: value for name, value in raw.items() if value is not None})
    return fault_lines(caught.value, "", GridSpec)


def of_base(**changes: Any) -> list[str]:
    """The faults of HEAD's base with some fields replaced; None takes one away."""
    raw = {**yaml.safe_load(HEAD)["base"], **changes}
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate({name: value for name, value in raw.items() if value is not None})
    return fault_lines(caught.value, "base", ExperimentSpec)


def test_a_typo_of_a_top_level_key_names_the_nearest() -> None:
    assert of_grid(factors=None, factor={}) == [
        "factors: is missing, but required",
        "factor: there is no such field; did you mean 'factors'?",
    ]
    assert of_grid(seed=3) == ["seed: there is no such field; did you mean 'seeds'?"]
    assert of_grid(resources={"lane": 1}) == ["resources.lane: there is no such field; did you mean 'lanes'?"]


def test_a_name_like_no_other_lists_those_there_are() -> None:
    (line,) = of_base(optimizer={"kind": "sgd", "zork": 1})
    assert line == "base.optimizer.zork: there is no such field; known: kind, lr, weight_decay, momentum, nesterov"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"optimizer": None, "optimiser": {}}, "base.optimiser: there is no such field; did you mean 'optimizer'?"),
        ({"optimizer": {"kind": "sgd", "lrr": 1}}, "base.optimizer.lrr: there is no such field; did you mean 'lr'?"),
        ({"optimizer": {"kind": "adm"}}, "base.optimizer.kind: there is no 'adm'; did you mean 'adam'?"),
        ({"model": {"kind": "resnet18"}}, "base.model.kind: there is no 'resnet18'; known: timm, small_cnn, custom"),
        (
            {"schedule": {"warmup_epochs": 1}},
            "base.schedule: says no kind; expected one of constant, cosine, cosine_restarts, exponential, linear, "
            "multi_step, one_cycle, plateau, polynomial, step, wsd, as in {kind: constant}",
        ),
        ({"model": "resnet18"}, "base.model: expected a mapping such as {kind: small_cnn}, got 'resnet18'"),
        ({"budget": 5}, "base.budget: expected a mapping, got 5"),
        (
            {"strategies": [{"kind": "label_smoothing", "epsilom": 0.1}]},
            "base.strategies.0.epsilom: there is no such field; did you mean 'epsilon'?",
        ),
        (
            {"recipes": [{"kind": "teacher_student", "teacher": {"name": "resnet18"}, "optimizer": {"kind": "adm"}}]},
            "base.recipes.0.optimizer.kind: there is no 'adm'; did you mean 'adam'?",
        ),
        (
            {"data": {"kind": "image_folder", "path": "p", "on_bad_image": "ignore"}},
            "base.data.on_bad_image: expected 'fail' or 'skip', got 'ignore'",
        ),
        (
            {"optimizer": {"kind": "sgd", "lr": float("nan")}},
            "base.optimizer.lr: Input should be a finite number (got nan)",
        ),
        (
            {"optimizer": {"kind": "sgd", "lr": None}},
            "base.optimizer.lr: Input should be a valid number (got nothing)",
        ),
    ],
)
def test_the_path_is_as_written_and_the_line_says_what_to_write_instead(changes: dict[str, Any], line: str) -> None:
    assert line in of_base(**changes)


def test_a_metric_nobody_knows_names_the_nearest() -> None:
    assert of_grid(metric={"name": "topp1"}) == ["metric.name: there is no 'topp1'; did you mean 'top1'?"]


def test_what_is_no_mapping_is_said() -> None:
    assert of_grid(factors={}) == ["factors: expected at least 1 entry, got an empty mapping"]
    assert of_grid(factors=["mixup"]) == ["factors: expected a mapping, got a list"]
    assert of_grid(factors={"a": "mixup"}) == ["factors.a: expected a mapping, got 'mixup'"]
    name = "the name of a design such as both_ways, or a mapping such as {kind: fractional, cells: 8}"
    assert of_grid(design=3) == [f"design: expected {name}, not 3"]
    rule = "a rule such as {kind: looks, at: [3, 5, 10]} or {kind: precision, half_width: 0.5, max_seeds: 10}"
    assert of_grid(more_seeds=True) == [f"more_seeds: expected {rule}, not True"]
    assert of_grid(factors={1: {"optimizer.lr": 0.2}}) == ["factors: the name 1 is not text; put it in quotes"]


def test_an_item_of_a_list_is_one_fault_and_not_two() -> None:
    assert len(of_grid(seeds=[0.5])) == 1


def test_a_message_of_ours_is_kept_as_it_is() -> None:
    assert of_grid(seeds=[1, 1]) == ["seeds [1, 1]: each may appear once"]
    (line,) = of_base(schedule={"kind": "cosine", "warmup_epochs": 5})
    assert line == "base: schedule.warmup_epochs=5.0 must be below budget.epochs=2"


def test_without_the_model_the_fault_is_still_said() -> None:
    with pytest.raises(ValidationError) as caught:
        GridSpec.model_validate({"study": "s", "base": {}, "factors": {"a": {"x": 1}}, "seed": 1})
    assert fault_lines(caught.value, "grid") == ["grid.seed: there is no such field"]


def test_options_of_a_trick_of_ones_own_have_their_path() -> None:
    own = {"kind": "custom", "target": "tests.pipeline.contract.tricks:BrightenConfig"}
    assert of_base(strategies=[own | {"options": {"strenght": 1}}]) == [
        "base.strategies.0.options.strenght: there is no such option; BrightenConfig has: strength"
    ]
    assert of_base(strategies=[own | {"options": {"strength": 9}}]) == [
        "base.strategies.0.options.strength: expected a number of 2 or less, got 9"
    ]
    (line,) = of_base(strategies=[own | {"target": "no_such_module:X"}])
    assert line.startswith("base.strategies.0.target: target 'no_such_module:X': there is no Python module")


def test_what_is_out_of_range_says_the_range_in_plain_words() -> None:
    assert of_grid(metric={"delta": -1}) == ["metric.delta: expected a number above 0, got -1"]
    assert of_grid(max_runs=0) == ["max_runs: expected a number of 1 or more, got 0"]
    assert of_grid(design={"kind": "shapley", "orders": 3}) == ["design.orders: expected a multiple of 2, got 3"]


def test_a_list_that_is_too_short_or_none_says_what_it_should_be() -> None:
    assert of_grid(more_seeds={"kind": "looks", "at": [3]}) == ["more_seeds.at: expected at least 2 entries, got 1"]
    (line,) = of_grid(design={"kind": "fractional", "generators": "b = a"})
    assert line == "design.generators: expected a list such as [b = a], got 'b = a'"


def test_the_noise_floor_is_on_or_off() -> None:
    (line,) = of_grid(noise_floor="maybe")
    assert line == "noise_floor: expected true, false or a mapping such as {rerun: false}, not 'maybe'"
