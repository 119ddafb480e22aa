"""Conditions of a grid: what each runs, what is shared, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml

from ablations.commands.plan_conditions import conditions_lines, smallest_change
from ablations.grid.conditions import condition_grids
from ablations.grid.spec import GridSpec, parse_grid
from ablations.planning.conditions import PlannedCondition, plan_conditions
from ablations.records.home import Home
from pipeline.spec.errors import SpecError
from reports.stats.power import power
from tests.ablations.grids import COSINE, DISTILL, HEAD, MIXUP, SMOOTHING, grid, plan_of
from tests.ablations.studies import ablate

FACTORS = {"mixup": MIXUP, "smoothing": SMOOTHING}
TENTH: dict[str, Any] = {"strategies": [{"kind": "data_fraction", "frac": 0.5}]}
CONDITIONS = {
    "data": {"half": TENTH},
    "budget": {"short": {"budget.epochs": 1}, "long": {"budget": {"epochs": 4}}},
    "model": {"wide": {"model.width": 6}},
}


def with_conditions(conditions: Any = CONDITIONS, **fields: Any) -> GridSpec:
    return grid(factors=fields.pop("factors", FACTORS), design={"kind": "add_one_in"}, conditions=conditions, **fields)


def planned(spec: GridSpec) -> tuple[PlannedCondition, ...]:
    main = plan_of(spec)
    return plan_conditions(spec, main, lambda one: plan_of(one.grid, seeds=main.plan.seeds))


def test_one_thing_differs_at_a_time_and_each_has_the_whole_design() -> None:
    spec = with_conditions()
    main, found = plan_of(spec).plan, planned(spec)
    assert [one.condition.name for one in found] == ["data=half", "budget=short", "budget=long", "model=wide"]
    assert [one.condition.study for one in found] == [
        "tricks.data-half", "tricks.budget-short", "tricks.budget-long", "tricks.model-wide",
    ]  # fmt: skip
    bare = spec.experiment(())
    half, short, long, wide = (one.grid.experiment(()) for one in found)
    assert (short.budget.epochs, long.budget.epochs) == (1, 4)
    assert half.model_copy(update={"strategies": ()}) == bare and half.strategies[0].kind == "data_fraction"
    assert wide.model_dump()["model"] == bare.model_dump()["model"] | {"width": 6}
    for one in found:
        plan = one.planned.plan
        assert [arm.name for arm in plan.arms] == [arm.name for arm in main.arms]
        assert (plan.comparisons, plan.seeds, plan.metric) == (main.comparisons, main.seeds, main.metric)
        assert plan.conditions == () and plan.study == one.condition.study
        assert f"Study tricks under the condition {one.condition.name}." in plan.notes


def test_the_study_itself_is_the_same_with_and_without_conditions() -> None:
    alone, asked = plan_of(with_conditions({})).plan, plan_of(with_conditions()).plan
    assert asked.plan_hash == alone.plan_hash and asked.arms == alone.arms
    assert [one.name for one in asked.conditions] == ["data=half", "budget=short", "budget=long", "model=wide"]
    assert asked.conditions[1].changes == {"budget": {"epochs": 1}}


def test_crossed_conditions_are_every_combination_but_the_base() -> None:
    spec = with_conditions({k: CONDITIONS[k] for k in ("budget", "model")}, cross_conditions=True)
    found = condition_grids(spec)
    assert [one.condition.name for one in found] == [
        "model=wide", "budget=short", "budget=short, model=wide", "budget=long", "budget=long, model=wide",
    ]  # fmt: skip
    both = found[2]
    assert both.condition.study == "tricks.budget-short.model-wide"
    experiment = both.grid.experiment(()).model_dump()
    assert experiment["budget"]["epochs"] == 1 and experiment["model"]["width"] == 6


def test_a_run_that_conditions_share_is_planned_once() -> None:
    # The teacher sees the same images for as long, whatever the student's width.
    factors = {"distill": {"recipes": [DISTILL["recipes"][0] | {"epochs": 2}]}}
    spec = with_conditions({"model": CONDITIONS["model"]}, factors=factors)
    (wide,) = planned(spec)
    assert len(wide.shared) == len(spec.seeds)
    own = {run.key for run in plan_of(spec).runs}
    assert {run.stage.name for run in wide.planned.runs if run.key in own} == {"teacher"}
    assert wide.shared <= own


def test_the_plan_says_runs_and_time_of_each_and_what_change_can_be_seen(tmp_path: Path) -> None:
    spec = with_conditions()
    main, found = plan_of(spec), planned(spec)
    lines = conditions_lines(main, found, Home(tmp_path), lanes=1)
    assert [line.partition(";")[0] for line in lines[:4]] == [
        f"condition {name}: 12 runs" for name in ("data=half", "budget=short", "budget=long", "model=wide")
    ]
    assert lines[4].startswith("in all    60 runs to do")
    assert "a difference of" in lines[5] and "80% power" in lines[5]
    change = smallest_change(main, Home(tmp_path))
    assert change is not None
    # The prior: 10% error on 40 images. Two differences of two arms each have four times an arm's variance, 4 df.
    assert power(change, 2 * 100 * (0.1 / 80) ** 0.5, 3, 4) == pytest.approx(0.8)
    assert conditions_lines(main, (), Home(tmp_path), lanes=1) == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a path that is no field": (
        {"conditions": {"budget": {"short": {"budget.epohcs": 1}}}},
        r"conditions.budget.short: base.budget.epohcs: .*did you mean 'epochs'",
    ),
    "nothing beside the base": ({"conditions": {"data": {}}}, "conditions.data: names no condition"),
    "an empty condition": ({"conditions": {"data": {"all": {}}}}, "conditions.data.all: is empty"),
    "the base once more": (
        {"conditions": {"budget": {"same": {"budget.epochs": 2}}}},
        "conditions.budget.same: the bare recipe is the same as under base, which is always among the conditions",
    ),
    "two that are one": (
        {"conditions": {"budget": {"a": {"budget.epochs": 3}, "b": {"budget": {"epochs": 3}}}}},
        "conditions.budget.b: the bare recipe is the same as under budget=a; leave one of them out",
    ),
    "a factor that undoes it": (
        {"conditions": {"schedule": {"long": {"schedule": {"kind": "step", "every_epochs": 1}}}}},
        "conditions.schedule.long: sets 'schedule', and so does factors.cosine, which would undo it there",
    ),
    "a strategy of a factor": (
        {"conditions": {"mix": {"on": MIXUP}}},
        r"conditions.mix.on: sets 'strategies\[mixup\]', and so does factors.mixup",
    ),
    "a screen": (
        {"conditions": CONDITIONS, "design": {"kind": "halving", "first_epochs": 1, "survivors": 1}},
        "conditions: with design 'halving'",
    ),
    "nothing to cross": ({"cross_conditions": True}, "cross_conditions: there are no conditions"),
    "crossed ones that undo each other": (
        {
            "conditions": {"a": {"x": {"budget.epochs": 3}}, "b": {"y": {"budget.epochs": 4, "model.width": 6}}},
            "cross_conditions": True,
        },
        "conditions.a.x and conditions.b.y both set 'budget.epochs', so they cannot be crossed",
    ),
    "one folder for two": (
        {"conditions": {"a-b": {"c": {"budget.epochs": 3}}, "a": {"b-c": {"budget.epochs": 4}}}},
        "conditions.a.b-c: another condition is study 'tricks.a-b-c' too; rename one",
    ),
    "a name that is no name": ({"conditions": {"data": {"a/b": TENTH}}}, "conditions.data.a/b: expected a name"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_no_condition_is_refused_with_what_to_do(fault: str) -> None:
    fields, message = REFUSED[fault]
    spec = grid(**({"factors": {"mixup": MIXUP, "cosine": COSINE}} | fields))
    with pytest.raises(SpecError, match=message):
        condition_grids(spec)


def test_a_factor_may_change_what_a_condition_only_holds_around_it() -> None:
    other = {"data": {"kind": "digits", "num_train": 80}}
    spec = with_conditions({"data": {"fewer": other}}, factors={"larger": {"data.image_size_px": 24}})
    (fewer,) = condition_grids(spec)
    data = fewer.grid.experiment(("larger",)).data.model_dump()
    assert (data["num_train"], data["image_size_px"]) == (80, 24)


def test_all_together_may_not_exceed_max_runs() -> None:
    with pytest.raises(SpecError, match="the study and its 4 conditions have 60 training runs, more than max_runs=59"):
        planned(with_conditions(max_runs=59))
    assert len(planned(with_conditions(max_runs=60))) == 4


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_bad_condition_ends_with_exit_code_2_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for condition, message in (
        ({"budget.batch_size": 5000}, "grid.yaml: condition budget=huge: arm bare, stage main: budget.batch_size=5000"),
        ({"budget.bach_size": 8}, "grid.yaml: conditions.budget.huge: base.budget.bach_size"),
    ):
        raw = yaml.safe_load(HEAD) | {"factors": FACTORS, "conditions": {"budget": {"huge": condition}}}
        Path("grid.yaml").write_text(yaml.safe_dump(raw))
        result = ablate(command, "grid.yaml")
        assert result.exit_code == 2 and message in result.err, result
    assert not ray.is_initialized()


def test_the_command_says_it_for_programs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    raw = yaml.safe_load(HEAD) | {"factors": FACTORS, "conditions": CONDITIONS, "design": {"kind": "add_one_in"}}
    Path("grid.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    result = ablate("plan", "grid.yaml", "--json")
    assert result.exit_code == 0, result
    found = json.loads(result.out)["conditions"]
    assert [one["name"] for one in found] == ["data=half", "budget=short", "budget=long", "model=wide"]
    assert {one["runs"]["unique"] for one in found} == {12}  # A/A and the rerun are the study's own


def test_a_grid_with_conditions_is_read_back_as_it_was() -> None:
    spec = with_conditions()
    assert parse_grid(json.loads(spec.model_dump_json()), "again") == spec
