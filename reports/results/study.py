"""The analysis of a study as typed values: what the report, the terminal and other programs read."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context, SkippedArm
from reports.results.noise import NoiseFloor, Repeats, Rerun
from reports.results.parity import Parity
from reports.results.plan import AsPlanned
from reports.results.ranges import Range
from reports.results.robustness import Robustness
from reports.stats.estimate import Method
from reports.stats.verdict import Verdict

RunState = Literal["finished", "failed", "missing", "blocked"]
Expectation = Literal["no evidence", "hurts"]


class CostRatio(Frozen):
    """Time of a training step over the reference's, from one exclusive timing block."""

    value: float
    ci95: Range | None
    num_rounds: int
    block: str


class MethodResult(Frozen):
    """One way of estimating a difference, in display units: treatment minus reference as measured."""

    method: Method
    estimate: float
    ci95: Range | None = Field(description="None where the method saw no spread at all")
    p: float | None
    df: float
    n: int


class SecondaryEffect(Frozen):
    """The same comparison on another metric: exploratory, adjusted by Benjamini and Hochberg."""

    metric: str
    estimate: float
    ci95: Range
    p: float
    q: float


class Effect(Frozen):
    """One planned comparison. Numbers are in display units (points where the metric is a share).

    `estimate` is treatment minus reference as measured, so for a metric where lower is better a helpful factor is
    below 0; `verdict` has the direction turned already.
    """

    factor: str
    context: Context
    treatment: str = Field(description="an arm; empty for a weighted sum of arms")
    reference: str = Field(description="an arm; empty for a weighted sum of arms")
    weights: dict[str, float] = Field(default={}, description="arm -> weight; empty for a difference of two arms")
    control: bool
    exploratory: bool = Field(default=False, description="outside the declared family: a lead, never advice")
    confounded: tuple[str, ...] = Field(default=(), description="effects that the design cannot tell from this one")
    mixed_in: tuple[str, ...] = Field(default=(), description="interactions of which more than half is in this effect")
    expected: Expectation | None = None
    as_expected: bool | None = None
    verdict: Verdict
    sentence: str
    detail: str = Field("", description="the sentence to quote: with setting, interval, seeds, method and correction")
    estimate: float | None = None
    level: float = Field(default=0.95, description="of `ci95`: above .95 where several looks were declared")
    ci95: Range | None = Field(default=None, description="the interval of the verdict, at `level`")
    ci90: Range | None = Field(default=None, description="by which equivalence is judged")
    p: float | None = None
    p_holm: float | None = Field(default=None, description="over the declared family; a control's own p")
    q: float | None = Field(default=None, description="exploratory: by Benjamini and Hochberg among its own kind")
    method: Method | None = None
    df: float | None = None
    n: int
    num_seeds_planned: int
    mde: float | None = None
    sd: float | None = Field(default=None, description="of what one seed says, as the headline method sees it")
    correlation: float | None = Field(default=None, description="of both sides over seeds")
    differences: dict[int, float] = Field(
        description="seed -> treatment minus reference, or the weighted sum of all arms; empty where the arms trained "
        "alike: zeros would look measured"
    )
    identical_seeds: tuple[int, ...] = Field(default=(), description="in which both arms trained bit for bit alike")
    others: tuple[MethodResult, ...] = Field(default=(), description="every method, the headline's too")
    secondary: tuple[SecondaryEffect, ...] = ()
    robustness: Robustness | None = Field(None, description="None below two seeds")
    notes: tuple[str, ...] = ()
    step_ratio: CostRatio | None = None


class RunCell(Frozen):
    """One arm with one seed."""

    arm: str
    seed: int
    state: RunState
    reason: str = ""


class MissingRuns(Frozen):
    """Seeds that an arm has not run with yet."""

    arm: str
    seeds: tuple[int, ...]


class Waiting(Frozen):
    """A comparison that is not complete before these runs are."""

    factor: str
    context: Context
    exploratory: bool
    runs: tuple[MissingRuns, ...]


class FailedRun(Frozen):
    """A run that did not finish, with what it left behind."""

    stage_hash: str
    seed: int
    stage: str
    arms: tuple[str, ...]
    type: str
    message: str
    step: int | None
    attempts: int
    log_tail: str


class Completeness(Frozen):
    """Planned, finished, failed and missing: of distinct training runs, and of arms by seed.

    Skipped arms are none of these: the design asks for them, but they cannot be.
    """

    num_planned: int
    num_finished: int
    num_failed: int
    num_missing: int = Field(description="not run yet")
    num_blocked: int = Field(description="cannot run: an earlier stage failed")
    cells: tuple[RunCell, ...]
    failures: tuple[FailedRun, ...]
    skipped: tuple[SkippedArm, ...] = ()
    waiting: tuple[Waiting, ...] = Field((), description="comparisons that need a run which has not run yet")

    @property
    def complete(self) -> bool:
        """Whether every planned run finished."""
        return self.num_finished == self.num_planned

    def of_arm(self, arm: str) -> tuple[RunCell, ...]:
        """The cells of one arm in the order of the seeds."""
        return tuple(cell for cell in self.cells if cell.arm == arm)


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
