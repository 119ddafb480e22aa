"""Factors as a grid writes them: one patch that is on or off, or several levels of which at most one is on."""

import re
from collections.abc import Mapping
from typing import Any

from ablations.grid.merge import Patch

LEVELS = "levels"
_NAME = re.compile(r"\w[\w.-]{0,39}")  # a name is a table's cell, part of an arm's name and of MLflow's tags


def switches_of(name: str, patch: Patch) -> dict[str, tuple[str, dict[str, Any]]]:
    """Switch -> its path below `factors`, and what it changes. A factor with levels has one switch for each."""
    if LEVELS not in patch:
        return {name: (name, dict(patch))}
    return {f"{name}={level}": (f"{name}.{LEVELS}.{level}", dict(one)) for level, one in patch[LEVELS].items()}


def factor_of(switch: str) -> str:
    """The factor that a switch belongs to."""
    return switch.partition("=")[0]


def check_factor(where: str, name: str, patch: Patch) -> None:
    """Names and shape only; what a patch says is checked where it is merged.

    Raises:
        ValueError: naming the place.
    """
    _check_name(where, name)
    if not patch:
        raise ValueError(f"{where}: is empty; say what it changes")
    if LEVELS not in patch:
        return
    levels = patch[LEVELS]
    beside = sorted(set(patch) - {LEVELS})
    if beside:
        raise ValueError(
            f"{where}: has levels and {', '.join(beside)} beside them; write what every level has in common into each"
        )
    if not isinstance(levels, Mapping) or not levels:
        raise ValueError(f"{where}.{LEVELS}: expected names, each with what it changes, got {levels!r}")
    for level, one in levels.items():
        _check_name(f"{where}.{LEVELS}.{level}", level)
        if not isinstance(one, Mapping) or not one:
            raise ValueError(f"{where}.{LEVELS}.{level}: expected a mapping of what it changes, got {one!r}")


def _check_name(where: str, name: Any) -> None:
    if not isinstance(name, str) or name in ("bare", "full") or not _NAME.fullmatch(name):
        raise ValueError(
            f"{where}: expected a name of 1 to 40 letters, digits, '_', '-' and '.', starting with a letter or digit, "
            "and not bare or full, which are arms of every study; rename it"
        )
