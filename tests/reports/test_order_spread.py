"""What other orders would have changed in a share of the gain, against a share computed by hand."""

import numpy as np
import pytest
from scipy import stats

from ablations.designs import Shapley, Stack, lay_out, plain_groups
from pipeline.spec.study import Arm, DataSummary, Metric, PlannedStage, StudyPlan
from reports.analysis.study import analyse
from tests.benchmarks.proof.studies import with_scores

NUM_FACTORS, SEEDS = 5, (0, 1, 2)


def plan_of(design: Shapley | Stack) -> StudyPlan:
    layout = lay_out(design, plain_groups(f"f{i}" for i in range(NUM_FACTORS)), ())
    arms = tuple(
        Arm(name=c.name, factors=c.factors, stages=(PlannedStage(name="main", stage_hash=c.name, spec={}),), recipe={})
        for c in layout.cells
    )
    return StudyPlan(
        study="orders", metric=Metric(delta=0.1), seeds=SEEDS, design=design.kind, arms=arms,
        comparisons=layout.comparisons,
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={"val": 10}),
    )  # fmt: skip


def notes_and_scores(design: Shapley | Stack) -> tuple[StudyPlan, dict[str, str], np.ndarray]:
    plan = plan_of(design)
    luck = np.random.default_rng(3).normal(size=(len(plan.arms), len(SEEDS)))
    # f0 and f1 fix the same problem: what either adds depends on whether the other is there
    luck += np.array([[4.0 * bool({"f0", "f1"} & set(arm.factors))] for arm in plan.arms])
    effects = analyse(with_scores(plan, luck)).effects
    return plan, {e.factor: e.notes[-1] for e in effects if e.context == "share of the gain"}, luck


def test_the_spread_over_pairs_of_orders_stands_beside_the_interval() -> None:
    plan, notes, luck = notes_and_scores(Shapley(orders=8))
    level = {arm.name: row.mean() * 0.5 for arm, row in zip(plan.arms, luck, strict=True)}  # 0.5 pt in one sd
    for comparison in plan.comparisons:
        assert len(comparison.draws) == 4 and all(len(draw) == 2 for draw in comparison.draws)
        gains = np.array([[level[after] - level[before] for after, before in draw] for draw in comparison.draws])
        assert gains.mean() == pytest.approx(sum(w * level[arm] for arm, w in comparison.weights.items()))
        half = stats.t.ppf(0.975, 3) * stats.sem(gains.mean(axis=1))
        assert notes[comparison.factor] == (
            f"over 8 sampled orders its step gave {gains.min():+.2f} pt to {gains.max():+.2f} pt; other orders could "
            f"move the share by ±{half:.2f} pt (95%, t over 4 pairs of orders), beside what its interval says of the "
            "seeds"
        )


def test_one_pair_of_orders_says_nothing_about_others() -> None:
    _, notes, _ = notes_and_scores(Shapley(orders=2))
    assert all(note.endswith("what other orders would change is unknown: raise orders") for note in notes.values())


def test_the_orders_of_a_stack_are_drawn_one_by_one() -> None:
    _, notes, _ = notes_and_scores(Stack(orders=6))
    assert all("over 6 sampled orders" in note and "t over 6 orders)" in note for note in notes.values())
