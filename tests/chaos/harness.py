"""Breaks a study at the moments of a schedule, starts it again as a person would, and says what became of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ablations.records.home import Home
from tests.chaos.faults import Fault, NotInjected
from tests.chaos.outcome import lost_or_torn, not_shown, other_numbers
from tests.chaos.schedule import Round
from tests.chaos.server import Server
from tests.chaos.target import PATIENCE_S, Snapshot, Target

MAX_RUNS = 12  # of the command, until the study is done


@dataclass
class Outcome:
    """What became of one round."""

    injected: list[Fault] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)  # faults that found nothing to break, and why
    broken: list[str] = field(default_factory=list)  # promises that were not kept
    exit_codes: list[int] = field(default_factory=list)
    retried: int = 0  # records of failed runs, each followed by one of the same run that finished
    seconds: float = 0.0


def run_undisturbed(grid: Path, folder: Path) -> Target:
    """The study from its start to its end, with nothing done to it."""
    target = Target(grid, Home(folder / "home"), folder / "logs")
    if code := target.wait(2 * PATIENCE_S):
        raise RuntimeError(f"the undisturbed study ended with {code}:\n{target.log()}")
    return target


def run_round(drawn: Round, grid: Path, homes: Path, folder: Path, undisturbed: Target) -> Outcome:
    """One round.

    Args:
        drawn: what to do when.
        grid: the study's file.
        homes: the home is made below it, on the disk that may be filled.
        folder: for logs and for what the MLflow server keeps.
        undisturbed: what to compare with.
    """
    start, outcome, snapshots = time.monotonic(), Outcome(), []
    server = Server(folder / "server") if drawn.uses_server else None
    environment = {"MLFLOW_TRACKING_URI": server.address} if server else {}
    target = Target(grid, Home(homes / folder.name), folder / "logs", environment)
    try:
        for moment in drawn.moments:
            if not _reach(target, moment.runs, outcome):
                outcome.missed.append(f"{moment.fault.name}: the study was over")
                continue
            time.sleep(moment.delay_s)
            snapshots.append(Snapshot.of(target))
            try:
                moment.fault.inject(target, server)
            except NotInjected as why:
                outcome.missed.append(f"{moment.fault.name}: {why}")
                continue
            except AssertionError as why:
                outcome.broken.append(str(why))
            outcome.injected.append(moment.fault)
            if moment.fault.codes:
                code = target.wait()
                if code not in moment.fault.codes:
                    outcome.broken.append(f"{moment.fault.name}: exit code {code}\n{target.log()[-1500:]}")
        _finish(target, outcome)
        outcome.broken += lost_or_torn(target, snapshots) + other_numbers(target, undisturbed)
        if server:
            server.wait()
        outcome.broken += not_shown(target)
        outcome.retried = target.home.records.read_bytes().count(b'"status":"failed"')
    finally:
        target.stop()
        if server:
            server.kill()
    outcome.exit_codes, outcome.seconds = target.exit_codes, time.monotonic() - start
    return outcome


def _reach(target: Target, runs: int, outcome: Outcome) -> bool:
    """Have so many runs finished, starting the command again where it has ended by itself. False: all is done."""
    for _ in range(MAX_RUNS):
        reached = target.has_finished(runs)
        if target.driver.poll() is None:
            return reached
        code = target.wait()
        _judge(target, code, outcome)
        if code == 0:
            return False
    raise RuntimeError(f"the study did not come to {runs} runs in {MAX_RUNS} invocations:\n{target.log()}")


def _finish(target: Target, outcome: Outcome) -> None:
    for _ in range(MAX_RUNS):
        code = target.wait()
        _judge(target, code, outcome)
        if code == 0:
            return
    raise RuntimeError(f"the study was not done in {MAX_RUNS} invocations:\n{target.log()}")


def _judge(target: Target, code: int, outcome: Outcome) -> None:
    """An invocation that no fault should have ended may only end well, or after the disk was full."""
    filled = any(fault.needs == "disk" for fault in outcome.injected)
    if code != 0 and not filled:
        outcome.broken.append(f"the command ended by itself with exit code {code}:\n{target.log()[-1500:]}")


def totals(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Name of a fault -> times injected."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        for fault in outcome.injected:
            counts[fault.name] = counts.get(fault.name, 0) + 1
    return counts
