"""The plan of a study: which arms, which runs answer for them, and what was promised beforehand."""

from typing import Any, Literal

from pydantic import Field

from pipeline.spec.base import Frozen, content_hash
from pipeline.spec.card import Card
from pipeline.spec.records import MetricName

Context = Literal["added to bare", "removed from full"]


class Metric(Frozen):
    """The number that decides, read on `val` at the last epoch."""

    name: MetricName = "top1"
    delta: float = Field(0.5, gt=0, description="smallest difference anybody would care about; points, or metric units")


class PlannedStage(Frozen):
    """One training run of a trial, before seeds."""

    name: str
    stage_hash: str
    needs: dict[str, str] = Field(default={}, description="name of an earlier stage -> its hash")
    spec: dict[str, Any] = Field(description="the resolved stage, every default written out")


class Undeclared(Frozen):
    """A field in which an arm differs from bare although no factor names it: usually the default of another kind."""

    path: str
    bare: Any = Field(description="bare's value; None where bare has none")
    arm: Any = Field(description="the arm's value; None where it has none")
    factors: tuple[str, ...] = Field(default=(), description="those that write closest to it; empty: none does")


class Arm(Frozen):
    """A set of factors switched on. Its last stage is the one that is compared."""

    name: str
    factors: tuple[str, ...]
    stages: tuple[PlannedStage, ...]
    recipe: dict[str, Any] = Field(description="the experiment as a person would write it")
    undeclared: tuple[Undeclared, ...] = Field(default=(), description="differences from bare that no factor names")

    @property
    def final(self) -> PlannedStage:
        """The stage whose metrics are the arm's."""
        return self.stages[-1]


class SkippedArm(Frozen):
    """An arm of the design that is not run, and why."""

    name: str
    factors: tuple[str, ...]
    reason: str
    clash: tuple[str, ...] = Field(
        default=(), description="the fewest of its factors that cannot be; empty: it could be, but answers nothing"
    )


class Comparison(Frozen):
    """One planned effect: `treatment` minus `reference`, so that above 0 the factor raises the metric."""

    factor: str
    context: Context
    treatment: str
    reference: str
    control: bool = False


class DataSummary(Frozen):
    """What the scan of the data found."""

    fingerprint: str
    class_names: tuple[str, ...]
    num_samples: dict[str, int] = Field(description="role -> samples")
    notes: tuple[str, ...] = ()


class StudyPlan(Frozen):
    """Everything fixed before the first run."""

    schema_version: Literal[1] = 1
    study: str
    question: str = ""
    notes: str = ""
    metric: Metric
    seeds: tuple[int, ...]
    design: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedArm, ...] = Field(default=(), description="arms of the design that are not run")
    unassessed: tuple[Comparison, ...] = Field(default=(), description="comparisons that need a skipped arm")
    data: DataSummary
    cards: dict[str, Card] = Field(default={}, description="factor -> its card; `factor: name` where it has more")
    grid: dict[str, Any] = Field(default={}, description="the grid file as it was read")

    def arm(self, name: str) -> Arm:
        """The arm with this name."""
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def plan_hash(self) -> str:
        """Hash of what was promised: arms, comparisons, metric, delta, seeds and data; not names or notes."""
        promised = self.model_dump(mode="json", include={"metric", "seeds", "comparisons", "data"})
        promised["arms"] = {arm.name: arm.final.stage_hash for arm in self.arms}
        return content_hash(promised)
