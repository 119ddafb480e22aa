"""The diary of plans, and what is said where a plan is not the one that ran last."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from ablations.commands.plan_change_text import change_lines, change_texts, rule_lines
from ablations.commands.plan_text import plan_json, plan_lines
from ablations.planning.planned import Planned
from ablations.planning.promise import keep_promise, num_results
from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.errors import RecordError
from pipeline.spec.promise import Promise
from pipeline.training.environment import code_version
from reports.records.load import load_study
from tests.ablations.grids import MIXUP, SMOOTHING, grid, plan_of
from tests.ablations.kept_results import failed, finished

LOOKS = {"kind": "looks", "at": [3, 5, 10]}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def one(**fields: object) -> Planned:
    """mixup added to bare."""
    return plan_of(grid(**{"factors": {"mixup": MIXUP}, "design": {"kind": "add_one_in"}, **fields}))


def keep(home: Home, planned: Planned, *runs: tuple[str, int]) -> frozenset[str]:
    """Finished runs of these arms and seeds; returns their keys."""
    for arm, seed in runs:
        store.append_record(home, finished(planned.plan.arm(arm).final, seed))
    return frozenset(record.key for record in store.read_records(home).values())


def test_the_first_plan_is_kept_with_time_and_code_and_once(home: Home) -> None:
    plan = one().plan
    entry = keep_promise(home, plan)
    assert (entry.plan_hash, entry.num_results, entry.code_version) == (plan.plan_hash, 0, code_version())
    assert entry.started_at.endswith("Z") and entry.seeds == (0, 1, 2)
    assert keep_promise(home, plan) == entry, "going on with a study is no new plan"
    assert store.read_plan_entries(home, plan.study) == (entry,)


def test_an_edited_plan_is_a_new_line_with_what_was_known_by_then(home: Home) -> None:
    first, edited = one(), one(metric={"name": "top1", "delta": 0.1})
    keep_promise(home, first.plan)
    keep(home, first, ("bare", 0), ("+mixup", 1))
    assert keep_promise(home, edited.plan).num_results == 0, "no seed has finished in both arms"
    keep(home, first, ("+mixup", 0))
    assert keep_promise(home, first.plan).num_results == 1
    promises = [entry.promise.delta for entry in store.read_plan_entries(home, "tricks")]
    assert promises == [0.5, 0.1, 0.5], "the order is the study's history"


def test_results_of_an_earlier_plan_stay_known_although_every_run_is_new(home: Home) -> None:
    """Whoever edits the base after a look has new runs only, but has seen results nevertheless."""
    first = one()
    keep_promise(home, first.plan)
    keep(home, first, ("bare", 0), ("+mixup", 0))
    longer = plan_of(grid({"budget": {"epochs": 9, "batch_size": 20}}, factors={"mixup": MIXUP}))
    assert not {run.key for run in first.runs} & {run.key for run in longer.runs}
    assert keep_promise(home, longer.plan).num_results == 1


def test_seeds_of_a_rule_are_a_line_of_the_same_promise(home: Home) -> None:
    three = one(more_seeds=LOOKS).plan
    five = three.model_copy(update={"seeds": (0, 1, 2, 3, 4)})
    entries = [keep_promise(home, three), keep_promise(home, five)]
    assert [entry.seeds for entry in entries] == [(0, 1, 2), (0, 1, 2, 3, 4)]
    assert entries[0].plan_hash == entries[1].plan_hash and entries[0].promise == entries[1].promise
    assert load_study_with(home, five).plans == tuple(entries)


def load_study_with(home: Home, plan):
    store.write_plan(home, plan)
    return load_study(home.root, plan.study)


def test_a_result_needs_one_seed_in_all_arms_and_failures_are_none() -> None:
    both = plan_of(grid(factors={"mixup": MIXUP, "smoothing": SMOOTHING})).plan
    bare, mixup, full = (both.arm(name).final for name in ("bare", "+mixup", "full"))
    assert num_results([both.promise], [finished(bare, 0), finished(mixup, 1)]) == 0
    assert num_results([both.promise], [finished(bare, 0), failed(mixup, 0)]) == 0
    assert num_results([both.promise], [finished(bare, 0), finished(mixup, 0)]) == 1
    # "full" without smoothing is "+mixup" again
    assert num_results([both.promise], [finished(s, 0) for s in (bare, mixup, full)]) == 2
    assert num_results([both.promise] * 3, [finished(s, 0) for s in (bare, mixup, full)]) == 2, "counted once"


def test_a_promise_is_frozen_and_a_torn_diary_is_named(home: Home) -> None:
    plan = one().plan
    with pytest.raises(ValidationError):
        plan.promise.delta = 1.0  # type: ignore[misc]
    assert Promise.model_validate_json(plan.promise.model_dump_json()) == plan.promise
    keep_promise(home, plan)
    home.plans(plan.study).write_text('{"plan_hash": 3}\n')
    with pytest.raises(RecordError, match="line 1"):
        keep_promise(home, plan)


def test_nothing_is_said_before_a_first_run_or_without_a_change(home: Home) -> None:
    planned = one()
    assert change_lines(planned, home, frozenset()) == []
    store.write_plan(home, planned.plan)
    assert change_lines(planned, home, frozenset()) == []
    assert plan_json(planned, home, frozenset(), 1)["changed"] == ()


def test_an_edited_grid_says_what_changed_what_is_reused_and_that_it_will_be_listed(home: Home) -> None:
    first = one()
    store.write_plan(home, first.plan)
    done = keep(home, first, ("bare", 0), ("+mixup", 0), ("bare", 1), ("+mixup", 1), ("bare", 2), ("+mixup", 2))
    edited = one(factors={"mixup": MIXUP, "smoothing": SMOOTHING}, seeds=4, metric={"name": "top1", "delta": 0.2})
    lines = change_lines(edited, home, done)
    assert lines[0] == "changed   the plan changed since it last ran: 6 runs are reused, 10 are new; changed:"
    assert [line.strip() for line in lines[1:]] == [
        "delta: delta was 0.5, now it is 0.2",
        "comparisons: added: smoothing added to bare",
        "comparisons: the size of the family was 1, now it is 2",
        "arms: added: +smoothing",
        "arms: changed in their recipes: full",
        "seeds: 0, 1, 2 ran last, now 0, 1, 2, 3 do",
        "1 comparison has a result already, so the report will list this as a deviation",
    ]
    assert [line for line in plan_lines(edited, home, done, 1) if line in lines] == lines
    assert plan_json(edited, home, done, 1)["changed"] == change_texts(first.plan, edited.plan)


def test_before_any_result_an_edit_is_no_deviation_and_a_declared_look_never_is(home: Home) -> None:
    first = one(more_seeds=LOOKS)
    store.write_plan(home, first.plan)
    assert not any("deviation" in line for line in change_lines(one(seeds=4), home, frozenset()))
    done = keep(home, first, *((arm, seed) for arm in ("bare", "+mixup") for seed in (0, 1, 2)))
    spec = grid(factors={"mixup": MIXUP}, design={"kind": "add_one_in"}, more_seeds=LOOKS)
    five = plan_of(spec, seeds=(0, 1, 2, 3, 4))
    assert change_lines(five, home, done) == [
        "changed   the plan changed since it last ran: 6 runs are reused, 4 are new; changed:",
        "          seeds: 0, 1, 2 ran last, now 0, 1, 2, 3, 4 do",
    ]


def test_a_plan_names_its_rule_and_what_comes_next() -> None:
    assert rule_lines(one().plan) == []
    (looks,) = rule_lines(one(more_seeds=LOOKS).plan)
    assert "looks at 3, 5 and 10 seeds (now at 3), each judged at 0.019; next: ablate run --add-seeds" in looks
    (precise,) = rule_lines(one(more_seeds={"kind": "precision", "half_width": 0.4, "max_seeds": 9}).plan)
    assert "95% intervals of ±0.4 with at most 9 seeds; 3 seeds are the first stage" in precise
