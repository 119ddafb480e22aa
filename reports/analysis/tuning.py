"""What a search found: its trials, its winner, and which parameters mattered. Selection reads validation only."""

import json
from typing import Any

import numpy as np

from pipeline.spec.records import RunRecord, Status
from pipeline.spec.tuning import AnyRange, Choice, Trial, Tuning, is_log
from reports.analysis.study import analyse
from reports.records.load import StudyData
from reports.results.study import Analysis, Spread
from reports.results.tuning import BestSoFar, Importance, Slice, TrialResult, TuningAnalysis, Winner
from reports.scale import Scale, scale_of_metric
from reports.stats.importance import group_values, variance_share
from reports.stats.pareto import pareto_front
from reports.wording import describe_setting

BARE = "bare"


def analyse_tuning(study: StudyData) -> TuningAnalysis:
    """Works on an interrupted search, too. The study must be a search's: its plan has `tuning`."""
    plan, scale = study.plan, scale_of_metric(study.plan.metric)
    tuning = plan.tuning
    assert tuning is not None, "a grid's study has no trials"
    trials = _with_front(tuple(_trial(study, tuning, trial, scale) for trial in tuning.trials), scale)
    compared = tuning.trials[0].runs[0].epochs if tuning.trials and tuning.trials[0].runs else tuning.epochs
    slices = tuple(_slice(study, tuning, path, found, compared, scale) for path, found in tuning.space.items())
    analysis = analyse(study)
    return TuningAnalysis(
        study=plan.study,
        question=plan.question,
        setting=describe_setting(plan),
        metric_title=scale.title,
        search=tuning.search.kind,
        scheduler=tuning.scheduler.kind,
        budget=tuning.budget_text,
        seconds=tuning.seconds,
        epochs=tuning.epochs,
        compared_epochs=compared,
        trials=trials,
        best=_best(trials, scale),
        slices=slices,
        importance=tuple(_importance(one, scale) for one in slices),
        winner=_winner(study, trials, analysis, scale),
        warnings=analysis.warnings,
    )


def value_text(value: Any) -> str:
    """A value as a grid has it: 0.05, or {kind: cosine}."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value).replace('"', "")


def _record(study: StudyData, tuning: Tuning, arm: str) -> RunRecord | None:
    return study.records.get((study.plan.arm(arm).final.stage_hash, tuning.trial_seed))


def _score(record: RunRecord | None, scale: Scale) -> float | None:
    if record is None or record.status is not Status.FINISHED:
        return None
    stored = record.metrics.get(f"val/{scale.name}")
    return None if stored is None else scale.shown(stored)


def _trial(study: StudyData, tuning: Tuning, trial: Trial, scale: Scale) -> TrialResult:
    values = {path: value_text(value) for path, value in trial.values.items()}
    records = [(run, _record(study, tuning, run.arm)) for run in trial.runs]
    scored = [(run, record) for run, record in records if record is not None and _score(record, scale) is not None]
    last = records[-1][1] if records else None
    failure = None if last is None else last.failure
    if trial.impossible:
        state = "impossible"
    elif failure is not None:
        state = "failed"
    elif last is None:
        state = "running"
    else:
        state = "finished" if records[-1][0].epochs == tuning.epochs else "short"
    run, record = scored[-1] if scored else (None, None)
    return TrialResult(
        number=trial.number,
        values=values,
        state=state,
        epochs=0 if run is None else run.epochs,
        score=_score(record, scale),
        seconds=record.cost.busy_s if record is not None and record.cost else None,
        reason=trial.impossible or ("" if failure is None else f"{failure.type}: {failure.message}"),
    )


def _with_front(trials: tuple[TrialResult, ...], scale: Scale) -> tuple[TrialResult, ...]:
    full = [trial for trial in trials if trial.state == "finished" and trial.seconds is not None]
    if not full:
        return trials
    seconds = np.array([trial.seconds for trial in full])
    gains = np.array([scale.gain(trial.score or 0.0) for trial in full])
    front = {trial.number for trial, on in zip(full, pareto_front(seconds, gains), strict=True) if on}
    return tuple(trial.model_copy(update={"on_front": trial.number in front}) for trial in trials)


def _best(trials: tuple[TrialResult, ...], scale: Scale) -> tuple[BestSoFar, ...]:
    found: list[BestSoFar] = []
    for trial in trials:
        if trial.state == "finished" and trial.score is not None:
            before = found[-1].score if found else None
            better = before is None or scale.gain(trial.score - before) > 0
            found.append(BestSoFar(trial=trial.number, score=trial.score if better or before is None else before))
    return tuple(found)


def _slice(study: StudyData, tuning: Tuning, path: str, found: AnyRange, epochs: int, scale: Scale) -> Slice:
    choices = tuple(value_text(value) for value in found.values) if isinstance(found, Choice) else ()
    positions, scores, numbers = [], [], []
    for trial in tuning.trials:
        run = next((run for run in trial.runs if run.epochs == epochs), None)
        score = None if run is None else _score(_record(study, tuning, run.arm), scale)
        if score is None:
            continue
        value = trial.values[path]
        positions.append(float(choices.index(value_text(value)) if choices else value))
        scores.append(score)
        numbers.append(trial.number)
    return Slice(
        path=path,
        log=is_log(found),
        choices=choices,
        positions=tuple(positions),
        scores=tuple(scores),
        trials=tuple(numbers),
    )


def _importance(one: Slice, scale: Scale) -> Importance:
    groups = np.array(one.positions, dtype=int) if one.choices else group_values(one.positions)
    found = None if groups is None else variance_share(groups, [scale.gain(score) for score in one.scores])
    return Importance(
        path=one.path,
        share=None if found is None else found.share,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
        num_trials=len(one.scores),
    )


def _winner(study: StudyData, trials: tuple[TrialResult, ...], analysis: Analysis, scale: Scale) -> Winner | None:
    full = [trial for trial in trials if trial.state == "finished" and trial.score is not None]
    if not full:
        return None
    best = max(full, key=lambda trial: (scale.gain(trial.score or 0.0), -trial.number))
    tuning = study.plan.tuning
    assert tuning is not None
    name = tuning.trials[best.number].runs[-1].arm
    effect = analysis.effects[0] if analysis.effects else None
    return Winner(
        trial=best.number,
        values=best.values,
        recipe=study.plan.arm(name).recipe,
        selected=best.score or 0.0,
        fresh=None if effect is None else _spread(analysis, effect.treatment, scale),
        bare=None if effect is None else _spread(analysis, BARE, scale),
        effect=effect,
    )


def _spread(analysis: Analysis, arm: str, scale: Scale) -> Spread | None:
    summary = next(one for one in analysis.arms if one.name == arm)
    return summary.metrics.get(f"val/{scale.name}") if summary.n else None
