import pytest

from pipeline.spec.study import Arm, Context, StudyPlan
from reports.analysis.recipe import recipe_to_keep
from reports.results.effect import Effect
from reports.stats.verdict import Verdict
from tests.reports.fixtures import BASE, PATCHES, Options, make_plan, without_full

PLAN = make_plan(Options())


def effect(factor: str, context: Context, verdict: Verdict) -> Effect:
    return Effect(
        factor=factor, context=context, treatment="t", reference="r", control=False, verdict=verdict, sentence="",
        n=3, num_seeds_planned=3, differences={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("added", "removed", "kept"),
    [
        (Verdict.HELPS, Verdict.HELPS, True),
        (Verdict.HELPS_SIZE_UNCERTAIN, Verdict.TOO_NOISY, True),
        (Verdict.HELPS, Verdict.HURTS, False),
        (Verdict.HELPS, Verdict.HURTS_SIZE_UNCERTAIN, False),
        (Verdict.TOO_NOISY, Verdict.HELPS, False),
        (Verdict.SUGGESTIVE, Verdict.NO_EVIDENCE, False),
        (Verdict.UNSTABLE, Verdict.HELPS, False),
        (Verdict.NO_EFFECT, Verdict.HELPS, False),
        (Verdict.NO_EFFECT, Verdict.NO_EFFECT, False),
        (Verdict.HELPS, Verdict.NO_EFFECT, True),
    ],
)
def test_the_rule(added: Verdict, removed: Verdict, kept: bool) -> None:
    found = recipe_to_keep(
        PLAN, (effect("mixup", "added to bare", added), effect("mixup", "removed from full", removed))
    )
    assert found.factors == (("mixup",) if kept else ())
    assert found.arm == ("+mixup" if kept else "bare")


def test_nothing_that_helps_keeps_bare() -> None:
    found = recipe_to_keep(PLAN, (effect("mixup", "added to bare", Verdict.HURTS),))
    assert found.recipe == BASE
    assert found.sentence == "Nothing was found to help: keep bare."


def test_a_design_that_only_removes_is_judged_by_that() -> None:
    found = recipe_to_keep(PLAN, (effect("cosine", "removed from full", Verdict.HELPS),))
    assert found.factors == ("cosine",)


def test_a_combination_that_was_not_run_is_merged_and_marked() -> None:
    helps = tuple(effect(name, "added to bare", Verdict.HELPS) for name in ("cosine", "mixup", "smoothing"))
    found = recipe_to_keep(PLAN, helps)
    assert found.arm is None
    assert "not run itself: confirm it" in found.sentence
    strategies = PATCHES["mixup"]["strategies"] + PATCHES["smoothing"]["strategies"]
    assert found.recipe == BASE | PATCHES["cosine"] | {"strategies": strategies}


def test_a_factor_that_was_only_ever_removed_is_in_the_recipe_all_the_same() -> None:
    """In a design that leaves one out no arm has one factor alone; its change is read off full and full without it."""
    plan = PLAN.model_copy(
        update={"arms": tuple(arm for arm in PLAN.arms if arm.name in ("bare", "full") or arm.name.startswith("-"))}
    )
    helps = tuple(effect(name, "removed from full", Verdict.HELPS) for name in ("cosine", "mixup"))
    found = recipe_to_keep(plan, helps)
    assert found.arm is None
    assert found.recipe == BASE | PATCHES["cosine"] | {"strategies": PATCHES["mixup"]["strategies"]}


def with_arms(**recipes: dict) -> StudyPlan:
    """A plan of bare, and of arms with one factor each that change its optimizer, and of one factor more."""
    stage = PLAN.arms[0].stages
    arms = {"bare": {}, **recipes, "other": {"precision": "fp32"}}
    return PLAN.model_copy(
        update={
            "arms": tuple(
                Arm(name=name, factors=() if name == "bare" else (name,), stages=stage, recipe=BASE | change)
                for name, change in arms.items()
            )
        }
    )


def test_two_factors_may_each_change_a_part_of_one_field() -> None:
    sgd = dict(BASE["optimizer"])
    plan = with_arms(faster={"optimizer": sgd | {"lr": 0.4}}, no_decay={"optimizer": sgd | {"weight_decay": 0.0}})
    helps = tuple(effect(name, "added to bare", Verdict.HELPS) for name in ("faster", "no_decay"))
    assert recipe_to_keep(plan, helps).recipe == BASE | {"optimizer": sgd | {"lr": 0.4, "weight_decay": 0.0}}


def test_a_factor_of_another_kind_takes_nothing_over_from_the_old_one() -> None:
    adamw = {"kind": "adamw", "lr": 0.001}
    helps = tuple(effect(name, "added to bare", Verdict.HELPS) for name in ("adamw", "other"))
    found = recipe_to_keep(with_arms(adamw={"optimizer": adamw}), helps)
    assert found.recipe == BASE | {"optimizer": adamw, "precision": "fp32"}


def gain(factor: str, estimate: float) -> Effect:
    return effect(factor, "added to bare", Verdict.HELPS).model_copy(update={"estimate": estimate})


@pytest.mark.parametrize(("mixup", "smoothing", "kept"), [(2.0, 1.0, "mixup"), (1.0, 2.0, "smoothing")])
def test_of_factors_that_clash_the_larger_estimate_stays(mixup: float, smoothing: float, kept: str) -> None:
    plan = without_full(PLAN, "both mix")
    found = recipe_to_keep(plan, (gain("cosine", 0.5), gain("mixup", mixup), gain("smoothing", smoothing)))
    (out,) = {"mixup", "smoothing"} - {kept}
    assert found.factors == ("cosine", kept) and found.left_out == (out,)
    assert found.recipe == BASE | PATCHES["cosine"] | {"strategies": PATCHES[kept]["strategies"]}
    assert f"{out} helps too, but cannot be beside {kept}: both mix." in found.sentence


def test_where_lower_is_better_the_larger_fall_stays() -> None:
    plan = without_full(make_plan(Options(metric="nll", delta=0.01)), "both mix")
    found = recipe_to_keep(plan, (gain("mixup", -0.2), gain("smoothing", -0.1)))
    assert found.factors == ("mixup",) and found.arm == "+mixup"


def test_an_arm_that_was_planned_can_be_whatever_was_skipped() -> None:
    plan = without_full(PLAN, "both mix")
    both = PLAN.arm("full").model_copy(update={"name": "both", "factors": ("mixup", "smoothing")})
    found = recipe_to_keep(
        plan.model_copy(update={"arms": (*plan.arms, both)}), (gain("mixup", 1.0), gain("smoothing", 2.0))
    )
    assert found.factors == ("mixup", "smoothing") and found.arm == "both" and found.left_out == ()


def test_a_factor_that_was_only_possible_in_the_full_recipe_cannot_be_kept_alone() -> None:
    alone = (
        without_full(PLAN, "it needs cosine")
        .skipped[0]
        .model_copy(update={"name": "+mixup", "factors": ("mixup",), "clash": ("mixup",)})
    )
    plan = PLAN.model_copy(
        update={"skipped": (alone,), "arms": tuple(arm for arm in PLAN.arms if arm.name != "+mixup")}
    )
    found = recipe_to_keep(plan, (effect("mixup", "removed from full", Verdict.HELPS),))
    assert found.factors == () and found.arm == "bare" and found.left_out == ("mixup",)
    assert found.sentence.endswith("mixup helps too, but cannot be beside bare: it needs cosine.")


def test_an_average_over_the_other_factors_decides_where_there_is_one() -> None:
    averaged: Context = "averaged over the others"
    kept = recipe_to_keep(
        PLAN,
        (
            effect("mixup", averaged, Verdict.HELPS),
            effect("mixup", "added to bare", Verdict.TOO_NOISY),
            effect("cosine", averaged, Verdict.HELPS),
            effect("cosine", "added to bare", Verdict.HURTS),
            effect("smoothing", averaged, Verdict.CONFOUNDED),
        ),
    )
    assert kept.factors == ("mixup",)
    assert kept.rule.startswith("Bare, plus every factor that helps on average")


def test_a_stack_keeps_the_steps_that_help_and_shares_decide_over_single_steps() -> None:
    step: Context = "added in this order"
    stack = (effect("mixup", step, Verdict.HELPS), effect("cosine", step, Verdict.TOO_NOISY))
    assert recipe_to_keep(PLAN, stack).factors == ("mixup",)
    assert "depends on what was added before" in recipe_to_keep(PLAN, stack).rule
    shares = (
        effect("mixup", "share of the gain", Verdict.TOO_NOISY),
        effect("cosine", "share of the gain", Verdict.HELPS),
    )
    assert recipe_to_keep(PLAN, stack + shares).factors == ("cosine",)


def test_what_is_exploratory_gives_no_advice() -> None:
    lead = effect("mixup", "interaction with the rest", Verdict.HELPS).model_copy(update={"exploratory": True})
    assert recipe_to_keep(PLAN, (lead, effect("cosine", "added to bare", Verdict.HELPS))).factors == ("cosine",)


@pytest.mark.parametrize(("mixup", "smoothing", "kept"), [(2.0, 1.0, "mixup"), (1.0, 2.0, "smoothing")])
def test_of_the_levels_of_one_factor_at_most_one_is_kept(mixup: float, smoothing: float, kept: str) -> None:
    plan = PLAN.model_copy(update={"exclusive": (("mixup", "smoothing"),)})
    found = recipe_to_keep(plan, (gain("cosine", 0.5), gain("mixup", mixup), gain("smoothing", smoothing)))
    (out,) = {"mixup", "smoothing"} - {kept}
    assert found.factors == ("cosine", kept) and found.left_out == (out,)
    assert f"{out} helps too, but {kept} is the level to keep of the factor that both belong to." in found.sentence


@pytest.mark.parametrize(("parent", "kept"), [(Verdict.TOO_NOISY, ()), (Verdict.HELPS, ("mixup", "cosine"))])
def test_what_needs_another_factor_is_kept_only_beside_it(parent: Verdict, kept: tuple[str, ...]) -> None:
    child = effect("cosine", "added to what it needs", Verdict.HELPS).model_copy(update={"reference": "+mixup"})
    found = recipe_to_keep(PLAN, (effect("mixup", "added to bare", parent), child))
    assert found.factors == kept
    assert ("cosine helps too, but it needs mixup, which is not kept." in found.sentence) is (kept == ())


def test_a_screen_that_mixes_every_effect_advises_nothing() -> None:
    mixed = tuple(effect(name, "averaged over the others", Verdict.CONFOUNDED) for name in ("mixup", "cosine"))
    found = recipe_to_keep(PLAN, mixed)
    assert found.arm == "bare" and found.sentence.startswith("Nothing can be said: this design mixes every effect")
    clear = effect("smoothing", "averaged over the others", Verdict.TOO_NOISY)
    assert recipe_to_keep(PLAN, (*mixed, clear)).sentence == "Nothing was found to help: keep bare."


def test_what_may_be_an_interaction_of_others_does_not_enter_the_recipe_silently() -> None:
    averaged: Context = "averaged over the others"
    clear = effect("cosine", averaged, Verdict.HELPS)
    mixed = effect("mixup", averaged, Verdict.HELPS).model_copy(
        update={"mixed_in": ("60% of cosine x distill", "55% of distill x smoothing")}
    )
    found = recipe_to_keep(PLAN, (clear, mixed))
    assert found.factors == ("cosine",) and found.arm == "+cosine" and found.left_out == ("mixup",)
    assert found.sentence == (
        "Keep bare + cosine: run here as '+cosine'. mixup helps, but more than half of an interaction is in its "
        "estimate (60% of cosine x distill and of 1 other): confirm it in a design that tells them apart."
    )
    alone = recipe_to_keep(PLAN, (mixed,))
    assert alone.arm == "bare" and alone.sentence.startswith(
        "Keep bare: no factor that helps can be kept as yet. mixup"
    )


def test_what_needs_a_doubtful_factor_waits_for_it() -> None:
    averaged: Context = "averaged over the others"
    mixed = effect("mixup", averaged, Verdict.HELPS).model_copy(update={"mixed_in": ("60% of cosine x distill",)})
    child = effect("cosine", "added to what it needs", Verdict.HELPS).model_copy(update={"reference": "+mixup"})
    found = recipe_to_keep(PLAN, (mixed, child))
    assert found.factors == () and set(found.left_out) == {"mixup", "cosine"}
