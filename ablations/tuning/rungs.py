"""Which trial goes on to a longer run: a function of what is known, for every scheduler."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ablations.tuning.history import TrialSoFar
from pipeline.spec.tuning import AnyScheduler, Asha, Median


@dataclass(frozen=True, slots=True)
class Promotion:
    """A trial that goes on."""

    trial: int  # its number
    epochs: int  # of its next run


def rung_epochs(scheduler: AnyScheduler, full_epochs: int) -> tuple[int, ...]:
    """The lengths of runs, shortest first; the last is the whole training."""
    match scheduler:
        case Asha():
            lengths, epochs = [], scheduler.first_epochs
            while epochs < full_epochs:
                lengths.append(epochs)
                epochs *= scheduler.eta
            return (*lengths, full_epochs)
        case Median():
            return (scheduler.first_epochs, full_epochs)
        case _:
            return (full_epochs,)


def next_promotion(
    scheduler: AnyScheduler, trials: Sequence[TrialSoFar], full_epochs: int, no_more: bool
) -> Promotion | None:
    """The trial that should go on now, from the highest rung that has one.

    Args:
        scheduler: the rule.
        trials: all so far.
        full_epochs: of a whole training.
        no_more: no new trial will come and nothing is running. A rung that nobody has left then lets its best go on,
            so that a small search does not end without a single run in full.
    """
    lengths = rung_epochs(scheduler, full_epochs)
    for rung in range(len(lengths) - 2, -1, -1):
        scored = [(gain, trial) for trial in trials if (gain := trial.gain_at(lengths[rung])) is not None]
        left = {trial.number for trial in trials if any(run.epochs == lengths[rung + 1] for run in trial.runs)}
        num_ended = len(scored) + sum(_failed_at(trial, lengths[rung]) for trial in trials)
        good = _good(scheduler, sorted(scored, key=lambda one: (-one[0], one[1].number)), num_ended)
        if no_more and not left and not good:
            good = [max(scored, key=lambda one: (one[0], -one[1].number))[1]] if scored else []
        chosen = next((trial for trial in good if trial.number not in left), None)
        if chosen is not None:
            return Promotion(chosen.number, lengths[rung + 1])
    return None


def _good(scheduler: AnyScheduler, ranked: Sequence[tuple[float, TrialSoFar]], num_ended: int) -> list[TrialSoFar]:
    """Those of a rung that may go on, best first."""
    match scheduler:
        case Asha():
            return [trial for _, trial in ranked[: num_ended // scheduler.eta]]
        case Median() if len(ranked) >= scheduler.after:
            middle = median(gain for gain, _ in ranked)
            return [trial for gain, trial in ranked if gain >= middle]
        case _:
            return []


def _failed_at(trial: TrialSoFar, epochs: int) -> bool:
    return any(run.epochs == epochs and run.state == "failed" for run in trial.runs)
