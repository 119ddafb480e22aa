"""docs/RELIABILITY.md: what was broken how often, and what became of it. Every figure is of the run that wrote it."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import ray
import torch

from tests.chaos.faults import FAULTS
from tests.chaos.harness import Outcome, totals
from tests.chaos.schedule import Round
from tests.chaos.small_store import NUM_IMAGES, SIDE_PX, STORE_MB

INTRO = """\
# Reliability

Written by `make chaos`, which breaks a real study at random moments, starts it again as a person would, and compares
what is left with the same study undisturbed. After each fault it is checked that no finished run is lost, changed or
trained twice, that no record is half-written, that no process outlives its driver, that MLflow shows every run after
`ablate sync`, and that the answer of `ablate report --format json` is the undisturbed one, number for number (CPU,
equal threads, but for what a clock says), while no two seeds of an arm agree.
"""


def render(rounds: Sequence[Round], outcomes: Sequence[Outcome], runs: int, store: list[str] | None, disk: bool) -> str:
    """The page.

    Args:
        rounds: what was drawn.
        outcomes: what became of the first of them.
        runs: of one study.
        store: promises not kept with a small object store; None: not tried.
        disk: whether homes lay on a small disk of their own.
    """
    counts = totals(outcomes)
    broken = [line for outcome in outcomes for line in outcome.broken] + (store or [])
    lines = [
        INTRO,
        f"{datetime.now(UTC):%d %B %Y}: seed {rounds[0].seed}, {len(outcomes)} studies of {runs} training runs each "
        f"(60 trials of the digits on 2 lanes), {sum(counts.values())} faults, "
        f"{sum(outcome.seconds for outcome in outcomes) / 60:.0f} minutes; Python {platform.python_version()}, "
        f"ray {ray.__version__}, torch {torch.__version__}. "
        + (f"**{len(broken)} promises were not kept**, see below." if broken else "Every promise was kept."),
        "",
        "| fault | injected | what survives |",
        "|---|---|---|",
    ]
    lines += [f"| {fault.name} | {counts.get(fault.name, 0)} | {fault.survives} |" for fault in FAULTS]
    megabytes = NUM_IMAGES * SIDE_PX**2 * 3 / 1e6
    if store is not None:
        name = f"object store smaller than the images ({STORE_MB} of {megabytes:.0f} MB)"
        lines.append(f"| {name} | 1 | the study ends with the numbers it has with room to spare |")
    lines += [
        "",
        "| study | MLflow | faults, in order: after so many finished runs | exit codes | failed, then finished | s |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for number, (drawn, outcome) in enumerate(zip(rounds, outcomes, strict=False)):
        moments = "; ".join(f"{moment.fault.name} {moment.runs}" for moment in drawn.moments)
        codes = " ".join(map(str, outcome.exit_codes))
        where = "server" if drawn.uses_server else "mlflow.db"
        lines.append(f"| {number} | {where} | {moments} | {codes} | {outcome.retried} | {outcome.seconds:.0f} |")
    missed = [line for outcome in outcomes for line in outcome.missed]
    told = "; ".join(missed) or "none"
    lines += [
        "",
        f"Not injected at first, since there was nothing to break at that moment (drawn once more): {told}.",
    ]
    if not disk:
        lines.append("A full disk was not tried: it needs root and `mount`.")
    if broken:
        lines += ["", "## Promises not kept", "", *(f"- {line.splitlines()[0]}" for line in broken)]
    lines += [
        "",
        "Not tried here: the loss of a whole machine (`tests/cluster/test_lost_node.py` kills one of three), a "
        "read-only `mlflow.db`, two studies that share runs in one home at once (both may train one).",
        "",
    ]
    return "\n".join(lines)
