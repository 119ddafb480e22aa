"""The arms that measure luck: planned by default, counted, and never in the way of what a person wrote."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ablations.commands.plan_text import plan_json, plan_lines
from ablations.grid.schema import grid_schema
from ablations.grid.spec import GridSpec, parse_grid
from ablations.records.home import Home
from ablations.records.study_runs import study_runs
from ablations.running.runner import finished_keys, job_of, timing_job
from ablations.running.stages import Stages, State
from pipeline.spec.errors import SpecError
from pipeline.spec.study import StudyPlan
from tests.ablations.grids import DISTILL, MIXUP, SMOOTHING, grid, plan_of

PLACEBO, RERUN = ({"strategies": [{"kind": kind}]} for kind in ("placebo", "rerun"))


def measured(base: dict[str, Any] | None = None, **fields: Any) -> GridSpec:
    """With the noise floor as a grid has it that says nothing about it."""
    return grid(base, **{"factors": {"mixup": MIXUP}, "noise_floor": {}} | fields)


def beside(spec: GridSpec) -> dict[str, tuple[int, ...]]:
    """Arms that no factor, control or full recipe asks for, with their seeds."""
    plan = plan_of(spec).plan
    asked = {"bare", "full", *(f"{sign}{name}" for name in (*spec.factors, *spec.controls) for sign in "+-")}
    return {arm.name: plan.seeds_of(arm) for arm in plan.arms if arm.name not in asked}


def test_by_default_bare_is_repeated_with_other_luck_and_once_with_the_same() -> None:
    assert beside(measured(seeds=[4, 2, 7])) == {"A/A": (4, 2, 7), "rerun": (4,)}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (True, ["A/A", "rerun"]), ({"a_a": True}, ["A/A", "rerun"]), ({"rerun": False}, ["A/A"]),
        ({"a_a": False}, ["rerun"]), ({"a_a": False, "rerun": False}, []), (False, []),
    ],
)  # fmt: skip
def test_each_can_be_switched_off(written: Any, names: list[str]) -> None:
    assert [*beside(measured(noise_floor=written))] == names


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"controls": {"luck": PLACEBO}}, ["rerun"]),
        ({"controls": {"luck": {"strategies": [{"kind": "placebo"}, *SMOOTHING["strategies"]]}}}, ["A/A", "rerun"]),
        ({"controls": {"same": RERUN}}, ["A/A"]),
        ({"base": PLACEBO}, ["rerun"]),
        ({"base": RERUN}, ["A/A"]),
    ],
)
def test_what_the_grid_has_already_is_not_planned_twice(fields: dict[str, Any], names: list[str]) -> None:
    assert [*beside(measured(**fields))] == names


def test_they_differ_from_bare_in_nothing_but_the_control() -> None:
    plan = plan_of(measured({"strategies": SMOOTHING["strategies"]})).plan
    bare = plan.arm("bare").final.spec
    for name, kind in (("A/A", "placebo"), ("rerun", "rerun")):
        arm = plan.arm(name)
        assert arm.undeclared == ()
        assert arm.final.stage_hash != plan.arm("bare").final.stage_hash
        left = [entry for entry in arm.final.spec["strategies"] if entry["kind"] != kind]
        assert len(left) == len(arm.final.spec["strategies"]) - 1
        assert {**arm.final.spec, "strategies": left} == bare


def test_luck_is_a_control_and_the_rerun_is_compared_with_nothing() -> None:
    plan = plan_of(measured()).plan
    (control,) = [comparison for comparison in plan.comparisons if comparison.control]
    assert (control.factor, control.treatment, control.reference) == ("A/A", "A/A", "bare")
    assert all("rerun" not in comparison.contrast for comparison in plan.comparisons)


def test_the_rerun_is_one_run_and_shares_the_stages_before_it() -> None:
    planned = plan_of(measured(DISTILL, seeds=3))  # bare itself has a teacher
    runs = [(run.stage.name, run.seed) for run in planned.runs if "rerun" in run.arms]
    assert runs == [("teacher", 0), ("main", 0)]
    teachers = [run for run in planned.runs if run.stage.name == "teacher"]
    assert [("rerun" in run.arms, "A/A" in run.arms) for run in teachers] == [
        (True, True),
        (False, True),
        (False, True),
    ]
    # bare, +mixup = full, A/A and one teacher with three seeds; the rerun with one; -mixup is bare again
    assert len(planned.runs) == 4 * 3 + 1
    arms = [arm for arm in planned.plan.arms if arm.seeds is None]
    assert planned.num_reused == len(arms) * 2 * 3 + 2 - len(planned.runs)


def test_every_list_of_runs_agrees(tmp_path: Path) -> None:
    planned, home = plan_of(measured(DISTILL, seeds=[5, 3])), Home(tmp_path)
    keys = {run.key for run in planned.runs}
    assert len(keys) == len(planned.runs)
    assert {run.key: run.arms for run in study_runs(planned.plan)} == {run.key: run.arms for run in planned.runs}
    assert {run.key for run in study_runs(planned.plan, 3)} == {run.key for run in planned.runs if run.seed == 3}
    found = {(key, seed) for key, seeds in planned.plan.seeds_by_stage().items() for seed in seeds}
    assert found == {(run.stage.stage_hash, run.seed) for run in planned.runs}
    asked = measured().resources
    stages = Stages([job_of(run, home, asked) for run in planned.runs], finished_keys(home, planned))
    assert stages.count(State.PENDING) == len(keys)
    timed = timing_job(planned, home, asked).jobs
    assert {job.stage_hash for job in timed} == {arm.final.stage_hash for arm in planned.plan.arms}
    assert {job.seed for job in timed} == {5}


def test_the_plan_counts_them_and_says_what_one_seed_more_costs(tmp_path: Path) -> None:
    planned = plan_of(measured(seeds=2))
    text = "\n".join(plan_lines(planned, Home(tmp_path), frozenset(), lanes=1))
    # bare = -mixup, +mixup = full and A/A with two seeds, and the rerun
    assert "runs      7 unique training runs" in text and "one seed more: 3 runs" in text
    assert "  rerun " in text and text.count("(seed 0 only)") == 1
    assert "luck      A/A is bare on another random stream, rerun is bare with seed 0 once more; noise_floor: " in text
    without = plan_of(measured(noise_floor=False))
    assert "luck" not in "\n".join(plan_lines(without, Home(tmp_path), frozenset(), lanes=1))
    assert plan_json(planned, Home(tmp_path), frozenset(), 1)["runs"]["unique"] == 7


def test_they_do_not_change_what_the_study_can_detect(tmp_path: Path) -> None:
    found = [
        plan_json(plan_of(spec), Home(tmp_path), frozenset(), 1)["smallest_detectable_corrected"]
        for spec in (measured(seeds=2), grid(factors={"mixup": MIXUP}, seeds=2))
    ]
    assert found[0] == found[1] > 0


def test_a_plan_with_an_arm_on_some_seeds_promises_something_else() -> None:
    plan = plan_of(measured()).plan
    everywhere = plan.model_copy(update={"arms": tuple(arm.model_copy(update={"seeds": None}) for arm in plan.arms)})
    assert plan.plan_hash != everywhere.plan_hash
    assert StudyPlan.model_validate_json(plan.model_dump_json()) == plan


def test_seeds_that_only_one_arm_has_follow_those_of_the_study() -> None:
    plan = plan_of(measured(seeds=[3, 1])).plan
    late = tuple(arm.model_copy(update={"seeds": (9, 1)}) if arm.seeds else arm for arm in plan.arms)
    plan = plan.model_copy(update={"arms": late})
    assert plan.every_seed == (3, 1, 9)
    assert plan.seeds_by_stage()[plan.arm("rerun").final.stage_hash] == (1, 9)
    assert plan.seeds_by_stage()[plan.arm("bare").final.stage_hash] == (3, 1)


def test_the_grid_kept_in_the_plan_gives_the_same_plan() -> None:
    plan = plan_of(measured(noise_floor={"a_a": False})).plan
    assert plan_of(parse_grid(plan.grid, "kept")).plan == plan


def test_a_factor_may_be_called_rerun() -> None:
    plan = plan_of(measured(factors={"rerun": MIXUP})).plan
    assert {"+rerun", "-rerun", "rerun"} <= {arm.name for arm in plan.arms}
    assert plan.cards["rerun"].title == "Mixup" and plan.cards["rerun of bare"].title == "Rerun"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"aa": True}, r"grid\.yaml: noise_floor\.aa: there is no such field; did you mean 'a_a'\?"),
        ("no", r"grid\.yaml: noise_floor: "),
    ],
)
def test_what_cannot_be_meant_is_refused(written: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        measured(noise_floor=written)


@pytest.mark.parametrize(
    ("written", "fits"), [(False, True), ({"rerun": False}, True), ("no", False), ({"x": 1}, False)]
)
def test_editors_know_the_field(written: Any, fits: bool) -> None:
    raw = measured().model_dump(mode="json") | {"noise_floor": written}
    kept = {name: raw[name] for name in ("study", "base", "factors", "noise_floor")}
    assert jsonschema.Draft202012Validator(grid_schema()).is_valid(kept) is fits


def test_a_design_that_compares_nothing_is_planned_with_its_noise_floor(tmp_path: Path) -> None:
    planned = plan_of(measured(seeds=5, design="baseline"))
    assert [(arm.name, len(planned.plan.seeds_of(arm))) for arm in planned.plan.arms] == [
        ("bare", 5), ("A/A", 5), ("rerun", 1),
    ]  # fmt: skip
    assert [comparison.factor for comparison in planned.plan.comparisons] == ["A/A"]
    text = "\n".join(plan_lines(planned, Home(tmp_path), frozenset(), lanes=1))
    assert "runs      11 unique training runs" in text and "one seed more: 2 runs" in text
    assert plan_of(measured(design="baseline", noise_floor=False)).plan.comparisons == ()


def test_there_a_control_that_cannot_be_is_skipped_and_the_repeats_stay() -> None:
    controls = {"tiny": {"strategies": [{"kind": "progressive_resizing", "from_px": 64}]}}  # above 16 px
    plan = plan_of(measured(controls=controls, design="baseline")).plan
    assert [arm.name for arm in plan.arms] == ["bare", "A/A", "rerun"]
    assert [arm.name for arm in plan.skipped] == ["+tiny"]


@pytest.mark.parametrize("max_runs", [15, 17, 100])
def test_a_design_chosen_by_its_budget_leaves_room_for_them(max_runs: int) -> None:
    factors = {"mixup": MIXUP, "smoothing": SMOOTHING, "fast": {"optimizer.lr": 0.2}}
    planned = plan_of(measured(factors=factors, design="auto", seeds=2, max_runs=max_runs))
    assert len(planned.runs) <= max_runs and {"A/A", "rerun"} <= {arm.name for arm in planned.plan.arms}
