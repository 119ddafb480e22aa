"""Successive halving: short runs first, and only the better factors go on to longer ones and to fresh seeds.

After Jamieson and Talwalkar (2016, arXiv:1502.07943). The scores of a screen are chosen for being high, so they are
too high on average (the best of ten equal factors looks 1.54 standard deviations better than it is): they choose,
and never judge. The survivors are judged in a study of their own, with seeds that the screen has not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from ablations.designs.layout import Group, Layout
from ablations.designs.one_at_a_time import AddOneIn
from pipeline.spec.base import Frozen


@dataclass(frozen=True, slots=True)
class Rung:
    """One round of a screen."""

    num_factors: int
    epochs: int
    num_kept: int


class Halving(Frozen):
    """Screen by short runs, then judge the survivors."""

    kind: Literal["halving"] = "halving"
    first_epochs: int = Field(
        3, ge=1, description="epochs of the first rung; each further rung trains eta times as long"
    )
    eta: int = Field(3, ge=2, description="one factor in eta goes on, rounded up")
    survivors: int = Field(4, ge=1, description="the screen ends when no more factors are left")
    seed: int = Field(1_000_003, ge=0, lt=2**31, description="of the screen; must not be among the study's seeds")
    then: Literal["add_one_in", "leave_one_out", "both_ways", "full_factorial"] = Field(
        "both_ways", description="the design in which the survivors are judged"
    )

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """Of a rung: every level alone."""
        return AddOneIn().lay_out(groups)

    def rungs(self, num_factors: int, full_epochs: int) -> tuple[Rung, ...]:
        """How many factors each rung tries, for how long, and how many it keeps; none where all would survive."""
        found: list[Rung] = []
        left, epochs = num_factors, self.first_epochs
        while left > self.survivors:
            kept = max(-(-left // self.eta), self.survivors)
            found.append(Rung(left, min(epochs, full_epochs), kept))
            left, epochs = kept, epochs * self.eta
        return tuple(found)
