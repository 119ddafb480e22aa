"""The runs that show how large luck is: bare on other random streams (A/A), and bare with the same seed once more."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from ablations.designs import BARE, Cell, Layout
from pipeline.spec.base import Frozen
from pipeline.spec.study import Comparison, StudyPlan

A_A, RERUN = "A/A", "rerun of bare"
"""The switches. No factor can be called so: neither a slash nor a space may be in a factor's name."""


class NoiseFloor(Frozen):
    """What is run beside the design to measure luck. `noise_floor: false` in a grid switches both off."""

    a_a: bool = Field(True, description="bare on another random stream with every seed, unless a control is a placebo")
    rerun: bool = Field(True, description="bare once more with the first seed: shows whether the machine adds noise")

    def patches(self, base: Mapping[str, Any], controls: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Switch -> what it adds to bare.

        Args:
            base: the grid's, without dotted paths.
            controls: the grid's own, without dotted paths; one that is nothing but a placebo is the A/A arm already.
        """
        in_base = [item.get("kind") for item in base.get("strategies", ()) if isinstance(item, Mapping)]
        found: dict[str, dict[str, Any]] = {}
        for wanted, name, kind in ((self.a_a, A_A, "placebo"), (self.rerun, RERUN, "rerun")):
            patch = {"strategies": [{"kind": kind}]}
            if wanted and kind not in in_base and patch not in controls.values():
                found[name] = patch
        return found


def on_or_off(value: Any) -> Any:
    """`noise_floor: false` means neither, `true` means both."""
    if isinstance(value, bool):
        return {"a_a": value, "rerun": value}
    if not isinstance(value, Mapping | NoiseFloor):
        raise ValueError(f"expected true, false or a mapping such as {{rerun: false}}, not {value!r}")
    return value


def with_noise_floor(layout: Layout, switches: Sequence[str], first_seed: int) -> Layout:
    """The layout and the arms that show luck, behind all others.

    The rerun is compared with nothing over seeds: it has one, and must give bare's numbers bit for bit.

    Args:
        layout: of the design and the grid's own controls.
        switches: which of A_A and RERUN to add.
        first_seed: the only one of the rerun.
    """
    cells, comparisons = [*layout.cells], [*layout.comparisons]
    if A_A in switches:
        cells.append(Cell(A_A, (A_A,)))
        comparisons.append(Comparison(factor=A_A, context="added to bare", treatment=A_A, reference=BARE, control=True))
    if RERUN in switches:
        cells.append(Cell("rerun", (RERUN,), (first_seed,)))
    return Layout(tuple(cells), tuple(comparisons), layout.aliases, layout.notes)


def num_noise_runs(switches: Sequence[str], num_seeds: int) -> int:
    """Final stages that these arms add to a study."""
    return num_seeds * (A_A in switches) + (RERUN in switches)


def noise_lines(plan: StudyPlan) -> list[str]:
    """What these arms are, for people; nothing where there are none."""
    on = {factor for arm in plan.arms for factor in arm.factors}
    told = [f"{A_A} is bare on another random stream"] if A_A in on else []
    if RERUN in on:
        told.append(f"rerun is bare with seed {plan.seeds[0]} once more")
    return [f"luck      {', '.join(told)}; noise_floor: false would leave it out"] if told else []
