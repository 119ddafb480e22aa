"""What `ablate plan` says about the searches that come before a retuned study."""

from typing import Any

from ablations.commands.plan_text import estimate
from ablations.grid.spec import GridSpec
from ablations.records.home import Home
from ablations.running.display import duration
from ablations.tuning.retune import Forecast
from pipeline.spec.retuning import ArmSearch, Retuning
from pipeline.spec.tuning import AnyRange, Choice, is_log


def search_lines(seen: Forecast, home: Home, lanes: int) -> list[str]:
    """The searches for people; nothing for a grid without `retune`."""
    retuning = seen.planned.plan.retuning
    if retuning is None or seen.search is None:
        return []
    cost = estimate(seen.search, home, seen.finished)
    time = f"about {duration(cost.one_after_another_s / lanes)} on {lanes} lane{'' if lanes == 1 else 's'}"
    to_do = f"{cost.pending} to do, {time}" if cost.pending else "all finished"
    lines = [
        f"retune    {retuning.trials} trials of every arm for {', '.join(retuning.fields)}, seed {retuning.seed}: "
        f"{len(seen.search.runs)} training runs, {to_do} (study {retuning.study})",
        *(f"  {search.arm:<22} {search_text(search)}" for search in retuning.arms),
    ]
    waits = "every arm below has the settings that were found"
    if not seen.is_settled:
        waits = "then the runs below, with the settings that are found; until then every arm is shown as written"
    return [*lines, f"{'':<10}{waits}", ""]


def first_line(grid: GridSpec) -> list[str]:
    """What `ablate run` does before the study itself; nothing for a grid without `retune`."""
    if grid.retune is None:
        return []
    return [
        f"retune    first {grid.retune.trials} trials of every arm for {', '.join(grid.retune.fields)} with seed "
        f"{grid.retune.seed}, then the study with the settings that were found"
    ]


def search_text(search: ArmSearch) -> str:
    """'optimizer.lr 0.01 to 1 (log); optimizer.weight_decay not searched: decay sets it'."""
    if search.like:
        return f"shares the search of {search.like}"
    parts = [f"{path} {_range_text(found)}" for path, found in search.space.items()]
    parts += [f"{path} not searched: {reason}" for path, reason in search.held.items()]
    if search.chosen is not None:
        values = ", ".join(f"{path}={value}" for path, value in search.values.items())
        parts.append(f"found {values} in {search.num_finished} trials")
    elif search.num_finished is not None and search.space:
        parts.append("no trial has a score: it keeps its recipe as written")
    return "; ".join(parts)


def search_json(seen: Forecast, home: Home, lanes: int) -> dict[str, Any] | None:
    """The same for programs."""
    retuning: Retuning | None = seen.planned.plan.retuning
    if retuning is None or seen.search is None:
        return None
    cost = estimate(seen.search, home, seen.finished)
    return {
        **retuning.model_dump(mode="json"),
        "settled": seen.is_settled,
        "runs": {"unique": len(seen.search.runs), "finished": cost.finished, "pending": cost.pending},
        "seconds": {"sequential": cost.one_after_another_s, "on_lanes": cost.one_after_another_s / lanes},
    }


def _range_text(found: AnyRange) -> str:
    if isinstance(found, Choice):
        return f"one of {', '.join(map(str, found.values))}"
    return f"{found.low:g} to {found.high:g}{' (log)' if is_log(found) else ''}"
