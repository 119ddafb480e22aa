"""Both arms of a comparison seed by seed, as typed values."""

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context


class SeedPair(Frozen):
    """One seed of two arms. Levels are in display units; None where the run failed or has not come."""

    seed: int
    reference: float | None
    treatment: float | None
    reference_failed: bool
    treatment_failed: bool


class SeedPairs(Frozen):
    """One planned comparison of two arms."""

    factor: str
    context: Context
    treatment_arm: str
    reference_arm: str
    control: bool
    seeds: tuple[SeedPair, ...]
    num_better: int = Field(description="seeds in which the treatment is better; ties are none")

    @property
    def num_paired(self) -> int:
        """Seeds that both arms finished."""
        return sum(pair.reference is not None and pair.treatment is not None for pair in self.seeds)
