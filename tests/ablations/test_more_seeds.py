import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ablations.planning.more_seeds import level, next_seeds, seeds_so_far
from ablations.planning.planned import Planned
from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.errors import SpecError
from pipeline.spec.more_seeds import Looks, NoMoreSeeds, Precision
from reports.stats.looks import constant_alpha
from tests.ablations.grids import MIXUP, SMOOTHING, grid, plan_of
from tests.ablations.kept_results import failed, finished

LOOKS = {"kind": "looks", "at": [3, 5, 10]}
# Reference case R19: the first three differences have sd .240069, and a half-width of .2 needs 27 seeds.
TREATMENT, REFERENCE = (94.10, 93.82, 94.31), (93.61, 93.70, 93.74)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def planned(rule: dict | None = None, seeds: tuple[int, ...] | None = None, num_seeds: int = 3) -> Planned:
    """One factor, added to bare."""
    more = {"more_seeds": rule} if rule else {}
    one = grid(factors={"mixup": MIXUP}, design={"kind": "add_one_in"}, seeds=num_seeds, **more)
    return plan_of(one, seeds=seeds)


def keep_all(home: Home, plan: Planned, scores: dict[str, tuple[float, ...]]) -> None:
    """Finished runs of these arms, in points, with the plan's seeds; `full` is the only factor's arm again."""
    for arm, points in scores.items():
        for seed, value in zip(plan.plan.seeds, points, strict=True):
            store.append_record(home, finished(plan.plan.arm(arm).final, seed, top1=value / 100))


def keep_reference_case(home: Home, plan: Planned) -> None:
    keep_all(home, plan, {"bare": REFERENCE, "+mixup": TREATMENT})


def test_levels_are_those_of_the_specification() -> None:
    assert level(NoMoreSeeds()) == level(Precision(half_width=0.2, max_seeds=9)) == 0.05
    assert level(Looks(at=(3, 5, 10))) == 0.019
    assert level(Looks(at=tuple(range(3, 11)))) == 0.012


def test_the_level_of_a_schedule_of_ones_own_keeps_five_percent() -> None:
    """scipy's own t-test on other random numbers: both looks together err in at most 5% of studies, and hardly less."""
    at = (4, 7)
    differences = np.random.default_rng(5).standard_normal((40_000, at[-1]))
    p_values = np.array([stats.ttest_1samp(differences[:, :n], 0, axis=1)[1] for n in at])
    smallest = p_values.min(axis=0)
    rate = float(np.mean(smallest < constant_alpha(at)))
    error = math.sqrt(0.05 * 0.95 / 40_000)
    assert 0.05 - 4 * error - 0.002 < rate < 0.05 + 4 * error  # .002: the level is rounded down to three digits


def test_a_plan_carries_its_rule_and_level() -> None:
    plan = planned(LOOKS).plan
    assert (plan.more_seeds, plan.alpha, plan.first_seeds) == (Looks(at=(3, 5, 10)), 0.019, (0, 1, 2))
    assert planned().plan.alpha == 0.05


def test_seeds_of_a_first_stage_are_those_of_the_grid() -> None:
    rule = {"kind": "precision", "half_width": 0.2, "max_seeds": 9}
    assert planned(rule, (0, 1, 2, 3, 4)).plan.stage_one_seeds == (0, 1, 2)
    assert planned(LOOKS, (0, 1, 2, 3, 4)).plan.stage_one_seeds == (0, 1, 2, 3, 4)
    assert planned().plan.stage_one_seeds == (0, 1, 2)


def test_without_a_rule_no_seed_is_added_and_the_message_says_what_to_write(home: Home) -> None:
    with pytest.raises(SpecError, match="optional stopping") as error:
        next_seeds(planned().plan, home)
    assert "more_seeds: {kind: looks, at: [3, 5, 10]}" in str(error.value)
    grid(factors={"mixup": MIXUP}, seeds=3, more_seeds={"kind": "looks", "at": [3, 5, 10]})  # as it says


@pytest.mark.parametrize(
    ("rule", "num_seeds", "message"),
    [
        ({"kind": "looks", "at": [3]}, 3, "at least 2"),
        ({"kind": "looks", "at": [3, 3]}, 3, "rising numbers"),
        ({"kind": "looks", "at": [1, 3]}, 1, "rising numbers of seeds from 2"),
        ({"kind": "looks", "at": [5, 10]}, 3, "first look is at 5 seeds, but the grid has 3"),
        ({"kind": "precision", "half_width": 0.5, "max_seeds": 3}, 3, "max_seeds above them, not 3"),
        ({"kind": "precision", "half_width": 0.5, "max_seeds": 9}, 1, "at least 2, to measure the spread"),
        ({"kind": "precision", "half_width": 0, "max_seeds": 9}, 3, "expected a number above 0, got 0"),
        ({"kind": "untill_it_works"}, 3, "more_seeds"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(rule: dict, num_seeds: int, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        grid(factors={"mixup": MIXUP}, seeds=num_seeds, more_seeds=rule)


def test_a_look_that_is_not_complete_comes_first(home: Home) -> None:
    plan = planned(LOOKS)
    step = next_seeds(plan.plan, home)
    assert step.seeds == (0, 1, 2) and "6 runs of the present 3 seeds are to go" in step.note
    keep_reference_case(home, plan)
    assert next_seeds(plan.plan, home).seeds == (0, 1, 2, 3, 4)


def test_every_look_is_gone_to_and_there_is_none_after_the_last(home: Home) -> None:
    seen = []
    seeds: tuple[int, ...] = (0, 1, 2)
    for _ in range(2):
        plan = planned(LOOKS, seeds)
        for arm, seed in itertools.product(("bare", "+mixup"), seeds):
            store.append_record(home, finished(plan.plan.arm(arm).final, seed, top1=0.5 + 0.001 * seed))
        step = next_seeds(plan.plan, home)
        seen.append(len(step.seeds))
        seeds = step.seeds
    assert seen == [5, 10] and seeds == tuple(range(10))
    assert step.note == "look 3 of 3, at 10 seeds, each judged at 0.019: seeds 5, 6, 7, 8, 9 for every arm"
    plan = planned(LOOKS, seeds)
    for arm, seed in itertools.product(("bare", "+mixup"), seeds):
        store.append_record(home, finished(plan.plan.arm(arm).final, seed))
    with pytest.raises(SpecError, match="last of the declared looks, at 10 seeds, is complete"):
        next_seeds(plan.plan, home)


def test_a_failed_run_is_an_outcome_and_does_not_hold_up_the_next_look(home: Home) -> None:
    plan = planned(LOOKS)
    keep_reference_case(home, plan)
    two = planned(LOOKS, (0, 1, 2, 3, 4))
    for arm, seed in itertools.product(("bare", "+mixup"), (3, 4)):
        stage = two.plan.arm(arm).final
        store.append_record(home, failed(stage, seed) if (arm, seed) == ("+mixup", 4) else finished(stage, seed))
    assert len(next_seeds(two.plan, home).seeds) == 10


def test_seeds_that_an_arm_has_run_with_before_are_not_fresh(home: Home) -> None:
    plan = planned(LOOKS)
    keep_reference_case(home, plan)
    store.append_record(home, finished(plan.plan.arm("bare").final, 3))  # by another study of this home
    assert next_seeds(plan.plan, home).seeds == (0, 1, 2, 4, 5)


def test_a_wanted_interval_gets_the_seeds_of_steins_rule(home: Home) -> None:
    rule = {"kind": "precision", "half_width": 0.2, "max_seeds": 40}
    plan = planned(rule)
    keep_reference_case(home, plan)
    step = next_seeds(plan.plan, home)
    assert step.seeds == tuple(range(27)), "reference case R19"
    assert "intervals of ±0.2 pt need 27 seeds (sd 0.24 pt of mixup added to bare over the first 3 seeds)" in step.note
    # Asked again when they are there, or half way: the first stage alone decides, so nothing changes.
    later = planned(rule, step.seeds)
    for arm, seed in itertools.product(("bare", "+mixup"), range(3, 27)):
        wild = 0.5 + 0.3 * math.sin(seed)
        store.append_record(home, finished(later.plan.arm(arm).final, seed, top1=wild))
    assert next_seeds(later.plan, home).seeds == step.seeds


def test_a_cap_binds_and_is_said(home: Home) -> None:
    plan = planned({"kind": "precision", "half_width": 0.2, "max_seeds": 8})
    keep_reference_case(home, plan)
    step = next_seeds(plan.plan, home)
    assert step.seeds == tuple(range(8)) and "need 27 seeds" in step.note and "max_seeds=8" in step.note


def test_an_interval_that_is_narrow_enough_needs_no_more(home: Home) -> None:
    plan = planned({"kind": "precision", "half_width": 5.0, "max_seeds": 8})
    keep_reference_case(home, plan)
    step = next_seeds(plan.plan, home)
    assert step.seeds == (0, 1, 2) and "reached with the first 3 seeds" in step.note


def test_the_widest_comparison_of_the_family_decides(home: Home) -> None:
    two = grid(
        factors={"mixup": MIXUP, "smoothing": SMOOTHING},
        design={"kind": "add_one_in"},
        more_seeds={"kind": "precision", "half_width": 0.2, "max_seeds": 100},
    )
    plan = plan_of(two)
    calm = tuple(value + 0.1 * seed for seed, value in enumerate(REFERENCE))  # differences with sd .1: 5 seeds
    keep_all(home, plan, {"bare": REFERENCE, "+mixup": TREATMENT, "+smoothing": calm, "full": TREATMENT})
    step = next_seeds(plan.plan, home)
    assert len(step.seeds) == 27 and "mixup added to bare" in step.note


def test_a_first_stage_without_any_result_gives_no_number(home: Home) -> None:
    plan = planned({"kind": "precision", "half_width": 0.2, "max_seeds": 8})
    for arm, seed in itertools.product(("bare", "+mixup"), (0, 1, 2)):
        store.append_record(home, failed(plan.plan.arm(arm).final, seed))
    with pytest.raises(SpecError, match="no comparison has a spread over the 3 seeds"):
        next_seeds(plan.plan, home)


def test_a_plain_run_goes_on_with_the_added_seeds_and_an_edited_list_starts_anew() -> None:
    before = planned(LOOKS, (0, 1, 2, 3, 4)).plan
    same = grid(factors={"mixup": MIXUP}, seeds=3, more_seeds=LOOKS)
    assert seeds_so_far(same, before) == (0, 1, 2, 3, 4)
    assert seeds_so_far(same, None) == (0, 1, 2)
    without_rule = grid(factors={"mixup": MIXUP, "smoothing": SMOOTHING}, seeds=3)
    assert seeds_so_far(without_rule, before) == (0, 1, 2, 3, 4), "another edit loses no finished run"
    assert seeds_so_far(grid(factors={"mixup": MIXUP}, seeds=4), before) == (0, 1, 2, 3)


def test_seeds_that_a_rule_adds_leave_the_promise_as_it_was() -> None:
    three, five = planned(LOOKS).plan, planned(LOOKS, (0, 1, 2, 3, 4)).plan
    assert three.plan_hash == five.plan_hash and three.seeds != five.seeds
    assert planned(num_seeds=5).plan.plan_hash != planned().plan.plan_hash
    assert planned(LOOKS).plan.plan_hash != planned().plan.plan_hash
