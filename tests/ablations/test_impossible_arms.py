"""Plans of grids whose factors clash, through the real specs."""

import pytest

from ablations.home import Home
from ablations.plan_text import plan_json, plan_lines
from ablations.possible import IDLE
from pipeline.spec.errors import SpecError
from pipeline.spec.study import StudyPlan
from tests.ablations.grids import COSINE, DISTILL, MIXUP, SMOOTHING, grid, let_clash, plan_of

THREE = {"mixup": MIXUP, "smoothing": SMOOTHING, "cosine": COSINE}
TINY = {"strategies": [{"kind": "progressive_resizing", "from_px": 64}]}  # images are 16 px
BRIGHTEN = "tests.pipeline.contract.tricks:BrightenConfig"
CLASH = "strategies: mixup clashes with label_smoothing: both mix; switch one of them off"


@pytest.fixture
def clash(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")


def test_a_full_recipe_that_cannot_be_leaves_the_half_that_adds_to_bare(clash: None) -> None:
    planned = plan_of(grid(factors=THREE, seeds=2))
    plan = planned.plan
    assert [arm.name for arm in plan.arms] == ["bare", "+mixup", "+smoothing", "+cosine"]
    assert len(planned.runs) == 4 * 2
    assert {arm for run in planned.runs for arm in run.arms} == {arm.name for arm in plan.arms}
    assert {(c.factor, c.context) for c in plan.comparisons} == {(name, "added to bare") for name in THREE}
    assert {(c.factor, c.context) for c in plan.unassessed} == {(name, "removed from full") for name in THREE}
    reasons = {arm.name: (arm.reason, arm.clash) for arm in plan.skipped}
    pair = ("mixup", "smoothing")
    assert reasons == {"full": (CLASH, pair), "-cosine": (CLASH, pair), "-mixup": (IDLE, ()), "-smoothing": (IDLE, ())}
    assert plan.skipped[0].factors == tuple(THREE)
    assert StudyPlan.model_validate_json(plan.model_dump_json()) == plan


def test_the_arms_that_can_be_are_the_ones_they_would_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {arm.name: arm for arm in plan_of(grid(factors=THREE)).plan.arms}
    let_clash(monkeypatch, "mixup", "label_smoothing")
    assert all(arm == before[arm.name] for arm in plan_of(grid(factors=THREE)).plan.arms)


def test_a_strategy_that_cannot_work_with_the_base_is_skipped_alone() -> None:
    plan = plan_of(grid(factors={"mixup": MIXUP, "tiny": TINY}, design={"kind": "add_one_in"})).plan
    assert [arm.name for arm in plan.arms] == ["bare", "+mixup"]
    assert {arm.name: arm.clash for arm in plan.skipped} == {"+tiny": ("tiny",), "full": ("tiny",)}
    assert "from_px=64 is above data.image_size_px=16" in plan.skipped[0].reason
    assert [c.factor for c in plan.unassessed] == ["tiny"]


def test_a_strategy_that_another_factor_makes_possible_is_judged_where_it_can_be() -> None:
    plan = plan_of(grid(factors={"tiny": TINY, "large": {"data.image_size_px": 80}})).plan
    assert [arm.name for arm in plan.skipped] == ["+tiny", "-large"]
    assert {(c.factor, c.context) for c in plan.comparisons} == {
        ("large", "added to bare"),
        ("tiny", "removed from full"),
    }


def test_what_a_recipe_brings_may_clash_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "distill", "mixup", "a teacher wants whole images")
    plan = plan_of(grid(factors={"mixup": MIXUP, "teacher": DISTILL})).plan
    assert [arm.name for arm in plan.arms] == ["bare", "+mixup", "+teacher"]
    full = plan.skipped[0]
    assert full.clash == ("mixup", "teacher")
    assert full.reason.startswith("strategies: distill clashes with mixup: a teacher wants whole images")


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (
            {"kind": "sgd", "lr": 0.1, "momentum": 0.0},
            "schedule one_cycle cycles the momentum, which is 0 in optimizer",
        ),
        ({"kind": "timm", "name": "adagrad", "lr": 0.1}, "schedule: one_cycle cycles the momentum, but Adagrad has"),
    ],
)
def test_a_schedule_and_an_optimizer_that_cannot_be_together_clash_as_well(optimizer: dict, reason: str) -> None:
    factors = {"cycle": {"schedule": {"kind": "one_cycle"}}, "other": {"optimizer": optimizer}, "mixup": MIXUP}
    plan = plan_of(grid(factors=factors)).plan
    assert [arm.name for arm in plan.arms] == ["bare", "+cycle", "+other", "+mixup"]
    full = plan.skipped[0]
    assert full.clash == ("cycle", "other") and full.reason.startswith(reason)


def test_the_clashes_of_a_trick_of_ones_own_count_as_the_catalogues_do() -> None:
    own = {"strategies": [{"kind": "custom", "target": BRIGHTEN}]}
    plan = plan_of(grid(factors={"mixup": MIXUP, "own": own, "cosine": COSINE})).plan
    full = plan.skipped[0]
    assert (full.name, full.clash) == ("full", ("mixup", "own"))
    assert f"{BRIGHTEN} clashes with mixup: they are too bright together" in full.reason
    with pytest.raises(SpecError, match="they are too bright together; this factor switches on both"):
        grid(factors={"both": {"strategies": own["strategies"] + MIXUP["strategies"]}})


def test_data_that_only_a_skipped_arm_needs_is_not_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "placebo")
    factors = {"fine": SMOOTHING, "large": {"data.prepared_px": 16, **MIXUP}}
    base = {"strategies": [{"kind": "placebo"}]}
    assert len(plan_of(grid(base, factors=factors)).data) == 1
    assert len(plan_of(grid(factors=factors)).data) == 2


def test_a_control_that_cannot_be_is_skipped(clash: None) -> None:
    base = {"strategies": SMOOTHING["strategies"]}
    plan = plan_of(grid(base, factors={"cosine": COSINE}, controls={"mix": MIXUP})).plan
    assert [arm.name for arm in plan.skipped] == ["+mix"]
    assert [(c.factor, c.control) for c in plan.unassessed] == [("mix", True)]


def test_where_nothing_is_left_to_compare_the_plan_is_refused(clash: None) -> None:
    with pytest.raises(SpecError, match=r"(?s)arm full: strategies: mixup clashes .*choose design: \{kind: add_one"):
        plan_of(grid(factors=THREE, design={"kind": "leave_one_out"}))


def test_a_fault_of_one_patch_still_stops_the_plan(clash: None) -> None:
    with pytest.raises(SpecError, match=r"arm \+big, stage main: budget\.batch_size=80"):
        plan_of(grid(factors={**THREE, "big": {"budget.batch_size": 80}}))
    with pytest.raises(SpecError, match=r"factors\.typo\.strategies: item 0: there is no strategy 'mixupp'"):
        grid(factors={**THREE, "typo": {"strategies": [{"kind": "mixupp"}]}})


def test_a_skipped_arm_is_part_of_what_was_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan_of(grid(factors=THREE)).plan.plan_hash
    let_clash(monkeypatch, "mixup", "label_smoothing")
    assert plan_of(grid(factors=THREE)).plan.plan_hash != before


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def test_the_plan_says_what_is_skipped_and_why(clash: None, home: Home) -> None:
    planned = plan_of(grid(factors=THREE))
    text = plan_lines(planned, home, frozenset(), lanes=1)
    assert f"skipped   arms full, -cosine: factors mixup and smoothing: {CLASH}" in text
    assert f"skipped   arms -mixup, -smoothing: {IDLE}" in text
    (lost,) = [line for line in text if "not assessed without them: " in line]
    assert lost.endswith("mixup removed from full, smoothing removed from full, cosine removed from full")
    found = plan_json(planned, home, frozenset(), lanes=1)
    assert found["skipped"]["full"] == f"factors mixup and smoothing: {CLASH}"
    assert found["unassessed"][0]["factor"] == "mixup" and "full" not in found["arms"]


def test_the_plan_says_what_changes_without_being_named_and_what_does_not_change(home: Home) -> None:
    sgd = {"kind": "sgd", "lr": 0.1, "weight_decay": 5.0e-5}
    factors = {"adamw": {"optimizer": {"kind": "adamw", "lr": 0.1}}, "same": {"precision": "fp32"}, "mixup": MIXUP}
    planned = plan_of(grid({"optimizer": sgd}, factors=factors))
    text = plan_lines(planned, home, frozenset(), lanes=1)
    arms = "arms +adamw, full, -same, -mixup"
    assert f"hidden    optimizer.weight_decay: 5e-05 -> 0.05, not named by factor adamw ({arms})" in text
    same = [line for line in text if line.startswith("NO EFFECT ")]
    assert [line.split(": ")[0] for line in same] == [
        "NO EFFECT same added to bare",
        "NO EFFECT same removed from full",
    ]
    found = plan_json(planned, home, frozenset(), lanes=1)
    assert found["hidden_changes"][0]["arms"] == ("+adamw", "full", "-same", "-mixup")
    assert {comparison["factor"] for comparison in found["no_effect"]} == {"same"}


def test_a_plan_with_nothing_to_find_says_nothing(home: Home) -> None:
    text = plan_lines(plan_of(grid(factors=THREE)), home, frozenset(), lanes=1)
    assert not [line for line in text if line.startswith(("skipped", "hidden", "NO EFFECT"))]
