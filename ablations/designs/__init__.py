"""Which combinations of factors a design asks for. Pure: factors in, arms and comparisons out."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ablations.designs.layout import BARE, FULL, Cell, Group, Layout, control_arms, plain_groups
from ablations.designs.one_at_a_time import AddOneIn, BothWays, LeaveOneOut

__all__ = [
    "BARE", "FULL", "AddOneIn", "AnyDesign", "BothWays", "Cell", "Group", "Layout", "LeaveOneOut", "lay_out",
    "plain_groups",
]  # fmt: skip

AnyDesign = Annotated[AddOneIn | LeaveOneOut | BothWays, Field(discriminator="kind")]


def lay_out(design: AnyDesign, groups: Sequence[Group], controls: Sequence[str]) -> Layout:
    """Arms and comparisons. Bare and full are always present; controls are only ever added to bare."""
    asked, beside = design.lay_out(groups), control_arms(controls)
    return Layout((*asked.cells, *beside.cells), (*asked.comparisons, *beside.comparisons), asked.aliases, asked.notes)
