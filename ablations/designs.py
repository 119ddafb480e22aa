"""Which combinations of factors a design asks for. Pure: names in, arms and comparisons out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Comparison

BARE, FULL = "bare", "full"


class AddOneIn(Frozen):
    """Each factor alone, against the bare recipe."""

    kind: Literal["add_one_in"] = "add_one_in"


class LeaveOneOut(Frozen):
    """The full recipe without each factor, against the full recipe."""

    kind: Literal["leave_one_out"] = "leave_one_out"


class BothWays(Frozen):
    """Both: a factor may help alone and be redundant among the others, or the other way round."""

    kind: Literal["both_ways"] = "both_ways"


AnyDesign = Annotated[AddOneIn | LeaveOneOut | BothWays, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm before its spec is built: the factors that are on."""

    name: str
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a design asks for."""

    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]


def lay_out(design: AnyDesign, factors: Sequence[str], controls: Sequence[str]) -> Layout:
    """Arms and comparisons. Bare and full are always present; controls are only ever added to bare."""
    cells = [Cell(BARE, ())]
    comparisons: list[Comparison] = []
    if design.kind in ("add_one_in", "both_ways"):
        for factor in factors:
            cells.append(Cell(f"+{factor}", (factor,)))
            comparisons.append(
                Comparison(factor=factor, context="added to bare", treatment=f"+{factor}", reference=BARE)
            )
    for control in controls:
        cells.append(Cell(f"+{control}", (control,)))
        comparisons.append(
            Comparison(factor=control, context="added to bare", treatment=f"+{control}", reference=BARE, control=True)
        )
    cells.append(Cell(FULL, tuple(factors)))
    if design.kind in ("leave_one_out", "both_ways"):
        for factor in factors:
            rest = tuple(f for f in factors if f != factor)
            cells.append(Cell(f"-{factor}", rest))
            comparisons.append(
                Comparison(factor=factor, context="removed from full", treatment=FULL, reference=f"-{factor}")
            )
    return Layout(tuple(cells), tuple(comparisons))
