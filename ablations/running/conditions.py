"""Carries out the conditions of a study, one study after the other, and puts what they show into its report."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from ablations.planning.conditions import PlannedCondition
from ablations.planning.planned import Planned
from ablations.records.home import Home
from ablations.records.recorder import recording
from ablations.records.study_lock import run_alone
from ablations.running.cluster import actors_needed, connect
from ablations.running.runner import Outcome, finished_keys, run_study, write_and_show_report
from ablations.running.stages import State


def run_conditions(
    first: Outcome,
    planned: Planned,
    conditions: Sequence[PlannedCondition],
    home: Home,
    say: Callable[[str], None],
) -> Outcome:
    """Run what is missing of every condition. Returns the outcome of the study and its conditions together.

    Args:
        first: how the study itself ended; interrupted, no condition is started.
        planned: the study.
        conditions: in the order in which they are run.
        home: of all of them.
        say: tells a person where it is.

    Raises:
        DataError: images cannot be decoded.
        ResourceError: the cluster is too small, or its lanes broke down.
    """
    total, under = first, []
    for number, one in enumerate(conditions, start=1):
        if total.interrupted:
            keys = {run.key for run in one.planned.runs} - one.shared
            left = len(keys - finished_keys(home, one.planned))
            total = replace(total, counts=_sum(total.counts, {State.PENDING.value: left}))
            continue
        say(f"condition {one.condition.name} ({number} of {len(conditions)}; study {one.condition.study})")
        under.append(run_study(one.planned, home, one.grid.resources))
        twice = len(one.shared & finished_keys(home, one.planned))
        total = _together(total, under[-1])
        total = replace(total, counts=_sum(total.counts, {State.FINISHED.value: -twice}))
    if all(outcome.already_done for outcome in under):
        return total
    connect()
    study = planned.plan.study
    with run_alone(home, study), actors_needed(), recording(home.root, study) as recorder:
        flushed = write_and_show_report(recorder, home, study)
    return replace(total, unprojected=total.unprojected + flushed.unprojected, reason=flushed.reason or total.reason)


def _together(one: Outcome, other: Outcome) -> Outcome:
    return replace(
        one,
        counts=_sum(one.counts, other.counts),
        interrupted=one.interrupted or other.interrupted,
        seconds=one.seconds + other.seconds,
        already_done=one.already_done and other.already_done,
        unprojected=one.unprojected + other.unprojected,
        reason=one.reason or other.reason,
    )


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(total)
