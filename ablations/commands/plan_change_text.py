"""What `ablate plan` and `ablate run` say before training where the plan is not the one that ran last."""

from ablations.planning.planned import Planned
from ablations.planning.promise import num_results
from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.more_seeds import Looks, Precision
from pipeline.spec.study import StudyPlan
from reports.analysis.plan_changes import changes, names_text, rule_text

INDENT = " " * 10


def change_texts(before: StudyPlan, after: StudyPlan) -> tuple[str, ...]:
    """Each change in words, 'delta: delta was 0.5, now it is 0.2'; empty where both promise and run the same."""
    texts = [f"{change.what}: {change.text}" for change in changes(before.promise, after.promise)]
    if before.seeds != after.seeds:
        texts.append(f"seeds: {_listed(before.seeds)} ran last, now {_listed(after.seeds)} do")
    return tuple(texts)


def change_lines(planned: Planned, home: Home, finished: frozenset[str]) -> list[str]:
    """How the plan differs from the one that the study last ran with, what is reused, and what that means.

    Args:
        planned: about to run.
        home: where the study may have run already.
        finished: run keys of the plan that need not be trained again.
    """
    before = store.known_plan(home, planned.plan.study)
    texts = () if before is None else change_texts(before, planned.plan)
    if before is None or not texts:
        return []
    num_new = len(planned.runs) - len(finished)
    lines = [
        f"changed   the plan changed since it last ran: {len(finished)} run{'' if len(finished) == 1 else 's'} "
        f"{'is' if len(finished) == 1 else 'are'} reused, {num_new} {'is' if num_new == 1 else 'are'} new; changed:",
        *(f"{INDENT}{text}" for text in texts),
    ]
    by_rule = before.promise == planned.plan.promise  # then only a declared rule can have added seeds
    known = num_results([before.promise], store.read_records(home).values())
    if known and not by_rule:
        lines.append(
            f"{INDENT}{known} comparison{' has a result' if known == 1 else 's have results'} already, so the report "
            "will list this as a deviation"
        )
    return lines


def rule_lines(plan: StudyPlan) -> list[str]:
    """The declared rule for more seeds and what comes next; nothing where there is none."""
    rule, num = plan.more_seeds, len(plan.seeds)
    if isinstance(rule, Looks):
        here = f"now at {num}" if num in rule.at else f"{num} seeds are none of them"
        return [f"more      {rule_text(rule)} ({here}), each judged at {plan.alpha:g}; next: ablate run --add-seeds"]
    if isinstance(rule, Precision):
        added = "the first stage" if num == len(plan.promised_seeds) else "all of them"
        return [f"more      {rule_text(rule)}; {num} seeds are {added}; next: ablate run --add-seeds"]
    return []


def _listed(seeds: tuple[int, ...]) -> str:
    return names_text([str(seed) for seed in seeds])
