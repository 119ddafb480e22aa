"""The same recipe over and over: how much does luck alone move the metric?"""

from collections.abc import Sequence
from typing import Literal

from ablations.designs.layout import BARE, Cell, Group, Layout
from pipeline.spec.base import Frozen


class Baseline(Frozen):
    """Bare alone, for the noise floor. It answers nothing about any factor."""

    kind: Literal["baseline"] = "baseline"

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """Bare, and no comparison."""
        waiting = ", ".join(group.name for group in groups)
        note = f"baseline: repeats of bare only, for the noise floor; no effect of {waiting} is estimated"
        return Layout((Cell(BARE, ()),), (), notes=(note,))
