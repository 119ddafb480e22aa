"""Tuning parity: what is searched in which arm, with what budget, what is chosen, and what the plan then says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations.grid.spec import GridSpec
from ablations.planning.planned import Planned
from ablations.planning.promise import num_results
from ablations.records import store
from ablations.records.home import Home
from ablations.tuning.arm_searches import ArmSearches, Records
from ablations.tuning.ranges import holds
from ablations.tuning.retune import check_name_is_free
from pipeline.spec.errors import SpecError
from pipeline.spec.records import Cost, Environment, RunRecord, Status
from pipeline.spec.study import StudyPlan
from pipeline.spec.tuning import Integer, LogUniform
from tests.ablations.grids import COSINE, DISTILL, SMOOTHING, grid, plan_of

ENVIRONMENT = Environment(
    code_version="1", python="3.11", torch="2", ray="2", timm="1", device="cpu", threads_per_worker=1
)
COST = Cost(samples_seen=1, busy_s=1, data_wait_s=0, eval_s=0, num_parameters=1, num_workers=1)
BASE = {"optimizer": {"kind": "sgd", "lr": 0.1, "weight_decay": 0.001}}
FASTER = {"optimizer.lr": 0.5}
ADAMW = {"optimizer": {"kind": "adamw"}}
BOTH = ["optimizer.lr", "optimizer.weight_decay"]
SEED = 1_000_003


def retuned_grid(fields: Any = BOTH, trials: int = 4, **more: Any) -> GridSpec:
    factors = more.pop("factors", {"smoothing": SMOOTHING, "faster": FASTER})
    return grid(BASE, factors=factors, retune={"fields": fields, "trials": trials}, **more)


def searches_of(spec: GridSpec, planned: Planned | None = None) -> ArmSearches:
    assert spec.retune is not None
    return ArmSearches(spec, spec.retune, planned or plan_of(spec), lambda p: "fp32" if p == "auto" else p)


def records_of(plan: StudyPlan, scores: Mapping[str, float | None], name: str = "val/top1") -> Records:
    """A record for each of these arms of a search, with the opposite on test; None: it failed."""
    found = {}
    for arm, score in scores.items():
        stage = plan.arm(arm).final.stage_hash
        metrics = {} if score is None else {name: score, name.replace("val", "test"): 1 - score}
        found[stage, SEED] = RunRecord(
            stage_hash=stage, seed=SEED, stage="main", status=Status.FAILED if score is None else Status.FINISHED,
            metrics=metrics, cost=COST, environment=ENVIRONMENT, data_fingerprint="x",
            finished_at="2026-01-01T00:00:00Z",
            failure={"type": "Diverged", "message": "nan"} if score is None else None,
        )  # fmt: skip
    return found


@pytest.mark.parametrize("design", ["add_one_in", "leave_one_out", "both_ways"])
def test_every_arm_has_as_many_trials_and_the_seeds_of_the_search_judge_nothing(design: str) -> None:
    spec = retuned_grid(design=design, seeds=3, trials=5)
    planned = plan_of(spec)
    searches = searches_of(spec, planned)
    retuning = searches.retuning
    assert [search.arm for search in retuning.arms] == [arm.name for arm in planned.plan.arms]
    assert {len(retuning.of(arm.name).candidates) for arm in planned.plan.arms} == {5}
    assert {run.seed for run in searches.planned.runs} == {SEED}
    assert len(searches.planned.runs) == 5 * len({arm.final.stage_hash for arm in planned.plan.arms})
    assert searches.planned.plan.study == "tricks-retune"
    settled = searches.settled(planned, searches.choose({}))
    assert {run.seed for run in settled.runs} == {0, 1, 2}


def test_ranges_are_a_factor_of_ten_each_way_around_what_the_arm_has_and_the_recipe_as_written_is_tried_first() -> None:
    searches = searches_of(retuned_grid(factors={"adamw": ADAMW}))
    bare, adamw = searches.retuning.own("bare"), searches.retuning.own("+adamw")
    assert bare.space["optimizer.lr"] == LogUniform(low=0.01, high=1.0)
    assert adamw.space["optimizer.lr"] == LogUniform(low=0.0001, high=0.01), "AdamW's own, since no factor names it"
    assert bare.candidates[0].values == {"optimizer.lr": 0.1, "optimizer.weight_decay": 0.001}
    hashes = {arm.name: arm.final.stage_hash for arm in searches.planned.plan.arms}
    assert hashes["bare trial-0"] == plan_of(retuned_grid()).plan.arm("bare").final.stage_hash, "reused"
    for search in (bare, adamw):
        for path, found in search.space.items():
            assert all(holds(found, candidate.values[path]) for candidate in search.candidates)
    integer = searches_of(retuned_grid(["budget.batch_size"])).retuning.own("bare").space["budget.batch_size"]
    assert integer == Integer(low=2, high=200, log=True)


def test_arms_with_the_same_ranges_try_the_same_settings() -> None:
    retuning = searches_of(retuned_grid(trials=6)).retuning
    tried = [[one.values for one in retuning.own(arm).candidates] for arm in ("bare", "+smoothing")]
    assert tried[0] == tried[1]
    assert len({str(values) for values in tried[0]}) == 6


def test_a_range_that_leaves_out_the_recipe_as_written_is_kept_to() -> None:
    spec = retuned_grid({"optimizer.lr": {"kind": "uniform", "low": 0.2, "high": 0.3}})
    assert all(0.2 <= one.values["optimizer.lr"] <= 0.3 for one in searches_of(spec).retuning.own("bare").candidates)


def test_a_field_that_a_factor_sets_is_not_searched_there_and_the_comparison_says_so() -> None:
    spec = retuned_grid(design="add_one_in")
    planned = plan_of(spec)
    searches = searches_of(spec, planned)
    faster = searches.retuning.own("+faster")
    assert faster.held == {"optimizer.lr": "faster sets it"} and [*faster.space] == ["optimizer.weight_decay"]
    assert len(faster.candidates) == 4, "fewer fields, as many trials"
    settled = searches.settled(planned, searches.retuning).plan
    notes = {comparison.factor: comparison.note for comparison in settled.comparisons}
    assert notes["smoothing"] == ""
    assert notes["faster"] == ("unequal tuning: optimizer.lr was searched in bare, not in +faster (faster sets it)")


def test_arms_that_differ_by_luck_alone_or_not_at_all_share_a_search() -> None:
    spec = retuned_grid(
        factors={"smoothing": SMOOTHING, "same": {"optimizer.momentum": 0.0}},
        controls={"placebo": {"strategies": [{"kind": "placebo"}]}},
        noise_floor=True,
        design="add_one_in",
    )
    planned = plan_of(spec)
    searches = searches_of(spec, planned)
    likes = {search.arm: search.like for search in searches.retuning.arms}
    assert likes["+placebo"] == likes["rerun"] == "bare"
    same = planned.plan.arm("+same").final.stage_hash == planned.plan.arm("bare").final.stage_hash
    assert likes["+same"] == ("bare" if same else "")
    best = records_of(searches.planned.plan, {"bare trial-0": 0.1, "bare trial-2": 0.9})
    settled = searches.settled(planned, searches.choose(best)).plan
    rates = {arm.name: arm.final.spec["optimizer"]["lr"] for arm in settled.arms}
    assert rates["+placebo"] == rates["rerun"] == rates["bare"] != 0.1
    assert settled.arm("rerun").seeds == planned.plan.arm("rerun").seeds == (0,)


def test_the_best_on_validation_is_chosen_whatever_test_says_and_the_first_of_equals() -> None:
    spec = retuned_grid(design="add_one_in")
    planned = plan_of(spec)
    searches = searches_of(spec, planned)
    scores = {
        "bare trial-0": 0.3,
        "bare trial-1": 0.8,
        "bare trial-2": 0.8,
        "bare trial-3": None,
    }
    retuning = searches.choose(records_of(searches.planned.plan, scores))
    bare = retuning.own("bare")
    assert (bare.chosen, bare.score, bare.num_finished) == (1, 0.8, 3)
    settled = searches.settled(planned, retuning)
    optimizer = settled.plan.arm("bare").final.spec["optimizer"]
    assert {f"optimizer.{name}": optimizer[name] for name in ("lr", "weight_decay")} == bare.values
    assert settled.plan.arm("bare").recipe["optimizer"]["lr"] == bare.values["optimizer.lr"]
    assert retuning.own("+smoothing").chosen is None, "no score: it keeps its recipe as written"
    assert settled.plan.arm("+smoothing").final == planned.plan.arm("+smoothing").final
    assert "no trial has a score" in settled.plan.comparisons[0].note


def test_where_lower_is_better_the_lower_score_is_chosen() -> None:
    searches = searches_of(retuned_grid(metric={"name": "nll", "delta": 0.01}))
    records = records_of(searches.planned.plan, {"bare trial-1": 0.8, "bare trial-2": 0.2}, "val/nll")
    assert searches.choose(records).own("bare").chosen == 2


def test_a_teacher_is_trained_once_for_all_trials_of_its_arm() -> None:
    searches = searches_of(retuned_grid(factors={"distill": DISTILL}, trials=6, design="add_one_in"))
    assert sum(run.stage.name == "teacher" for run in searches.planned.runs) == 1


def test_what_is_searched_is_no_hidden_change_and_what_is_not_still_is() -> None:
    spec = retuned_grid(["optimizer.lr"], factors={"adamw": ADAMW})
    planned = plan_of(spec)
    searches = searches_of(spec, planned)
    assert [change.path for change in planned.plan.arm("+adamw").undeclared] == [
        "optimizer.lr",
        "optimizer.weight_decay",
    ]
    settled = searches.settled(planned, searches.retuning).plan
    assert [change.path for change in settled.arm("+adamw").undeclared] == ["optimizer.weight_decay"]


def test_the_promise_holds_the_searches_and_an_old_promise_keeps_its_hash() -> None:
    plain = plan_of(grid(BASE, factors={"smoothing": SMOOTHING}))
    found = []
    for trials in (3, 4):
        spec = retuned_grid(factors={"smoothing": SMOOTHING}, trials=trials)
        planned = plan_of(spec)
        searches = searches_of(spec, planned)
        found.append(searches.settled(planned, searches.retuning).plan)
        assert planned.plan.plan_hash == plain.plan.plan_hash
    assert len({plain.plan.plan_hash, *(plan.plan_hash for plan in found)}) == 3
    promise = found[0].promise.retune
    assert promise is not None and promise.trials == 3 and set(promise.spaces) == {arm.name for arm in found[0].arms}
    assert "retune" not in plain.plan.promise.model_dump(mode="json", exclude_none=True)
    assert StudyPlan.model_validate_json(found[0].model_dump_json()) == found[0]


def test_runs_of_a_search_are_no_results_of_the_study() -> None:
    spec = retuned_grid(factors={"smoothing": SMOOTHING}, design="add_one_in")
    planned = plan_of(spec)
    searches = searches_of(spec, planned)
    records = records_of(searches.planned.plan, {"bare trial-0": 0.9, "+smoothing trial-0": 0.9})
    plan = searches.settled(planned, searches.choose(records)).plan
    assert {arm.final.stage_hash for arm in plan.arms if arm.name != "full"} <= {stage for stage, _ in records}
    assert num_results([plan.promise], records.values()) == 0
    judged = [record.model_copy(update={"seed": 0}) for record in records.values()]
    assert num_results([plan.promise], judged) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fields": ["optimizer.lrr"]}, r"retune\.fields\.optimizer\.lrr: bare has no such field"),
        ({"fields": ["optimizer.kind"]}, r"optimizer\.kind: in arm bare it is 'sgd', and only a number above 0"),
        ({"fields": ["optimizer.momentum"]}, r"optimizer\.momentum: in arm bare"),
        (
            {"fields": {"optimizer.lr": {"kind": "uniform", "low": -1.0, "high": 1.0}}},
            r"optimizer\.lr: in arm bare, -1\.0 cannot be: .*give the field a range that fits",
        ),
    ],
)
def test_a_field_that_cannot_be_searched_is_named_with_what_to_do(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        searches_of(retuned_grid(fields["fields"]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"retune": {"fields": []}}, "retune.fields"),
        ({"retune": {"fields": "optimizer.lr"}}, r"expected dotted paths such as \[optimizer\.lr"),
        ({"retune": {"fields": ["optimizer.lr", "optimizer.lr"]}}, "name each field once"),
        ({"retune": {"fields": ["budget.epochs"]}}, "the longest training would win"),
        ({"retune": {"fields": BOTH, "trials": 1}}, "retune.trials"),
        ({"retune": {"fields": BOTH, "seed": 2}, "seeds": 3}, r"retune\.seed=2 is among seeds \[0, 1, 2\]"),
        (
            {"retune": {"fields": BOTH}, "design": "full_factorial"},
            "full_factorial does not compare two arms",
        ),
        ({"retune": {"fields": BOTH}, "design": "auto"}, "auto does not compare two arms at a time"),
        (
            {"retune": {"fields": BOTH}, "design": "halving"},
            "use one of baseline, add_one_in, leave_one_out",
        ),
        ({"retune": {"fields": {"optimizer": None, "optimizer.lr": None}}}, "lies below optimizer"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_where_the_grid_is_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        grid(BASE, factors={"smoothing": SMOOTHING, "cosine": COSINE}, **fields)


def test_runs_of_the_searches_count_against_the_cap() -> None:
    spec = retuned_grid(design="add_one_in", seeds=1, trials=8, max_runs=20)
    with pytest.raises(
        SpecError, match=r"retune: \d+ runs of the searches and \d+ of the study are more than max_runs=20"
    ):
        searches_of(spec)


def test_a_study_that_has_the_name_of_the_searches_is_not_overwritten(tmp_path: Path) -> None:
    home, spec = Home(tmp_path), retuned_grid()
    search = searches_of(spec).planned
    check_name_is_free(search, home)
    store.write_plan(home, search.plan)
    check_name_is_free(search, home)
    store.write_plan(home, plan_of(spec).plan.model_copy(update={"study": search.plan.study}))
    with pytest.raises(SpecError, match=r"kept as study '.*-retune', and this home has another study of that name"):
        check_name_is_free(search, home)
