"""Which combinations of factors a design asks for. Pure: factors in, arms and comparisons out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ablations.designs.auto import Auto
from ablations.designs.baseline import Baseline
from ablations.designs.factorial import FullFactorial, Pairwise
from ablations.designs.fractional import Fractional
from ablations.designs.halving import Halving
from ablations.designs.layout import BARE, FULL, Cell, Group, Layout, check_groups, only_added, plain_groups
from ablations.designs.one_at_a_time import AddOneIn, BothWays, LeaveOneOut
from ablations.designs.optimal import DOptimal
from ablations.designs.order import Shapley, Stack
from ablations.designs.screening import PlackettBurman
from ablations.designs.subsets import RandomSubsets
from pipeline.spec.base import Frozen

__all__ = [
    "BARE", "FULL", "AddOneIn", "AnyDesign", "Auto", "Baseline", "BothWays", "Cell", "DOptimal", "Fractional",
    "FullFactorial", "Group", "Halving", "Layout", "LeaveOneOut", "Pairwise", "PlackettBurman", "RandomSubsets",
    "Shapley", "Stack", "lay_out", "plain_groups",
]  # fmt: skip

_Written = Annotated[
    Auto | Baseline | AddOneIn | LeaveOneOut | BothWays | Stack | Pairwise | FullFactorial | Fractional
    | PlackettBurman | RandomSubsets | DOptimal | Shapley | Halving,
    Field(discriminator="kind"),
]  # fmt: skip
_Name = Literal[  # of those that need nothing more to be said
    "auto", "baseline", "add_one_in", "leave_one_out", "both_ways", "stack", "pairwise", "full_factorial", "fractional",
    "plackett_burman", "random_subsets", "d_optimal", "shapley", "halving",
]  # fmt: skip


def _by_name(value: Any) -> Any:
    """`design: auto` means `design: {kind: auto}`."""
    if isinstance(value, str):
        return {"kind": value}
    if not isinstance(value, Mapping | Frozen):
        raise ValueError(
            f"expected the name of a design such as both_ways, or a mapping such as {{kind: fractional, cells: 8}}, "
            f"not {value!r}"
        )
    return value


AnyDesign = Annotated[_Written, BeforeValidator(_by_name, json_schema_input_type=_Written | _Name)]


def lay_out(
    design: AnyDesign,
    groups: Sequence[Group],
    controls: Sequence[str],
    outside: Sequence[str] = (),
    *,
    num_seeds: int = 1,
    max_runs: int | None = None,
    num_beside: int = 0,
    num_stages: Callable[[Sequence[Cell]], int] = len,
) -> Layout:
    """Arms and comparisons.

    Args:
        design: as the grid has it.
        groups: the factors.
        controls: switches that are only ever added to bare; they check the instrument.
        outside: factors that no full recipe can have, also only added to bare.
        num_seeds: runs of every arm; `auto` counts them.
        num_beside: runs of the study that are not of this layout, for `auto` to leave room for.
        num_stages: distinct stages that these arms train with one seed, for `auto`; default: one each.
        max_runs: of the study; `auto` stays below it, and other designs are checked by the planner.

    Raises:
        SpecError: the factors do not fit together, the design cannot have them, or nothing fits into `max_runs`.
    """
    check_groups(groups)
    if isinstance(design, Auto):
        beside_it = num_beside + (len(controls) + len(outside)) * num_seeds
        asked = design.lay_out(groups, num_seeds, max_runs, beside_it, num_stages)
    else:
        asked = design.lay_out(groups)
    beside = (only_added(outside), only_added(controls, control=True))
    return Layout(
        cells=(*asked.cells, *(cell for part in beside for cell in part.cells)),
        comparisons=(*asked.comparisons, *(comparison for part in beside for comparison in part.comparisons)),
        aliases=asked.aliases,
        notes=asked.notes,
    )
