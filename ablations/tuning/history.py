"""What a search knows: its trials and how their runs ended. Built from the plan and the records, never kept itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a trial stands."""

    epochs: int
    state: Literal["running", "finished", "failed"]
    gain: float | None = None  # the metric, turned so that more is better; None unless finished
    seconds: float | None = None  # it trained; None unless finished


@dataclass(frozen=True, slots=True)
class TrialSoFar:
    """A point of the space and its runs, shortest first; none where its values cannot be together."""

    number: int
    values: dict[str, Any]
    runs: tuple[Outcome, ...]
    full_epochs: int

    @property
    def last(self) -> Outcome | None:
        """Its longest run."""
        return self.runs[-1] if self.runs else None

    @property
    def failed(self) -> bool:
        """Whether nothing more will come of it."""
        return not self.runs or self.runs[-1].state == "failed"

    @property
    def running(self) -> bool:
        """Whether a run has been asked for and has not ended."""
        return bool(self.runs) and self.runs[-1].state == "running"

    @property
    def best_known(self) -> Outcome | None:
        """Its longest run that finished."""
        return next((run for run in reversed(self.runs) if run.state == "finished"), None)

    @property
    def full(self) -> bool:
        """Whether its run in full has finished."""
        return self.gain_at(self.full_epochs) is not None

    def gain_at(self, epochs: int) -> float | None:
        """What its run of this length scored; None where there is none that finished."""
        return next((run.gain for run in self.runs if run.epochs == epochs and run.state == "finished"), None)


def winner(trials: Sequence[TrialSoFar]) -> TrialSoFar | None:
    """The trial with the best run in full, the earliest of equals; None before one has finished."""
    full = [trial for trial in trials if trial.full]
    return max(full, key=lambda trial: (trial.gain_at(trial.full_epochs), -trial.number), default=None)
