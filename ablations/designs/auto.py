"""Which design for this many factors and this many runs, and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from ablations.designs.factorial import FullFactorial
from ablations.designs.fractional import Fractional
from ablations.designs.layout import Cell, Group, Layout, named_cells, switches_of
from ablations.designs.one_at_a_time import AddOneIn, BothWays
from ablations.designs.optimal import DOptimal
from ablations.designs.screening import PlackettBurman
from ablations.designs.states import num_feasible
from pipeline.spec.base import Frozen
from pipeline.spec.errors import SpecError


@dataclass(frozen=True, slots=True)
class Candidate:
    """A design that would do."""

    name: str
    why: str
    lay_out: Callable[[], Layout]


class Auto(Frozen):
    """The most telling design that fits the budget."""

    kind: Literal["auto"] = "auto"
    max_runs: int | None = Field(
        None, ge=1, description="training runs, arms times seeds; default: the grid's max_runs"
    )

    def lay_out(
        self,
        groups: Sequence[Group],
        num_seeds: int = 1,
        max_runs: int | None = None,
        num_beside: int = 0,
        num_stages: Callable[[Sequence[Cell]], int] = len,
    ) -> Layout:
        """The first design of a fixed list for this many factors whose arms fit, with a note that says why.

        Args:
            groups: the factors.
            num_seeds: runs of every arm.
            max_runs: of the whole study; the design's own, where it has one, counts its arms alone.
            num_beside: runs of the study that are not the design's: controls and the noise floor.
            num_stages: distinct stages that these arms train with one seed; more than arms where some have teachers.

        Raises:
            SpecError: no design fits, with the fewest runs that would do.
        """
        left = None if max_runs is None else max_runs - num_beside
        caps = [cap for cap in (self.max_runs, left) if cap is not None]
        fewest = 0
        passed_over: list[str] = []
        for candidate in candidates(groups):
            layout = candidate.lay_out()
            runs = num_stages(layout.cells) * num_seeds
            if not caps or runs <= min(caps):
                return _explained(layout, candidate, runs, num_seeds, len(switches_of(groups)), passed_over)
            passed_over.append(f"{candidate.name} would take {runs} runs")
            fewest = min(fewest, runs) if fewest else runs
        beside = f" ({num_beside} of them for controls and the noise floor)" if num_beside else ""
        raise SpecError(
            f"design auto: {len(switches_of(groups))} factors and {num_seeds} seeds need at least {fewest} runs, more "
            f"than the {min(caps)} that max_runs leaves; raise max_runs to {fewest + num_beside}{beside}, or use "
            "fewer factors or seeds"
        )


def candidates(groups: Sequence[Group]) -> tuple[Candidate, ...]:
    """Designs from the most telling to the cheapest."""
    num_factors = len(switches_of(groups))
    plain = all(len(group.levels) == 1 and not group.needs for group in groups)
    one_in = Candidate(
        "add_one_in", "each factor alone is what this budget can carry", lambda: AddOneIn().lay_out(groups)
    )
    both = Candidate("both_ways", "shows each factor alone and beside all others", lambda: BothWays().lay_out(groups))
    all_sets = Candidate(
        "full_factorial", "few factors: all combinations, nothing mixed", lambda: FullFactorial().lay_out(groups)
    )
    chosen: list[Candidate] = []
    if num_factors <= 3:
        chosen = [all_sets]
    elif num_factors <= 5:
        chosen = [all_sets] if num_feasible(groups) <= 32 else []
        chosen += [_part(groups, plain, 8 if num_factors == 4 else 16), both]
    elif num_factors <= 8:
        part = _part(groups, plain, 16)
        beside = Candidate(
            f"both_ways and {part.name}",
            "each factor alone, beside all others, and averaged over the others",
            lambda: merge(groups, BothWays().lay_out(groups), part.lay_out()),
        )
        chosen = [beside, part, both]
    elif plain and num_factors < 128:
        screen = (
            "many factors: a screen of main effects, to be followed by a factorial of the survivors with fresh seeds"
        )
        chosen = [Candidate("plackett_burman", screen, lambda: PlackettBurman().lay_out(groups))]
    elif not plain:
        chosen = [_part(groups, plain, 2 * ((num_factors + 2) // 2) + 4)]
    return (*chosen, one_in)


def merge(groups: Sequence[Group], *layouts: Layout) -> Layout:
    """Several designs of the same factors as one; an arm that two of them have is run once."""
    cells = named_cells(groups, (cell.factors for layout in layouts for cell in layout.cells))
    by_set = {cell.factors: cell.name for cell in cells}
    comparisons = []
    for layout in layouts:
        new = {cell.name: by_set[cell.factors] for cell in layout.cells}
        for comparison in layout.comparisons:
            update = {
                "treatment": new.get(comparison.treatment, ""),
                "reference": new.get(comparison.reference, ""),
                "weights": {new[arm]: weight for arm, weight in comparison.weights.items()},
            }
            comparisons.append(comparison.model_copy(update=update))
    return Layout(
        cells,
        tuple(comparisons),
        tuple(alias for layout in layouts for alias in layout.aliases),
        tuple(note for layout in layouts for note in layout.notes),
    )


def _part(groups: Sequence[Group], plain: bool, num_cells: int) -> Candidate:
    """A part of all combinations with about this many cells."""
    if plain:
        why = "every arm tells about every factor, so that effects are averaged over the others"
        return Candidate(f"fractional in {num_cells} cells", why, lambda: Fractional(cells=num_cells).lay_out(groups))
    size = min(max(num_cells, len(switches_of(groups)) + 1), num_feasible(groups))
    why = "factors with levels or needs: the most telling of the sets that can be"
    return Candidate(f"d_optimal in {size} cells", why, lambda: DOptimal(cells=size).lay_out(groups))


def _explained(
    layout: Layout, candidate: Candidate, runs: int, num_seeds: int, num_factors: int, passed_over: Sequence[str]
) -> Layout:
    earlier = ", earlier stages included" if runs > len(layout.cells) * num_seeds else ""
    text = (
        f"auto chose {candidate.name} for {num_factors} factors: {len(layout.cells)} arms, {runs} runs with "
        f"{num_seeds} seeds{earlier}; {candidate.why}"
    )
    if passed_over:
        text += f" ({'; '.join(passed_over)})"
    return Layout(layout.cells, layout.comparisons, layout.aliases, (text, *layout.notes))
