"""Random sets of factors: the effects of many at once, wherever luck of the draw puts the others."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from ablations.designs.contrasts import columns
from ablations.designs.fitted import fitted_layout
from ablations.designs.layout import Cell, Group, Layout, full_switches, in_order, switches_of
from ablations.designs.states import components, num_feasible, states_of
from pipeline.spec.base import Frozen, derive_seed
from pipeline.spec.errors import SpecError

CELLS_PER_EFFECT = 4  # with 2, nearly every estimate has more than half of some interaction in it; with 4, one in ten
TRIES = 1000  # draws of one set that is not there yet, and of all sets until no effect is lost


class RandomSubsets(Frozen):
    """Bare, full and sets in which each factor is on by the toss of a coin."""

    kind: Literal["random_subsets"] = "random_subsets"
    num_cells: int | None = Field(None, ge=2, description="with bare and full; default 4 (k + 1) for k switches")
    seed: int = Field(0, ge=0)

    def lay_out(self, groups: Sequence[Group]) -> Layout:
        """The cells, and least-squares main effects.

        Raises:
            SpecError: there are fewer different sets than that, or too few cells for the effects.
        """
        num_switches = len(switches_of(groups))
        possible = num_feasible(groups)
        num_cells = self.num_cells or min(CELLS_PER_EFFECT * (num_switches + 1), possible)
        if not num_switches + 1 <= num_cells <= possible:
            raise SpecError(
                f"design random_subsets: num_cells={num_cells}: expected from {num_switches + 1}, for the mean and "
                f"{num_switches} effects, to {possible:,}, which are all sets that can be"
            )
        rng = np.random.default_rng(derive_seed("random_subsets", self.seed))
        sets = self._draw(groups, num_cells, rng)
        note = f"random subsets: {num_cells} of {possible:,} sets that can be, drawn with seed {self.seed}"
        return fitted_layout(self.kind, groups, sets, (note,))

    def _draw(self, groups: Sequence[Group], num_cells: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
        parts = [states_of(part) for part in components(groups)]
        terms = [(switch,) for switch in switches_of(groups)]
        for _ in range(TRIES):
            sets = dict.fromkeys(((), full_switches(groups)))
            for _ in range(TRIES * num_cells):
                if len(sets) == num_cells:
                    break
                drawn = (part[int(rng.integers(len(part)))] for part in parts)
                sets[in_order(groups, (switch for state in drawn for switch in state))] = None
            cells = [Cell("", some) for some in sets]
            model = np.column_stack([np.ones(len(cells)), columns(cells, terms)])
            if len(cells) == num_cells and np.linalg.matrix_rank(model) == model.shape[1]:
                return list(sets)
        raise SpecError(
            f"design random_subsets: no {num_cells} random sets told all {len(terms)} effects apart; raise num_cells "
            "or choose d_optimal"
        )
