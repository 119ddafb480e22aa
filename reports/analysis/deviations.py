"""'As planned', or every deviation between what was promised before any result and what is reported."""

from collections.abc import Iterator

from pipeline.spec.more_seeds import Looks, NoMoreSeeds, Precision
from pipeline.spec.promise import PlanEntry
from pipeline.spec.records import Status
from pipeline.spec.study import Arm, StudyPlan
from reports.analysis.plan_changes import changes, names_text, rule_text
from reports.records.load import StudyData
from reports.results.completeness import Completeness
from reports.results.plan import AsPlanned, Deviation

# Share of studies without any effect that find one when seeds are added until it shows: simulated, ordinary t at .05,
# one seed at a time.
NAIVE_3_TO_10, NAIVE_3_TO_5 = "16.8%", "10.2%"


def as_planned(study: StudyData, completeness: Completeness) -> AsPlanned:
    """Compare the study with its promise; works on an unfinished one, whose missing runs are then listed."""
    plan, entry = study.plan, find_promise(study.plans)
    deviations: list[Deviation] = []
    if entry is None:
        text = "no plan was kept before the runs (an older version started this study), so nothing can be compared"
        deviations.append(Deviation(what="promise", text=text))
    else:
        if entry.num_results:
            text = (
                f"{entry.num_results} comparison{' had a result' if entry.num_results == 1 else 's had results'} "
                "already when this plan was first kept: it is no promise made before the results"
            )
            deviations.append(Deviation(what="promise", text=text))
        deviations += changes(entry.promise, plan.promise)
        deviations += _seeds(entry, plan, study.plans)
    deviations += [*_records(study, entry), *_runs(study, completeness)]
    return AsPlanned(
        promised_at=None if entry is None else entry.started_at,
        promise_hash=plan.plan_hash if entry is None else entry.plan_hash,
        num_plans=len(study.plans),
        deviations=tuple(deviations),
        seed_rule=seed_rule(plan),
        notes=tuple(_early_stops(study, declared=True)),
        sentence=_sentence(entry, deviations),
    )


def find_promise(plans: tuple[PlanEntry, ...]) -> PlanEntry | None:
    """The last plan that was written while nobody could know a result; where all came later, the first."""
    blind = [entry for entry in plans if not entry.num_results]
    return blind[-1] if blind else next(iter(plans), None)


def seed_rule(plan: StudyPlan) -> str:
    """What the declared rule has done so far; empty where none is declared."""
    rule, num, first = plan.more_seeds, len(plan.seeds), len(plan.promised_seeds)
    if isinstance(rule, Looks):
        here = f"look {rule.at.index(num) + 1} of {len(rule.at)}" if num in rule.at else "none of the declared looks"
        return (
            f"{rule_text(rule)} were declared; this is {here}. Each is judged at {plan.alpha:g} instead of 0.05, so "
            "that all of them together find an effect where there is none in 5% of studies; the correction for several "
            "comparisons comes on top"
        )
    if isinstance(rule, Precision):
        added = "none has been added yet"
        if num > first:
            cap = ", up to the cap" if num == rule.max_seeds else ""
            added = (
                f"{num - first} {'was' if num == first + 1 else 'were'} added{cap}; spread and degrees of freedom stay "
                "those of the first stage"
            )
        return f"{rule_text(rule)}, were declared: {first} seeds came first, {added}"
    return ""


def _sentence(entry: PlanEntry | None, deviations: list[Deviation]) -> str:
    since = "" if entry is None else f" kept on {entry.started_at}"
    if not deviations:
        what = "metric, delta, family, seeds, design and data"
        return f"As planned: {what} are those of the plan{since}, before any result."
    return f"{len(deviations)} deviation{'' if len(deviations) == 1 else 's'} from the plan{since}."


def _seeds(entry: PlanEntry, plan: StudyPlan, plans: tuple[PlanEntry, ...]) -> Iterator[Deviation]:
    promised, rule = entry.promise.seeds, entry.promise.more_seeds
    added = [seed for seed in plan.seeds if seed not in promised]
    removed = [seed for seed in promised if seed not in plan.seeds]
    if removed:
        text = f"{_seed_names(removed)} of the promised {len(promised)} removed; none that was seen may be left out"
        yield Deviation(what="seeds", text=text)
    if not added or (not removed and _rule_allows(entry, plan)):
        return
    since = plans[plans.index(entry) :]
    first = next((e for e in since if set(added) & set(e.seeds)), None)
    known, when = (first.num_results, f" on {first.started_at}") if first else (0, "")
    outside = "without a declared rule" if isinstance(rule, NoMoreSeeds) else f"outside the declared {rule_text(rule)}"
    text = f"{_seed_names(added)} added{when} {outside}"
    if known:
        text += (
            f", when {known} comparison{' had a result' if known == 1 else 's had results'}. Adding seeds once results "
            "are seen is optional stopping: one at a time from 3 to 10, it finds an effect where there is none in "
            f"{NAIVE_3_TO_10} of studies (from 3 to 5: {NAIVE_3_TO_5}) instead of 5%. Declare more_seeds in the grid "
            "before the first run"
        )
    yield Deviation(what="seeds", text=text)


def _rule_allows(entry: PlanEntry, plan: StudyPlan) -> bool:
    """Whether the seeds are the promised ones, followed by as many as the promised rule may add."""
    promised, rule, num = entry.promise.seeds, entry.promise.more_seeds, len(plan.seeds)
    if plan.seeds[: len(promised)] != promised or plan.promised_seeds != promised:
        return False
    if isinstance(rule, Looks):
        return num in rule.at
    return isinstance(rule, Precision) and num <= rule.max_seeds


def _seed_names(seeds: list[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {names_text([str(seed) for seed in seeds])}"


def _records(study: StudyData, entry: PlanEntry | None) -> Iterator[Deviation]:
    versions = sorted({record.environment.code_version for record in study.records.values()})
    if len(versions) > 1:
        yield Deviation(what="code", text=f"runs of {len(versions)} code versions are mixed: {', '.join(versions)}")
    elif entry is not None and versions and versions != [entry.code_version]:
        text = f"planned with code {entry.code_version}, trained with {versions[0]}"
        yield Deviation(what="code", text=text)
    if study.other_fingerprints:
        prints = ", ".join(fingerprint[:12] for fingerprint in study.other_fingerprints)
        text = f"some runs are of other data than the plan: fingerprint {prints}"
        yield Deviation(what="data", text=text)


def _runs(study: StudyData, completeness: Completeness) -> Iterator[Deviation]:
    if completeness.failures:
        runs = [f"{', '.join(failure.arms)} seed {failure.seed}" for failure in completeness.failures]
        text = f"{len(runs)} of {completeness.num_planned} runs failed; they count as outcomes: {names_text(runs)}"
        yield Deviation(what="failed runs", text=text)
    for text in _early_stops(study, declared=False):
        yield Deviation(what="stopped early", text=text)
    lost = completeness.num_missing + completeness.num_blocked
    if lost:
        text = f"{lost} of {completeness.num_planned} runs did not run{_unequal(study.plan, completeness)}"
        yield Deviation(what="missing runs", text=text)


def _unequal(plan: StudyPlan, completeness: Completeness) -> str:
    """'; finished seeds are unequal: +mixup 2 of 3, full 1 of 3'; empty where every arm lacks as many."""
    states = {arm.name: [cell.state == "finished" for cell in completeness.of_arm(arm.name)] for arm in plan.arms}
    lacking = {name: len(finished) - sum(finished) for name, finished in states.items()}
    if len(set(lacking.values())) == 1:
        return ""
    fewer = [f"{name} {sum(states[name])} of {len(states[name])}" for name, number in lacking.items() if number]
    return f"; finished seeds are unequal: {names_text(fewer)}"


def _early_stops(study: StudyData, *, declared: bool) -> Iterator[str]:
    """Arms that were not trained to the end of their budget; `declared`: whether their recipe says that it may be."""
    for arm in study.plan.arms:
        budget = _budget_epochs(arm)
        records = [study.records.get((arm.final.stage_hash, seed)) for seed in study.plan.seeds]
        epochs = [
            record.cost.num_epochs
            for record in records
            if record is not None and record.status is Status.FINISHED and record.cost is not None
        ]
        short = [number for number in epochs if number is not None and budget is not None and number < budget]
        if short and _may_stop(arm) is declared:
            rule = "by its own rule " if declared else "although its recipe has no such rule "
            runs = f"{len(short)} of {len(epochs)} runs: {_listed(short)} of {budget} epochs"
            yield f"{arm.name} stopped early {rule}in {runs}"


def _listed(numbers: list[int]) -> str:
    return names_text([str(number) for number in numbers])


def _budget_epochs(arm: Arm) -> int | None:
    budget = arm.final.spec.get("budget")
    epochs = budget.get("epochs") if isinstance(budget, dict) else None
    return epochs if isinstance(epochs, int) else None


def _may_stop(arm: Arm) -> bool:
    strategies = arm.final.spec.get("strategies") or []
    return any(isinstance(s, dict) and s.get("kind") in ("early_stopping", "custom") for s in strategies)
