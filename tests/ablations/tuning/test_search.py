"""The search as a whole, without training: budgets, resuming, failures, and the plan it leaves."""

from pathlib import Path

import pytest

from ablations.records.store import append_record
from ablations.running.stages import BUSY_S, Change, State
from ablations.tuning.drive import LOST, Search
from ablations.tuning.study import TuningStudy
from pipeline.spec.errors import SpecError
from pipeline.spec.records import Cost, Environment, Failure, RunRecord, Status
from pipeline.spec.study import Arm
from tests.ablations.grids import grid, plan_of
from tests.ablations.tuning.searches import RAW, failed, finished, home_of, play, read_back, score, study_of

ENVIRONMENT = Environment(
    code_version="1", python="3", torch="2", ray="2", timm="1", device="cpu", threads_per_worker=1
)


def record_of(study: TuningStudy, arm: Arm, failure: str = "") -> RunRecord:
    done = not failure
    return RunRecord(
        stage_hash=arm.final.stage_hash,
        seed=study.spec.trial_seed,
        stage="main",
        status=Status.FINISHED if done else Status.FAILED,
        metrics={"val/top1": score(arm)} if done else {},
        cost=Cost(samples_seen=1, busy_s=30.0, data_wait_s=0, eval_s=0, num_parameters=1, num_workers=1),
        environment=ENVIRONMENT,
        data_fingerprint="f",
        finished_at="2026-11-24T00:00:00Z",
        failure=None if done else Failure(type=failure, message="why"),
    )


def test_a_search_asks_for_as_many_trials_as_its_budget_and_then_for_bare_and_the_winner(tmp_path: Path) -> None:
    search = Search(study_of(), home_of(tmp_path))
    assert len(play(search)) == 8
    plan = search.study.plan()
    assert [arm.name for arm in plan.arms] == ["bare", *(f"trial-{n}" for n in range(8)), "tuned"]
    best = max(plan.arms[1:9], key=score)
    assert plan.arm("tuned").final.stage_hash == best.final.stage_hash
    assert {plan.seeds_of(arm) for arm in plan.arms[1:9]} == {(1_000_003,)}
    assert plan.seeds_of(plan.arm("tuned")) == plan.seeds_of(plan.arm("bare")) == (0, 1, 2)
    (comparison,) = plan.comparisons
    assert (comparison.treatment, comparison.reference) == ("tuned", "bare")


@pytest.mark.parametrize(
    ("budget", "expected"), [({"epochs": 27}, 3), ({"epochs": 28}, 4), ({"minutes": 2.0}, 4), ({"minutes": 0.1}, 1)]
)
def test_epochs_and_minutes_end_a_search_as_well(tmp_path: Path, budget: dict, expected: int) -> None:
    """A trial has 9 epochs and trains for half a minute."""
    assert len(play(Search(study_of(budget=budget), home_of(tmp_path)))) == expected


def test_a_metric_where_less_is_better_turns_the_choice(tmp_path: Path) -> None:
    search = Search(study_of(objectives={"metric": {"name": "nll", "delta": 0.01}}), home_of(tmp_path))
    losses = [0.9, 0.2, 0.5, 0.8, 0.7, 0.6, 0.4, 0.3]
    for loss in losses:
        (arm,) = search.ask(1)
        metrics = {"val/nll": loss, "val/top1": loss, BUSY_S: 1.0}
        search.tell([Change(search.study.key_of(arm.name), State.FINISHED, 0.0, "", metrics)])
    _, tuned = search.ask(1)
    assert tuned.final.stage_hash == search.study.plan().arm("trial-1").final.stage_hash


@pytest.mark.parametrize("scheduler", [{"kind": "none"}, {"kind": "asha"}, {"kind": "median"}])
@pytest.mark.parametrize("kind", ["random", "tpe"])
@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(
    tmp_path: Path, scheduler: dict, kind: str, stop_after: int
) -> None:
    """Nothing but the plan and the records survives; one trial is under way when the process dies."""
    changes = {"scheduler": scheduler, "search": {"kind": kind, "seed": 2}, "budget": {"trials": 12}}
    whole = Search(study_of(**changes), home_of(tmp_path / "a"))
    expected = play(whole)

    home = home_of(tmp_path / "b")
    first = Search(study_of(**changes), home)
    trained = play(first, stop_after=stop_after)
    for arm in first.study.trial_arms():
        append_record(home, record_of(first.study, arm))
    under_way = first.ask(1)
    again = study_of(**changes)
    again.take_up(read_back(first.study.plan()))
    second = Search(again, home)
    assert [arm.name for arm in second.waiting()] == [arm.name for arm in under_way if first.over is None]
    assert trained + play(second) == expected, "and no run is trained twice"
    assert again.plan() == whole.study.plan()


def test_two_lanes_get_different_trials_and_nobody_waits_for_the_other(tmp_path: Path) -> None:
    search = Search(study_of(search={"kind": "tpe", "startup_trials": 1}), home_of(tmp_path))
    first = search.ask(3)
    assert len({arm.final.stage_hash for arm in first}) == 3
    assert search.ask(3) == []
    search.tell([finished(search.study, first[1])])
    assert [arm.name for arm in search.ask(3)] == ["trial-3"]


def test_trials_that_fail_are_an_outcome_and_lost_ones_are_tried_again(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    search = Search(study_of(), home)
    arms = search.ask(3)
    append_record(home, record_of(search.study, arms[0], "Diverged"))
    append_record(home, record_of(search.study, arms[1], LOST))
    again = study_of()
    again.take_up(read_back(search.study.plan()))
    assert [arm.name for arm in Search(again, home).waiting()] == ["trial-1", "trial-2"]
    search.tell([failed(search.study, arm) for arm in arms])
    assert len(play(search)) == 5 and search.study.tuned is not None


def test_where_every_trial_fails_there_is_no_winner(tmp_path: Path) -> None:
    search = Search(study_of(budget={"trials": 2}), home_of(tmp_path))
    for arm in search.ask(2):
        search.tell([failed(search.study, arm)])
    assert search.ask(2) == [] and search.over is not None and search.study.plan().comparisons == ()


def test_a_run_that_another_study_has_finished_is_not_trained_again(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    first = Search(study_of(), home)
    play(first)
    for arm in first.study.trial_arms():
        append_record(home, record_of(first.study, arm))
    other = Search(study_of(study="other"), home)
    assert play(other) == [] and other.study.tuned is not None


def test_values_that_cannot_be_together_cost_a_trial_and_not_the_search(tmp_path: Path) -> None:
    space = {
        "budget.batch_size": {"kind": "choice", "values": [20, 30]},
        "budget.num_shards": {"kind": "choice", "values": [1, 4]},
    }
    study = study_of(space=space, search={"kind": "grid"}, budget={})
    search = Search(study, home_of(tmp_path))
    assert len(play(search)) == 3
    (impossible,) = [trial for trial in study.tuning.trials if trial.impossible]
    assert impossible.values == {"budget.batch_size": 30, "budget.num_shards": 4} and not impossible.runs
    assert "cannot be cut into num_shards=4" in impossible.impossible


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"space": {"optimizer.lr": RAW["space"]["optimizer.lr"]}}, "space changed"),
        ({"search": {"kind": "random", "seed": 5}}, "search changed"),
        ({"scheduler": {"kind": "asha"}}, "scheduler changed"),
        ({"trial_seed": 77}, "trial_seed changed"),
        (
            {"base": RAW["base"] | {"precision": "fp32", "model": {"kind": "small_cnn", "width": 5}}},
            "base, or the images",
        ),
        ({"objectives": {"metric": {"name": "top5"}}}, "objectives.metric changed"),
    ],
)
def test_another_search_under_the_same_name_is_refused(tmp_path: Path, changes: dict, said: str) -> None:
    search = Search(study_of(), home_of(tmp_path))
    search.ask(1)
    with pytest.raises(SpecError, match=said):
        study_of(**changes).take_up(read_back(search.study.plan()))
    more = study_of(budget={"trials": 20}, confirm_seeds=5)
    more.take_up(read_back(search.study.plan()))
    assert len(more.tuning.trials) == 1, "a budget may grow"


def test_a_grids_study_of_that_name_is_left_alone() -> None:
    with pytest.raises(SpecError, match="is a grid's study in this home"):
        study_of().take_up(plan_of(grid(factors={"mixup": {"strategies": [{"kind": "mixup"}]}})).plan)


def test_images_are_prepared_for_every_choice_and_a_range_of_sizes_is_refused() -> None:
    sizes = {"data.prepared_px": {"kind": "choice", "values": [8, 12, 16]}}
    assert len(study_of(space=sizes).data) == 3
    with pytest.raises(SpecError, match="each value needs the images prepared anew; list the values"):
        study_of(space={"data.prepared_px": {"kind": "integer", "low": 8, "high": 16}})
    crops = {"data.image_size_px": {"kind": "integer", "low": 8, "high": 16}}
    assert len(study_of(space=crops).data) == 1, "cut from the same stored copies"
