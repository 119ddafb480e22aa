"""What must hold of a study that was broken, whatever broke it."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ablations.records.store import RunId, read_plan, read_records, read_timings
from ablations.records.study_runs import study_runs
from pipeline.spec.records import Status
from tests.chaos.processes import Process
from tests.chaos.study import STUDY
from tests.chaos.target import Snapshot, Target

ORPHAN_PATIENCE_S = 60.0
# What a clock says: costs, and in `as_planned` when the plan was kept, also within its sentence. Everything else
# of a report is a function of grid, images and seeds.
CLOCKS = frozenset({"busy_s", "busy_s_with_ancestors", "promised_at", "as_planned"})


def without_clocks(value: Any) -> Any:
    """The answer for programs without what two undisturbed runs of one study differ in."""
    if isinstance(value, dict):
        return {name: without_clocks(inner) for name, inner in value.items() if name not in CLOCKS}
    return [without_clocks(inner) for inner in value] if isinstance(value, list) else value


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Paths at which two answers differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [line for name in one for line in differences(one[name], other[name], f"{where}.{name}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for number, (a, b) in pairs for line in differences(a, b, f"{where}[{number}]")]
    return [] if one == other else [f"{where}: {str(one)[:60]} is not {str(other)[:60]}"]


def lost_or_torn(target: Target, snapshots: Sequence[Snapshot]) -> list[str]:
    """What was lost, changed, kept twice, half-written or left behind, in a line each; empty: nothing.

    Args:
        target: the study, done.
        snapshots: what was kept before each fault.
    """
    home, faults = target.home, []
    content = home.records.read_bytes()
    if not content.endswith(b"\n"):
        faults.append("records.jsonl ends in the middle of a line")
    records = read_records(home)  # raises, naming the line, where one does not hold a record
    read_timings(home)
    finished = {run for run, record in records.items() if record.status is Status.FINISHED}
    faults += [f"run {name[:8]} seed {seed} has not finished" for name, seed in sorted(_planned(target) - finished)]
    counts = Counter((record["stage_hash"], record["seed"]) for record in target.finished())
    faults += [
        f"run {name[:8]} seed {seed} was kept {times} times" for (name, seed), times in counts.items() if times > 1
    ]
    now = Snapshot.of(target).files
    for before in snapshots:
        if not content.startswith(before.records):
            faults.append("a record that was kept has changed or gone")
        faults += [
            f"{path} changed after its run finished" for path in before.files if now.get(path) != before.files[path]
        ]
    for log in target.logs.glob("*.txt"):
        if "Traceback" in log.read_text(errors="replace"):
            faults.append(f"an invocation printed a traceback: {log.name}")
    faults += [f"process {one.pid} ({one.title[:40]}) outlived its driver" for one in _still_alive(target.orphans)]
    return list(dict.fromkeys(faults))


def _still_alive(orphans: Sequence[Process]) -> list[Process]:
    """Those that have not noticed that their driver is gone. Ray's agents look for their raylet now and then."""
    deadline = time.monotonic() + ORPHAN_PATIENCE_S
    while (alive := [one for one in orphans if one.is_alive()]) and time.monotonic() < deadline:
        time.sleep(0.5)
    return alive


def other_numbers(target: Target, undisturbed: Target) -> list[str]:
    """Where records or the report of a study that was broken differ from the undisturbed one."""
    records, expected = read_records(target.home), read_records(undisturbed.home)
    faults = [
        f"run {name[:8]} seed {seed} ended with other numbers"
        for name, seed in sorted(_planned(target))
        if records[name, seed].metrics != expected[name, seed].metrics
    ]
    found = differences(without_clocks(target.read_report()), without_clocks(undisturbed.read_report()))
    return faults + [f"the report differs at {line}" for line in found[:5]]


def not_shown(target: Target) -> list[str]:
    """What MLflow lacks after `ablate sync`: a second one must find every run shown already."""
    runs = len(_planned(target))
    for wanted in ("", f" 0 runs added, 0 replaced, {runs} shown already, 0 planned"):
        done = target.ablate("sync")
        if done.returncode or wanted not in done.stdout:
            return [f"ablate sync ended with {done.returncode}: {done.stdout.strip()}{done.stderr[-500:].strip()}"]
    return []


def _planned(target: Target) -> set[RunId]:
    return {(run.stage_hash, run.seed) for run in study_runs(read_plan(target.home, STUDY))}


def same_for_two_seeds(undisturbed: Target) -> list[str]:
    """Arms whose numbers are the same for two seeds: comparing numbers would then show nothing."""
    seen: dict[str, list[dict[str, float]]] = {}
    for (stage_hash, _), record in read_records(undisturbed.home).items():
        seen.setdefault(stage_hash, []).append(record.metrics)
    return [
        stage_hash for stage_hash, all_metrics in seen.items() if any(all_metrics.count(m) > 1 for m in all_metrics)
    ]
