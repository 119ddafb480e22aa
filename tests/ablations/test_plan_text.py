import math
import statistics
from dataclasses import replace

import pytest
from scipy import stats

from ablations.commands.plan_text import (
    Noise,
    detectable,
    detectable_lines,
    estimate,
    noise,
    plan_json,
    plan_lines,
)
from ablations.planning.planned import Planned
from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.study import Comparison
from reports.stats.estimate import Method
from reports.stats.power import smallest_effect
from tests.ablations.grids import MIXUP, NUM_VAL, SMOOTHING, grid, plan_of
from tests.ablations.kept_results import finished, timing

TWO = {"mixup": MIXUP, "smoothing": SMOOTHING}
NONE_FINISHED: frozenset[str] = frozenset()


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def keep(home: Home, planned: Planned, top1: dict[tuple[str, int], float]) -> frozenset[str]:
    """Records of these arms and seeds; returns their run keys."""
    keys = set()
    for (arm, seed), value in top1.items():
        record = finished(planned.plan.arm(arm).final, seed, top1=value)
        store.append_record(home, record)
        keys.add(record.key)
    return frozenset(keys)


def test_unknown_stages_are_estimated_from_a_probe_of_one_step(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablations.planning.step_probe.StepProbe.step_s", lambda self, spec, num_classes: 0.5)
    planned = plan_of(grid(factors=TWO, seeds=[0, 1]))
    cost = estimate(planned, home, NONE_FINISHED)
    assert (cost.pending, cost.finished, cost.measured) == (8, 0, 0)
    # 60 images in batches of 20, 2 epochs, 4 stages, 2 seeds
    assert cost.one_after_another_s == pytest.approx(0.5 * 3 * 2 * 8)
    assert (cost.num_one_seed, cost.one_seed_s) == (4, pytest.approx(0.5 * 3 * 2 * 4))


def test_stages_that_ran_before_are_estimated_by_what_they_took(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablations.planning.step_probe.StepProbe.step_s", lambda self, spec, num_classes: 0.5)
    planned = plan_of(grid(factors=TWO, seeds=[0, 1]))
    done = keep(home, planned, {("bare", 0): 0.5, ("full", 0): 0.6})
    store.append_timing(home, timing(planned.plan.arm("+mixup").final, 0))
    cost = estimate(planned, home, done)
    assert (cost.pending, cost.finished, cost.measured) == (6, 2, 2)
    step_s = timing(planned.plan.arm("+mixup").final, 0).step_ms / 1000
    # seed 1 of bare and full as records say (12.5 s each); mixup as it was timed, smoothing by the probe, 2 seeds each
    assert cost.one_after_another_s == pytest.approx(2 * 12.5 + 2 * 6 * step_s + 2 * 6 * 0.5)
    assert cost.one_seed_s == pytest.approx(2 * 12.5 + 6 * step_s + 6 * 0.5), "a new seed trains bare and full again"


def test_noise_is_assumed_binomial_until_an_arm_has_two_seeds(home: Home) -> None:
    planned = plan_of(grid(factors=TWO))
    assumed = noise(planned, home)
    assert assumed is not None and assumed.source.startswith("assumed: 10% error on 40 val images")
    assert assumed.sd == pytest.approx(100 * math.sqrt(0.1 / (2 * NUM_VAL)))
    keep(home, planned, {("bare", 0): 0.5, ("+mixup", 0): 0.6})
    assert noise(planned, home) == assumed, "one seed says nothing about spread"


def test_noise_is_pooled_over_the_arms_that_have_run(home: Home) -> None:
    planned = plan_of(grid(factors=TWO))
    bare, mixup = [0.50, 0.53, 0.58], [0.60, 0.66]
    keep(home, planned, {("bare", i): v for i, v in enumerate(bare)} | {("+mixup", i): v for i, v in enumerate(mixup)})
    found = noise(planned, home)
    # "-smoothing" is the same run as "+mixup": with two factors, arms share runs
    variances = [(2, statistics.variance(bare)), (1, statistics.variance(mixup))]
    expected = 100 * math.sqrt(sum(df * variance for df, variance in variances) / 3)
    assert found is not None
    assert found.sd == pytest.approx(expected)
    assert "3 degrees of freedom" in found.source


def test_the_spread_of_a_single_arm_is_taken_at_its_upper_limit(home: Home) -> None:
    """Specification 2.6: plan with 2.117 s from three seeds, the square root of df over chi-squared's lower fifth."""
    planned = plan_of(grid(factors=TWO))
    keep(home, planned, {("bare", i): v for i, v in enumerate([0.50, 0.53, 0.58])})
    found, measured = noise(planned, home), 100 * statistics.stdev([0.50, 0.53, 0.58])
    assert found is not None
    assert found.sd == pytest.approx(measured * math.sqrt(2 / stats.chi2.ppf(0.2, 2)))
    assert found.source == f"80% upper limit of {measured:.2f} measured on one arm, 2 degrees of freedom"


def test_where_one_seed_more_changes_the_method_the_plan_says_so(home: Home) -> None:
    """From 2 seeds to 3 the smallest effect may grow: another method judges, which trusts less to other arms."""
    planned = plan_of(grid(factors=TWO, seeds=2))
    lines = detectable_lines(planned, Noise(1.0, "known"), "points")
    assert [line.split()[0] for line in lines] == ["noise", "detects", "detects", "from", "detects"]
    assert lines[3].strip() == (
        "from 3 seeds on the moderated t judges (df 4), no longer the pooled two-way (df 3), which leans more on the "
        "spread of other arms"
    )


def test_what_nobody_can_know_is_not_made_up(home: Home) -> None:
    planned = plan_of(grid(factors=TWO, metric={"name": "nll", "delta": 0.01}))
    assert noise(planned, home) is None
    assert detectable_lines(planned, None, "") == ["detects   unknown until one arm has run with two seeds"]
    assert plan_json(planned, home, NONE_FINISHED, 1)["smallest_detectable"] is None


def test_one_seed_allows_no_verdict_and_more_seeds_see_more(home: Home) -> None:
    planned = plan_of(grid(factors=TWO, seeds=1))
    found = noise(planned, home)
    assert found is not None
    lines = detectable_lines(planned, found, "points")
    assert "1 seed: no verdict is possible" in lines[1]
    alone = [detectable(planned, found.sd, seeds).alone for seeds in (2, 3, 4, 8)]
    assert all(effect is not None for effect in alone)
    three, four, eight = alone[1:]
    assert three > four > eight  # type: ignore[operator]
    for seeds in (3, 4, 8):
        effect = detectable(planned, found.sd, seeds)
        assert effect.after_correction > effect.alone  # type: ignore[operator]
    half = detectable(planned, found.sd / 2, 4).alone
    assert half == pytest.approx(four / 2)  # type: ignore[operator]


def test_the_plan_for_people_has_every_arm_and_what_these_seeds_can_show(home: Home) -> None:
    planned = plan_of(grid(factors=TWO, seeds=3, question="Does it help?"))
    text = plan_lines(planned, home, NONE_FINISHED, lanes=2)
    starts = [line.split()[0] for line in text if not line.startswith(" ")]
    head = ["study", "question", "data", "design", "arms", "runs", "to", "cost", "disk", "noise"]
    assert starts == [*head, "detects", "detects", "detects"]
    arms = {line.split()[0]: line for line in text if line.startswith("  ") and line.split()[0][0] in "bf+-"}
    assert arms.keys() == {arm.name for arm in planned.plan.arms}
    assert "shares a stage with +smoothing" in arms["-mixup"]
    assert "shares" not in arms["+smoothing"]
    assert any(line == "runs      12 unique training runs; sharing stages between arms saves 6" for line in text)
    found = noise(planned, home)
    assert found is not None
    mde = detectable(planned, found.sd, 3)
    (line,) = [line for line in text if line.startswith("detects   3 seeds")]
    assert f"an effect of {mde.alone:.2f} points" in line and f"{mde.after_correction:.2f} if it must" in line


def test_the_plan_for_programs_says_the_same(home: Home) -> None:
    planned = plan_of(grid(factors=TWO, seeds=3))
    done = keep(home, planned, {("bare", 0): 0.5})
    found = plan_json(planned, home, done, lanes=2)
    assert found["runs"] == {"unique": 12, "finished": 1, "pending": 11, "shared": 6}
    assert found["arms"]["full"] == [planned.plan.arm("full").final.stage_hash]
    assert found["plan_hash"] == planned.plan.plan_hash
    assert found["seconds"]["on_lanes"] == pytest.approx(found["seconds"]["sequential"] / 2)
    assert found["smallest_detectable_corrected"] > found["smallest_detectable"] > 0


def test_what_can_be_detected_is_that_of_the_declared_comparison_that_sees_least(home: Home) -> None:
    planned = plan_of(grid(factors=TWO, seeds=[0, 1, 2]))
    arms = ["bare", "+mixup", "+smoothing", "full"]

    def with_comparisons(*comparisons: Comparison) -> Planned:
        return replace(planned, plan=planned.plan.model_copy(update={"comparisons": comparisons}))

    main = tuple(
        Comparison(factor=name, context="averaged over the others", weights=dict(zip(arms, signs, strict=True)))
        for name, signs in (("mixup", (-0.5, 0.5, -0.5, 0.5)), ("smoothing", (-0.5, -0.5, 0.5, 0.5)))
    )
    averaged = detectable(with_comparisons(*main), 0.3, 3)
    # four arms, three seeds: 6 degrees of freedom; the weights' squares add up to 1
    assert (averaged.method, averaged.df) == (Method.POOLED, 6)
    assert averaged.alone == pytest.approx(smallest_effect(0.3, 3, 6))
    lead = main[0].model_copy(
        update={
            "context": "interaction",
            "exploratory": True,
            "weights": dict(zip(arms, (1.0, -1, -1, 1), strict=True)),
        }
    )
    assert detectable(with_comparisons(*main, lead), 0.3, 3) == averaged
    single = Comparison(factor="mixup", context="added to bare", treatment="+mixup", reference="bare")
    mixed = detectable(with_comparisons(*main, single), 0.3, 3)
    assert mixed.method is Method.PAIRED and mixed.alone == pytest.approx(smallest_effect(0.3 * 2**0.5, 3, 2))
