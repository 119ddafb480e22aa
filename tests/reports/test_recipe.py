import pytest

from pipeline.spec.study import Context
from reports.recipe import recipe_to_keep
from reports.results import Effect
from reports.stats.verdict import Verdict
from tests.reports.fixtures import BASE, PATCHES, Options, make_plan

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
