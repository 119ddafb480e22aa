"""The diary of a study's plans: what `ablate run` was started with, and what could be known at that time."""

from collections.abc import Iterable

from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.promise import PlanEntry, Promise
from pipeline.spec.records import RunRecord, Status
from pipeline.spec.study import StudyPlan
from pipeline.training.environment import code_version
from pipeline.training.job import utc_now


def keep_promise(home: Home, plan: StudyPlan) -> PlanEntry:
    """Write the plan down before it runs, unless the last one was the same. Returns the line that stands for it.

    Raises:
        RecordError: the diary cannot be read.
        ResourceError: the disk refuses.
    """
    known = store.read_plan_entries(home, plan.study)
    if known and (known[-1].plan_hash, known[-1].seeds) == (plan.plan_hash, plan.seeds):
        return known[-1]
    promises = [*(entry.promise for entry in known), plan.promise]
    entry = PlanEntry(
        plan_hash=plan.plan_hash,
        promise=plan.promise,
        seeds=plan.seeds,
        started_at=utc_now(),
        code_version=code_version(),
        num_results=num_results(promises, store.read_records(home).values()),
    )
    store.append_plan_entry(home, plan.study, entry)
    return entry


def num_results(promises: Iterable[Promise], records: Iterable[RunRecord]) -> int:
    """Comparisons of these plans of which a result can be known: one seed has finished in all their arms.

    The seed of a declared search for settings does not count: its runs choose, and are part of the plan.
    """
    seeds: dict[str, set[int]] = {}
    for record in records:
        if record.status is Status.FINISHED:
            seeds.setdefault(record.stage_hash, set()).add(record.seed)
    known: set[frozenset[tuple[str, float]]] = set()
    for promise in promises:
        chose = set() if promise.retune is None else {promise.retune.seed}
        for comparison in promise.comparisons:
            if set.intersection(*(seeds.get(promise.arms[arm], set()) - chose for arm in comparison.contrast)):
                known.add(frozenset((promise.arms[arm], weight) for arm, weight in comparison.contrast.items()))
    return len(known)
