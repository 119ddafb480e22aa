"""What a search wants next: a new trial, a longer run of a known one, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablations.tuning.history import TrialSoFar
from ablations.tuning.propose import propose
from ablations.tuning.rungs import Promotion, next_promotion, rung_epochs
from ablations.tuning.spec import TuneBudget
from pipeline.spec.tuning import Tuning


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A point to try, beginning with a run of this length."""

    values: dict[str, Any]
    epochs: int


@dataclass(frozen=True, slots=True)
class Later:
    """What is running must end first."""


@dataclass(frozen=True, slots=True)
class Over:
    """The search has ended."""

    why: str


Step = NewTrial | Promotion | Later | Over


def next_step(
    tuning: Tuning, budget: TuneBudget, trials: Sequence[TrialSoFar], earlier: Sequence[TrialSoFar] = ()
) -> Step:
    """What to do now. The same trials and scores always give the same answer.

    Args:
        tuning: space, search and scheduler.
        budget: when to stop asking.
        trials: all so far, in their order.
        earlier: trials of other searches to learn from.
    """
    lengths = rung_epochs(tuning.scheduler, tuning.epochs)
    running = any(trial.running for trial in trials)
    spent = _spent(budget, trials)
    if not spent:
        promotion = next_promotion(tuning.scheduler, trials, tuning.epochs, no_more=False)
        if promotion is not None:
            return promotion
    why = spent or _enough_trials(budget, trials)
    if not why:
        values = propose(tuning.space, tuning.search, trials, tuning.seconds, earlier)
        if values is not None:
            return NewTrial(values, lengths[0])
        why = f"all {len(trials)} points of the space were tried"
    if running:
        return Later()
    last = next_promotion(tuning.scheduler, trials, tuning.epochs, no_more=True)
    if last is not None and not (spent and any(trial.full for trial in trials)):
        return last
    return Over(why)


def _enough_trials(budget: TuneBudget, trials: Sequence[TrialSoFar]) -> str:
    return f"{len(trials)} trials" if budget.trials is not None and len(trials) >= budget.trials else ""


def _spent(budget: TuneBudget, trials: Sequence[TrialSoFar]) -> str:
    """Why nothing more may be trained at all; empty where something may."""
    epochs = sum(run.epochs for trial in trials for run in trial.runs)
    if budget.epochs is not None and epochs >= budget.epochs:
        return f"{epochs} epochs"
    minutes = sum(run.seconds or 0.0 for trial in trials for run in trial.runs) / 60
    if budget.minutes is not None and minutes >= budget.minutes:
        return f"{minutes:.1f} minutes of training"
    return ""
