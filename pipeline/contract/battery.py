"""All checks on one strategy, each with its verdict: what `ablate check` prints."""

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from pipeline.contract.hooks import check_card, check_config, check_hooks, check_same_draws, check_two_steps
from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.contract.trained import check_changes_trace, check_neutral, check_resume
from pipeline.contract.two_ranks import check_two_ranks
from pipeline.spec.errors import ContractBroken

QUICK: dict[str, Callable[[Subject], None]] = {
    "config": check_config,
    "card": check_card,
    "hooks": check_hooks,
    "same draws, same result": check_same_draws,
    "two steps": check_two_steps,
}
"""Without training."""

TRAINED: dict[str, Callable[[Subject, Lab], None]] = {
    "changes the training": check_changes_trace,
    "neutral limit is bare": check_neutral,
    "resumed is uninterrupted": check_resume,
    "two workers agree": check_two_ranks,
}
"""With small stages on the digits."""


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check on one strategy."""

    check: str
    verdict: Verdict
    reason: str = ""


def examine(name: str, folder: Path) -> Iterator[Finding]:
    """Run every check, one after the other.

    Args:
        name: kind of the catalogue, or `package.module:Name` of a user's own.
        folder: empty; gigabytes are not needed, a few megabytes are.

    Raises:
        SpecError: before the first finding, when there is no such strategy.
    """
    try:
        subject = Subject.of(name)
    except ContractBroken as error:
        yield Finding("config", Verdict.FAILED, str(error))
        rest = [*QUICK, *TRAINED][1:]
        yield from (Finding(check, Verdict.SKIPPED, "there is nothing to try it with") for check in rest)
        return
    for check, run in QUICK.items():
        yield _finding(check, subject, lambda run=run: run(subject))
    lab = Lab.open(folder)
    for check, run in TRAINED.items():
        if run is check_neutral and subject.neutral is None:
            yield Finding(check, Verdict.SKIPPED, "neutral() names no config at which it does nothing")
        else:
            yield _finding(check, subject, lambda run=run: run(subject, lab))


def _finding(check: str, subject: Subject, run: Callable[[], None]) -> Finding:
    try:
        run()
    except ContractBroken as error:
        return Finding(check, Verdict.FAILED, str(error))
    except ValidationError as error:  # of the stage that it would be part of: only the first line is about it
        return Finding(check, Verdict.FAILED, error.errors(include_url=False)[0]["msg"].removeprefix("Value error, "))
    except Exception as error:  # a user's code may do anything
        return Finding(check, Verdict.FAILED, f"{type(error).__name__}: {error} ({_place(error, subject)})")
    return Finding(check, Verdict.PASSED)


def _place(error: Exception, subject: Subject) -> str:
    """The line of the strategy's own file that led there, if any did."""
    frames = traceback.extract_tb(error.__traceback__)
    own = sys.modules[type(subject.trick).__module__].__file__
    last = next((frame for frame in reversed(frames) if frame.filename == own), frames[-1])
    return f"{last.filename}, line {last.lineno}"
