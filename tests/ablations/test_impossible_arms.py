"""Plans of grids whose factors clash, through the real specs."""

import pytest

from ablations.commands.plan_text import plan_json, plan_lines
from ablations.records.home import Home
from pipeline.spec.errors import SpecError
from pipeline.spec.study import StudyPlan
from pipeline.strategies import CATALOGUE
from tests.ablations.grids import COSINE, DISTILL, MIXUP, SMOOTHING, grid, let_clash, plan_of

THREE = {"mixup": MIXUP, "smoothing": SMOOTHING, "cosine": COSINE}
TINY = {"strategies": [{"kind": "progressive_resizing", "from_px": 64}]}  # images are 16 px
BRIGHTEN = "tests.pipeline.contract.tricks:BrightenConfig"
CLASH = "strategies: mixup clashes with label_smoothing: both mix; switch one of them off"


@pytest.fixture
def clash(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")


def test_factors_that_exclude_each_other_become_one_with_two_levels_so_that_every_arm_can_be(clash: None) -> None:
    planned = plan_of(grid(factors=THREE, seeds=2))
    plan = planned.plan
    assert {arm.name: arm.factors for arm in plan.arms} == {
        "bare": (),
        "+mixup": ("mixup",),
        "+smoothing": ("smoothing",),
        "+cosine": ("cosine",),
        "full": ("mixup", "cosine"),
        "-mixup": ("cosine",),
        "full~smoothing": ("smoothing", "cosine"),
        "-cosine": ("mixup",),
    }
    assert len(planned.runs) == 6 * 2, "-mixup is +cosine and -cosine is +mixup: no run twice"
    judged = {(c.factor, c.context): (c.treatment, c.reference) for c in plan.comparisons if not c.weights}
    assert judged["smoothing", "removed from full"] == ("full~smoothing", "-mixup")
    assert judged["smoothing", "added to bare"] == ("+smoothing", "bare")
    assert len(judged) == 6
    assert plan.skipped == () and plan.unassessed == ()
    (note,) = [note for note in plan.design_notes if "exclude" in note]
    assert note == f"mixup and smoothing exclude each other ({CLASH}): one factor with 2 levels; full has mixup"
    assert StudyPlan.model_validate_json(plan.model_dump_json()) == plan


def test_the_arms_that_exclude_nobody_are_the_ones_they_would_have_been(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {arm.name: arm for arm in plan_of(grid(factors=THREE)).plan.arms}
    let_clash(monkeypatch, "mixup", "label_smoothing")
    after = {arm.name: arm for arm in plan_of(grid(factors=THREE)).plan.arms}
    for name in ("bare", "+mixup", "+smoothing", "+cosine"):
        assert after[name] == before[name]


def test_a_strategy_that_cannot_work_with_the_base_is_skipped_alone_and_full_goes_without_it() -> None:
    plan = plan_of(grid(factors={"mixup": MIXUP, "cosine": COSINE, "tiny": TINY})).plan
    assert [arm.name for arm in plan.arms] == ["bare", "+mixup", "+cosine", "full", "-mixup", "-cosine"]
    assert plan.arm("full").factors == ("mixup", "cosine")
    assert {arm.name: arm.clash for arm in plan.skipped} == {"+tiny": ("tiny",)}
    assert "from_px=64 is above data.image_size_px=16" in plan.skipped[0].reason
    assert [c.factor for c in plan.unassessed] == ["tiny"]


def test_a_strategy_that_another_factor_makes_possible_is_judged_where_that_one_is_on() -> None:
    plan = plan_of(grid(factors={"tiny": TINY, "large": {"data.image_size_px": 80}})).plan
    assert plan.skipped == ()
    judged = {(c.factor, c.context): (c.treatment, c.reference) for c in plan.comparisons if not c.weights}
    assert judged == {
        ("large", "added to bare"): ("+large", "bare"),
        ("tiny", "added to what it needs"): ("+large+tiny", "+large"),
        ("tiny", "removed from full"): ("full", "-tiny"),
        ("large", "removed from full"): ("full", "-large"),
    }
    assert plan.arm("-large").factors == (), "without large there is no tiny either"
    (removal,) = [c for c in plan.comparisons if c.reference == "-large"]
    assert removal.note == "group removal: without large there is no tiny either"


def test_what_a_recipe_brings_may_clash_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "distill", "mixup", "a teacher wants whole images")
    plan = plan_of(grid(factors={"mixup": MIXUP, "teacher": DISTILL})).plan
    assert [arm.name for arm in plan.arms] == ["bare", "+mixup", "+teacher", "full", "-mixup", "full~teacher"]
    assert any("distill clashes with mixup: a teacher wants whole images" in note for note in plan.design_notes)


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
    assert plan.arm("full").factors == ("cycle", "mixup")
    assert plan.arm("full~other").factors == ("other", "mixup")
    (note,) = [note for note in plan.design_notes if "exclude" in note]
    assert note.startswith("cycle and other exclude each other") and reason in note


def test_the_clashes_of_a_trick_of_ones_own_count_as_the_catalogues_do() -> None:
    own = {"strategies": [{"kind": "custom", "target": BRIGHTEN}]}
    plan = plan_of(grid(factors={"mixup": MIXUP, "own": own, "cosine": COSINE})).plan
    assert any(f"{BRIGHTEN} clashes with mixup: they are too bright together" in note for note in plan.design_notes)
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


def test_one_that_excludes_factors_which_can_be_together_is_only_added_to_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    card = CATALOGUE["mixup"].card
    both = {"label_smoothing": "both mix", "ema": "no average of mixes"}
    monkeypatch.setattr(CATALOGUE["mixup"], "card", card.model_copy(update={"clashes": both}))
    factors = {"smoothing": SMOOTHING, "mixup": MIXUP, "average": {"strategies": [{"kind": "ema"}]}}
    plan = plan_of(grid(factors=factors)).plan
    assert plan.arm("full").factors == ("smoothing", "average")
    assert [c.context for c in plan.comparisons if c.factor == "mixup"] == ["added to bare"]
    (note,) = [note for note in plan.design_notes if "without mixup" in note]
    assert note.startswith("mixup cannot be together with smoothing nor with average (")


def test_a_fault_of_one_patch_still_stops_the_plan(clash: None) -> None:
    with pytest.raises(SpecError, match=r"arm \+big, stage main: budget\.batch_size=80"):
        plan_of(grid(factors={**THREE, "big": {"budget.batch_size": 80}}))
    with pytest.raises(SpecError, match=r"factors\.typo\.strategies: item 0: there is no strategy 'mixupp'"):
        grid(factors={**THREE, "typo": {"strategies": [{"kind": "mixupp"}]}})


def test_what_excludes_what_is_part_of_what_was_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan_of(grid(factors=THREE)).plan.plan_hash
    let_clash(monkeypatch, "mixup", "label_smoothing")
    assert plan_of(grid(factors=THREE)).plan.plan_hash != before


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def test_the_plan_says_what_is_skipped_and_why(home: Home) -> None:
    planned = plan_of(grid(factors={**THREE, "tiny": TINY}))
    text = plan_lines(planned, home, frozenset(), lanes=1)
    (skipped,) = [line for line in text if line.startswith("skipped")]
    assert skipped.startswith("skipped   arm +tiny: factor tiny: strategies: progressive_resizing: from_px=64 is above")
    (lost,) = [line for line in text if "not assessed without them: " in line]
    assert lost.endswith("tiny added to bare")
    found = plan_json(planned, home, frozenset(), lanes=1)
    assert found["skipped"]["+tiny"].startswith("factor tiny: ")
    assert found["unassessed"][0]["factor"] == "tiny" and "+tiny" not in found["arms"]


def test_the_plan_says_what_excludes_what(clash: None, home: Home) -> None:
    text = plan_lines(plan_of(grid(factors=THREE)), home, frozenset(), lanes=1)
    assert any(line.startswith("note      mixup and smoothing exclude each other (") for line in text)


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
