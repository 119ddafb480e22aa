"""What an unfinished study lacks, in words."""

from collections.abc import Iterable

from reports.results.completeness import Completeness, Waiting

MAX_ARMS = 8  # in a line; more are counted
MAX_COMPARISONS = 12  # one by one; JSON has them all


def waiting_lines(done: Completeness) -> tuple[str, ...]:
    """That it is unfinished, which runs are to come, and what waits for them; nothing where nothing is to come."""
    if not done.num_missing:
        return ()
    lines = [
        f"Unfinished: {done.num_missing} of {done.num_planned} runs have not run yet. Whatever is said of the others "
        "is an interim look and will be judged anew: to stop a study by it is to pick luck.",
        f"Not run yet: {missing_text(done)}.",
    ]
    declared = [one for one in done.waiting if not one.exploratory]
    if declared and done.num_finished:
        more = len(declared) - MAX_COMPARISONS
        parts = [waiting_text(one) for one in declared[:MAX_COMPARISONS]] + ([f"{more} more"] if more > 0 else [])
        lines.append(f"Comparisons that wait for them: {'; '.join(parts)}.")
    return tuple(lines)


def missing_text(done: Completeness) -> str:
    """'seed 2 of bare, +mixup; seeds 1, 2 of full': arms that lack the same seeds together."""
    by_arm: dict[str, tuple[int, ...]] = {}
    for cell in done.cells:
        if cell.state == "missing":
            by_arm[cell.arm] = (*by_arm.get(cell.arm, ()), cell.seed)
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for arm, seeds in by_arm.items():
        by_seeds.setdefault(seeds, []).append(arm)
    parts = [f"{seeds_text(seeds)} of {_listed(arms)}" for seeds, arms in by_seeds.items()]
    return "; ".join(parts) or "stages that arms with finished runs of their own no longer wait for"


def waiting_text(waiting: Waiting) -> str:
    """'mixup added to bare (for bare seed 2, +mixup seeds 1, 2)'."""
    needed = [f"{runs.arm} {seeds_text(runs.seeds)}" for runs in waiting.runs]
    return f"{waiting.factor} {waiting.context} (for {_listed(needed)})"


def seeds_text(seeds: tuple[int, ...]) -> str:
    """'seed 2' or 'seeds 1, 2'."""
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    listed = ", ".join(names[:MAX_ARMS])
    return listed if len(names) <= MAX_ARMS else f"{listed} and {len(names) - MAX_ARMS} more"
