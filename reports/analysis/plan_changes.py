"""What differs between two promises of a study: the one before its results and today's, or an edited grid's."""

from collections.abc import Iterator

from pipeline.spec.base import content_hash
from pipeline.spec.more_seeds import Looks, MoreSeeds, Precision
from pipeline.spec.promise import Promise
from pipeline.spec.retuning import PromisedSearch
from reports.results.plan import Deviation

MAX_NAMES = 8  # listed one by one; more are counted


def rule_text(rule: MoreSeeds) -> str:
    """'looks at 3, 5 and 10 seeds'."""
    if isinstance(rule, Looks):
        *first, last = map(str, rule.at)
        return f"looks at {', '.join(first)} and {last} seeds"
    if isinstance(rule, Precision):
        return f"two stages, for 95% intervals of ±{rule.half_width:g} with at most {rule.max_seeds} seeds"
    return "none"


def names_text(names: list[str]) -> str:
    """The names; of many the first ones and how many more."""
    listed = ", ".join(names[:MAX_NAMES])
    return listed if len(names) <= MAX_NAMES else f"{listed} and {len(names) - MAX_NAMES} more"


def changes(before: Promise, after: Promise) -> tuple[Deviation, ...]:
    """Every difference but that of the seeds, which may be a rule's doing."""
    return (*_judgement(before, after), *_comparisons(before, after), *_arms(before, after), *_data(before, after))


def _judgement(before: Promise, after: Promise) -> Iterator[Deviation]:
    if before.metric != after.metric:
        yield Deviation(what="metric", text=f"{before.metric} was to decide, now {after.metric} does")
    if before.delta != after.delta:
        yield Deviation(what="delta", text=f"delta was {before.delta:g}, now it is {after.delta:g}")
    if before.more_seeds != after.more_seeds:
        text = f"the rule for more seeds was {rule_text(before.more_seeds)}, now it is {rule_text(after.more_seeds)}"
        yield Deviation(what="rule for more seeds", text=text)
    if before.alpha != after.alpha:
        text = f"verdicts were to be judged at {before.alpha:g}, now they are at {after.alpha:g}"
        yield Deviation(what="level", text=text)
    if before.retune != after.retune:
        text = f"settings were to come from {_search_text(before.retune)}, now from {_search_text(after.retune)}"
        yield Deviation(what="retune", text=text)
    if before.design != after.design:
        yield Deviation(what="design", text=f"the design was {before.design}, now it is {after.design}")


def _search_text(search: PromisedSearch | None) -> str:
    if search is None:
        return "the grid"
    fields = dict.fromkeys(path for space in search.spaces.values() for path in space)
    told = content_hash(search)[:8]
    return f"{search.trials} trials for {names_text([*fields])} with seed {search.seed} (hash {told})"


def _comparisons(before: Promise, after: Promise) -> Iterator[Deviation]:
    old, new = ({c.name: c for c in promise.comparisons} for promise in (before, after))
    added, dropped = [n for n in new if n not in old], [n for n in old if n not in new]
    altered = [name for name in new if name in old and new[name] != old[name]]
    for names, verb in ((added, "added"), (dropped, "dropped"), (altered, "defined in another way")):
        if names:
            yield Deviation(what="comparisons", text=f"{verb}: {names_text(names)}")
    if len(before.family) != len(after.family):
        text = f"the size of the family was {len(before.family)}, now it is {len(after.family)}"
        yield Deviation(what="comparisons", text=text)


def _arms(before: Promise, after: Promise) -> Iterator[Deviation]:
    added = [name for name in after.arms if name not in before.arms]
    dropped = [name for name in before.arms if name not in after.arms]
    altered = [name for name in after.arms if name in before.arms and after.arms[name] != before.arms[name]]
    if before.data_fingerprint != after.data_fingerprint:
        altered = []  # every identity rests on the data, which is named itself
    excluded = [name for name in after.excluded if name not in before.excluded]
    for names, verb in (
        (added, "added"),
        (dropped, "dropped"),
        (altered, "changed in their recipes"),
        (excluded, "left out because they cannot be run"),
    ):
        if names:
            yield Deviation(what="arms", text=f"{verb}: {names_text(names)}")


def _data(before: Promise, after: Promise) -> Iterator[Deviation]:
    if before.data_fingerprint != after.data_fingerprint:
        text = (
            f"the data changed: fingerprint {before.data_fingerprint[:12]} ({_counts(before)}), now "
            f"{after.data_fingerprint[:12]} ({_counts(after)})"
        )
        yield Deviation(what="data", text=text)


def _counts(promise: Promise) -> str:
    return ", ".join(f"{count} {role}" for role, count in promise.num_samples.items())
