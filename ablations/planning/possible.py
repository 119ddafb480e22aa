"""What is left of a design when some of its arms cannot be: the other arms, and the questions they still answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from ablations.designs import BARE, FULL, Cell, Layout
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Comparison, SkippedArm

IDLE = f"it is only ever compared with {FULL}, which is skipped"


@dataclass(frozen=True, slots=True)
class Possible:
    """A layout without the arms that cannot be, and what went with them."""

    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedArm, ...] = ()
    unassessed: tuple[Comparison, ...] = ()


def leave_out(layout: Layout, reasons: Mapping[str, str], can_be: Callable[[tuple[str, ...]], bool]) -> Possible:
    """Take the arms that cannot be out of a layout, and the arms that then answer nothing.

    Args:
        layout: what the design asks for.
        reasons: name of an arm that cannot be -> why.
        can_be: whether bare with these factors is possible.

    Raises:
        SpecError: bare itself cannot be, or nothing is left to compare.
    """
    if BARE in reasons:
        raise SpecError(f"base: {reasons[BARE]}")
    if not reasons:
        return Possible(layout.cells, layout.comparisons)
    kept = tuple(c for c in layout.comparisons if not c.contrast.keys() & reasons.keys())
    if all(comparison.control for comparison in kept) and not all(c.control for c in layout.comparisons):
        raise SpecError(_nothing_left(layout, reasons))
    idle = _compared(layout.comparisons) - _compared(kept) - reasons.keys() - {BARE, FULL}
    skipped = tuple(
        SkippedArm(
            name=cell.name,
            factors=cell.factors,
            reason=reasons.get(cell.name, IDLE),
            clash=fewest(cell.factors, can_be) if cell.name in reasons else (),
        )
        for cell in layout.cells
        if cell.name in reasons or cell.name in idle
    )
    gone = {arm.name for arm in skipped}
    return Possible(
        cells=tuple(cell for cell in layout.cells if cell.name not in gone),
        comparisons=kept,
        skipped=skipped,
        unassessed=tuple(comparison for comparison in layout.comparisons if comparison not in kept),
    )


def fewest(factors: tuple[str, ...], can_be: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """The fewest of these factors that cannot be: one, else two, else all of them."""
    for size in (1, 2):
        for some in combinations(factors, size):
            if not can_be(some):
                return some
    return factors


def _compared(comparisons: tuple[Comparison, ...]) -> set[str]:
    return {name for comparison in comparisons for name in comparison.contrast}


def _nothing_left(layout: Layout, reasons: Mapping[str, str]) -> str:
    lines = [f"arm {name}: {reason}" for name, reason in reasons.items()]
    hint = "change these factors or the base"
    if all(c.control or c.context == "removed from full" for c in layout.comparisons):
        hint += ", or choose design: {kind: add_one_in}, which needs each factor alone only"
    elif any(c.weights for c in layout.comparisons if not c.exploratory):
        hint += (
            "; every effect of this design needs all of its arms: write factors that cannot be together as levels of "
            "one factor, or choose design: {kind: both_ways}"
        )
    return "\n".join([*lines, f"without these arms no factor can be compared with anything; {hint}"])
