"""The tuning of every arm as rows, for the page and for Markdown."""

from reports.results.parity import ArmTuning, Parity
from reports.scale import Scale

COLUMNS = ("arm", "tuned", "searched", "trials with a score", "settings found", "best trial (too good)", "its seeds")
NONE = "-"


def parity_rows(parity: Parity, scale: Scale) -> tuple[tuple[str, ...], ...]:
    """One row for each arm, in the order of the plan."""
    return tuple(
        (
            arm.arm,
            arm.mark,
            _searched(arm),
            f"{arm.num_finished} of {arm.num_trials}",
            _settings(arm),
            NONE if arm.search_score is None else scale.value(arm.search_score),
            NONE if arm.fresh is None else scale.value(arm.fresh),
        )
        for arm in parity.arms
    )


def _searched(arm: ArmTuning) -> str:
    parts = [*arm.searched, *(f"not {path}: {reason}" for path, reason in arm.held.items())]
    return f"{', '.join(parts)}{f' (search of {arm.shares})' if arm.shares else ''}"


def _settings(arm: ArmTuning) -> str:
    parts = [
        f"{path} = {value}{' (near the edge of its range)' if path in arm.near_edge else ''}"
        for path, value in arm.settings.items()
    ]
    return ", ".join(parts) or "as written"
