"""The whole analysis of a study, as one typed value."""

from reports.analysis.arms import pairing, summarise_arms
from reports.analysis.budgets import epoch_differences
from reports.analysis.completeness import assess_completeness
from reports.analysis.conditions import under_conditions
from reports.analysis.cost import total_cost
from reports.analysis.deviations import as_planned
from reports.analysis.effects import judge
from reports.analysis.findings import hidden_changes
from reports.analysis.noise import noise_floor, repeats, reruns
from reports.analysis.order_spread import with_order_spread
from reports.analysis.parity import parity
from reports.analysis.recipe import recipe_to_keep
from reports.analysis.robustness import with_robustness
from reports.analysis.run_warnings import run_warnings
from reports.analysis.secondary import with_secondary
from reports.analysis.shares import with_percentages
from reports.analysis.unassessed import in_grid_order, unassessed
from reports.records.load import StudyData
from reports.results.completeness import Completeness
from reports.results.effect import Effect
from reports.results.study import Analysis, Recipe
from reports.scale import scale_of_metric
from reports.stats.proportion import wilson
from reports.wording import answer, describe_setting, stand_in


def analyse(study: StudyData) -> Analysis:
    """Judge what has run so far, at the level of the plan. Works on an interrupted study, and says what is missing."""
    plan, alpha = study.plan, study.plan.alpha
    scale = scale_of_metric(plan.metric)
    completeness = assess_completeness(study)
    judged = judge(study, completeness, alpha)
    num_comparisons = len(judged.family.keys)
    checked = with_robustness(with_secondary(study, judged), num_comparisons, scale)
    arms = summarise_arms(study)
    percent = with_percentages(study, judged.family, checked, scale, alpha)
    planned = with_order_spread(study.plan, judged.family.cells, percent, scale)
    never_run = unassessed(plan)
    lost = tuple(effect for effect in never_run if not effect.control)
    effects = in_grid_order(plan, planned + lost) if lost else planned
    return Analysis(
        study=plan.study,
        question=plan.question,
        setting=describe_setting(plan),
        metric=plan.metric.name,
        metric_title=scale.title,
        unit=scale.unit,
        higher_is_better=scale.higher_is_better,
        delta=plan.metric.delta,
        seeds=plan.seeds,
        headline=judged.headline,
        level=1 - alpha,
        num_comparisons=num_comparisons,
        effects=effects,
        controls=with_robustness(judged.controls, 1, scale) + tuple(effect for effect in never_run if effect.control),
        answers=_answers(effects),
        arms=arms,
        completeness=completeness,
        total_cost=total_cost(study),
        noise_floor=noise_floor(study, judged.family.cells, scale),
        repeats=repeats(study, scale),
        reruns=reruns(study, scale),
        pairing=pairing(study, (stage for key in judged.family.keys for stage, _ in key), scale),
        recipe_to_keep=_so_far(recipe_to_keep(plan, planned), completeness),
        plan_hash=plan.plan_hash,
        as_planned=as_planned(study, completeness),
        parity=parity(plan, arms, scale),
        hidden_changes=hidden_changes(plan),
        under_conditions=under_conditions(study, effects),
        warnings=(
            study.warnings
            + _warnings(study, completeness, effects, judged.controls)
            + epoch_differences(study)
            + run_warnings(study)
        ),
    )


def _so_far(recipe: Recipe, done: Completeness) -> Recipe:
    """Advice from half a study must not look like that from a whole one."""
    if not done.num_missing:
        return recipe
    left = f"{done.num_missing} of {done.num_planned} runs are still to come"
    return recipe.model_copy(update={"sentence": f"{recipe.sentence} Not final: {left}."})


def _answers(effects: tuple[Effect, ...]) -> dict[str, str]:
    """By factor, from what was declared; an exploratory effect answers nothing."""
    declared: dict[str, tuple[Effect, ...]] = {}
    for effect in effects:
        if not effect.exploratory:
            declared[effect.factor] = (*declared.get(effect.factor, ()), effect)
    return {factor: answer(own) for factor, own in declared.items()}


def _failures_within_averages(completeness: Completeness, effects: tuple[Effect, ...]) -> list[str]:
    """Failed arms that weighted sums are made of, said once: every one of the sums would have to repeat them."""
    arms = dict.fromkeys(arm for effect in effects for arm in effect.weights)
    found = []
    for arm in arms:
        cells = completeness.of_arm(arm)
        if failed := sum(cell.state == "failed" for cell in cells):
            limits = wilson(failed, len(cells))
            found.append(f"{arm}: {failed} of {len(cells)} runs failed (95% CI {limits.low:.0%} to {limits.high:.0%})")
    if not found:
        return []
    return [f"{'; '.join(found)}. Averages, shares and interactions over arms are conditional on success"]


def _warnings(
    study: StudyData, completeness: Completeness, effects: tuple[Effect, ...], controls: tuple[Effect, ...]
) -> tuple[str, ...]:
    warnings = [
        f"control {effect.factor!r} did not come out as it must ({effect.expected} expected, found: "
        f"{effect.sentence}): distrust the other verdicts until it is explained"
        for effect in controls
        if effect.as_expected is False
    ]
    if proxy := stand_in(study.plan):
        warnings.append(f"{proxy}: what helps here may not help on all of it; confirm it there")
    if len(study.plan.stage_one_seeds) == 2 and any(effect.n for effect in effects):
        warnings.append("2 seeds: noise is pooled over all arms, which assumes that they scatter alike")
    warnings += _failures_within_averages(completeness, effects)
    environments = [record.environment for record in study.records.values()]
    for name in ("device", "torch", "threads_per_worker", "code_version"):
        values = sorted({str(getattr(environment, name)) for environment in environments})
        if len(values) > 1:
            warnings.append(f"runs differ in {name} ({', '.join(values)}): part of a difference may come from that")
    if prints := study.other_fingerprints:
        warnings.append(f"{len(prints)} other data fingerprint(s) among the runs than the plan's: the data changed")
    return tuple(warnings)
