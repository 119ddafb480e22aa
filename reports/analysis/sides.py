"""The two sides of a comparison: arms weighted above 0 against arms weighted below, and what failed on each."""

from dataclasses import dataclass

from pipeline.spec.study import Comparison, StudyPlan
from reports.results.completeness import Completeness


@dataclass(frozen=True, slots=True)
class Side:
    """Some arms of a comparison, each training run named once, and how many of their runs failed."""

    arms: tuple[str, ...]
    num_failed: int
    num_planned: int

    @property
    def failed_frac(self) -> float:
        """Of its planned runs."""
        return self.num_failed / self.num_planned if self.num_planned else 0.0


@dataclass(frozen=True, slots=True)
class Sides:
    """Where the factor is and where it is not, as far as a weighted sum has such sides."""

    positive: Side
    negative: Side

    @property
    def arms(self) -> tuple[str, ...]:
        """Of both."""
        return self.positive.arms + self.negative.arms


def sides_of(plan: StudyPlan, comparison: Comparison, completeness: Completeness) -> Sides:
    """Split a comparison by the sign of its weights. Arms that share their runs are named once."""
    named: dict[str, tuple[str, float]] = {}
    stage_of = {arm.name: arm.final.stage_hash for arm in plan.arms}
    for arm, weight in comparison.contrast.items():
        first, total = named.get(stage_of[arm], (arm, 0.0))
        named[stage_of[arm]] = (first, total + weight)
    return Sides(
        _side(tuple(arm for arm, weight in named.values() if weight > 0), completeness),
        _side(tuple(arm for arm, weight in named.values() if weight < 0), completeness),
    )


def _side(arms: tuple[str, ...], completeness: Completeness) -> Side:
    cells = [cell for arm in arms for cell in completeness.of_arm(arm)]
    return Side(arms, sum(cell.state == "failed" for cell in cells), len(cells))
