"""Which combinations of factors a design asks for. Pure: factors in, arms and comparisons out."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ablations.designs.halving import Halving
from ablations.designs.layout import BARE, FULL, Cell, Group, Layout, only_added, plain_groups
from ablations.designs.one_at_a_time import AddOneIn, BothWays, LeaveOneOut

__all__ = [
    "BARE", "FULL", "AddOneIn", "AnyDesign", "BothWays", "Cell", "Group", "Halving", "Layout", "LeaveOneOut", "lay_out",
    "plain_groups",
]  # fmt: skip

AnyDesign = Annotated[AddOneIn | LeaveOneOut | BothWays | Halving, Field(discriminator="kind")]


def lay_out(design: AnyDesign, groups: Sequence[Group], controls: Sequence[str], outside: Sequence[str] = ()) -> Layout:
    """Arms and comparisons. Bare and full are always present.

    Args:
        design: which combinations to run.
        groups: the factors.
        controls: only ever added to bare; they check the instrument.
        outside: switches that no full recipe can have, also only added to bare.
    """
    asked, beside = design.lay_out(groups), (only_added(outside), only_added(controls, control=True))
    return Layout(
        cells=(*asked.cells, *(cell for part in beside for cell in part.cells)),
        comparisons=(*asked.comparisons, *(comparison for part in beside for comparison in part.comparisons)),
        aliases=asked.aliases,
        notes=asked.notes,
    )
