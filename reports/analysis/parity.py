"""Tuned or not: what each arm's settings rest on, and which comparisons set a tuned arm against an untuned one."""

import math

from pipeline.spec.retuning import Retuning
from pipeline.spec.study import Comparison, StudyPlan
from pipeline.spec.tuning import AnyRange, Choice, is_log
from reports.results.parity import ArmTuning, Parity
from reports.results.study import ArmSummary
from reports.scale import Scale

EDGE = 0.1  # of a range, on its scale: a best value so near an end may have its better beyond it


def parity(plan: StudyPlan, arms: tuple[ArmSummary, ...], scale: Scale) -> Parity | None:
    """The tuning of every arm; None where the study's settings are those of the grid.

    Args:
        plan: of the study.
        arms: its summaries, for the level with fresh seeds.
        scale: of the metric that decides.
    """
    retuning = plan.retuning
    if retuning is None:
        return None
    levels = {arm.name: arm.metrics.get(f"val/{scale.name}") for arm in arms}
    found = tuple(
        _arm(retuning, arm.name, level.mean if (level := levels.get(arm.name)) else None, scale) for arm in plan.arms
    )
    unequal = tuple(f"{c.factor} {c.context}" for c in plan.comparisons if not c.exploratory and _unequal(c, retuning))
    return Parity(
        study=retuning.study,
        seed=retuning.seed,
        trials=retuning.trials,
        fields=retuning.fields,
        arms=found,
        unequal=unequal,
        sentence=_sentence(retuning, found, unequal),
    )


def _arm(retuning: Retuning, name: str, fresh: float | None, scale: Scale) -> ArmTuning:
    own, search = retuning.own(name), retuning.of(name)
    searched = retuning.searched(name)
    held = own.held if searched or not search.space else dict.fromkeys(search.space, "no trial has a score") | own.held
    partly = "tuned" if len(searched) == len(retuning.fields) else "partly tuned"
    return ArmTuning(
        arm=name,
        mark=partly if searched else "not tuned",
        searched=tuple(path for path in retuning.fields if path in searched),
        held=held,
        shares=own.like,
        num_trials=len(search.candidates),
        num_finished=search.num_finished or 0,
        settings={path: str(value) for path, value in search.values.items()},
        near_edge=tuple(path for path, value in search.values.items() if _near_edge(search.space[path], value)),
        search_score=None if search.score is None else scale.shown(search.score),
        fresh=fresh,
    )


def _near_edge(found: AnyRange, value: float) -> bool:
    if isinstance(found, Choice):
        return False
    low, high, at = (math.log(x) if is_log(found) else x for x in (found.low, found.high, value))
    return not EDGE <= (at - low) / (high - low) <= 1 - EDGE


def _unequal(comparison: Comparison, retuning: Retuning) -> bool:
    return len({retuning.searched(arm) for arm in comparison.contrast}) > 1


def _sentence(retuning: Retuning, arms: tuple[ArmTuning, ...], unequal: tuple[str, ...]) -> str:
    text = (
        f"Tuning: {retuning.trials} trials of every arm for {' and '.join(retuning.fields)} on validation with seed "
        f"{retuning.seed}; its seeds then ran with the best of them"
    )
    exceptions = [
        f"{arm.arm} ({', '.join(f'{path}: {reason}' for path, reason in arm.held.items())})"
        for arm in arms
        if arm.mark != "tuned"
    ]
    if exceptions:
        text += f", but for fields that were not searched in {', '.join(exceptions)}"
    if unequal:
        text += f". Unequal tuning, a tuned arm against one that is not, or less: {', '.join(unequal)}"
    return f"{text}."
