"""The analysis of a study as typed values: what the report, the terminal and other programs read."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context
from reports.results.completeness import Completeness
from reports.results.conditions import UnderConditions
from reports.results.effect import CostRatio, Effect
from reports.results.noise import NoiseFloor, Repeats, Rerun
from reports.results.parity import Parity
from reports.results.plan import AsPlanned
from reports.stats.estimate import Method


class Spread(Frozen):
    """Mean over seeds; `sd` is None at one seed."""

    mean: float
    sd: float | None
    n: int


class NetworkSize(Frozen):
    """What the network of an arm's last stage costs, before and after the surgery of its strategies."""

    num_parameters: int
    bare_num_parameters: int
    forward_gflops: float = Field(description="of one image at the training size; a multiply-add counts 2")
    bare_gflops: float


class ArmSummary(Frozen):
    """One arm over its finished seeds."""

    name: str
    factors: tuple[str, ...]
    stage_hash: str
    n: int
    metrics: dict[str, Spread] = Field(description="<role>/<metric>, in display units")
    samples_seen: float | None = Field(description="mean over seeds, of the arm's own last stage")
    samples_with_ancestors: float | None = Field(description="and of the stages it needs")
    busy_s: float | None = Field(description="wall time on a shared machine: for planning, not for verdicts")
    busy_s_with_ancestors: float | None
    step_ms: float | None
    step_ratio: CostRatio | None = Field(description="to bare")
    peak_memory_mb: float | None
    network: NetworkSize | None = Field(None, description="None in records of versions that did not count")


class TotalCost(Frozen):
    """Everything the study has trained so far, each distinct run once."""

    busy_s: float
    samples_seen: int
    num_runs: int


class Pairing(Frozen):
    """Whether sharing seeds between arms made the intervals narrower."""

    correlation: float
    break_even: float
    helped: bool
    sentence: str


class HiddenChange(Frozen):
    """A field in which arms differ from bare although no factor names it, so that its effect is in the factor's."""

    text: str
    factors: tuple[str, ...] = Field(description="those that write closest to it")
    arms: tuple[str, ...]


class Recipe(Frozen):
    """What to keep, and whether exactly that was run."""

    factors: tuple[str, ...]
    recipe: dict
    arm: str | None = Field(description="the arm that is exactly this recipe; None if it was not run itself")
    left_out: tuple[str, ...] = Field(
        default=(), description="factors found to help that are not kept; the sentence says why"
    )
    rule: str
    sentence: str


class Analysis(Frozen):
    """Everything the report says in numbers and sentences."""

    schema_version: Literal[1] = 1
    study: str
    question: str
    setting: str
    metric: str
    metric_title: str
    unit: str
    higher_is_better: bool
    delta: float
    seeds: tuple[int, ...]
    headline: Method | None = Field(description="of differences of two arms; weighted sums are judged pooled")
    level: float = Field(default=0.95, description="of the intervals: 1 minus the two-sided level of a verdict")
    num_comparisons: int
    effects: tuple[Effect, ...]
    controls: tuple[Effect, ...]
    answers: dict[str, str] = Field(description="factor -> one sentence")
    arms: tuple[ArmSummary, ...]
    completeness: Completeness
    total_cost: TotalCost
    noise_floor: NoiseFloor | None
    repeats: Repeats | None = Field(None, description="runs of bare's recipe; None before bare has one")
    reruns: tuple[Rerun, ...] = ()
    pairing: Pairing | None
    recipe_to_keep: Recipe
    plan_hash: str
    as_planned: AsPlanned
    parity: Parity | None = Field(None, description="how each arm was tuned; None: no arm was")
    hidden_changes: tuple[HiddenChange, ...] = ()
    under_conditions: UnderConditions | None = Field(None, description="None in a study without conditions")
    warnings: tuple[str, ...] = ()

    @property
    def luck(self) -> tuple[str, ...]:
        """What is known about luck, a sentence each."""
        found = (self.noise_floor, self.repeats, *self.reruns)
        said = (f"{one.sentence[0].upper()}{one.sentence[1:]}." for one in found if one is not None)
        return (*said, *self._shared_arms)

    @property
    def _shared_arms(self) -> tuple[str, ...]:
        """Arms that several effects are measured against: their luck is in all of these."""
        # Within full, an effect is full minus full without the factor, so that full is what these share.
        arms = [e.treatment if e.context == "removed from full" else e.reference for e in self.declared if e.ci95]
        return tuple(
            f"{arms.count(arm)} effects share the runs of {arm}: were these lucky or unlucky, all are shifted alike."
            for arm in dict.fromkeys(arms)
            if arm and arms.count(arm) > 1
        )

    @property
    def declared(self) -> tuple[Effect, ...]:
        """The effects that the study promised to judge."""
        return tuple(effect for effect in self.effects if not effect.exploratory)

    @property
    def explored(self) -> tuple[Effect, ...]:
        """Interactions and the like: leads, never advice."""
        return tuple(effect for effect in self.effects if effect.exploratory)

    def effect(self, factor: str, context: Context) -> Effect | None:
        """The planned effect of a factor in a context, controls included."""
        return next((e for e in self.effects + self.controls if (e.factor, e.context) == (factor, context)), None)
