"""The plan of a study: which arms, which runs answer for them, and what was promised beforehand."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.base import Frozen, content_hash, identity_dump
from pipeline.spec.card import Card
from pipeline.spec.more_seeds import MoreSeeds, NoMoreSeeds, Precision
from pipeline.spec.promise import Promise, PromisedComparison
from pipeline.spec.records import HIGHER_IS_BETTER, IN_POINTS, MetricName
from pipeline.spec.retuning import PromisedSearch, Retuning
from pipeline.spec.tuning import Tuning

Context = Literal[
    "added to bare",
    "removed from full",
    "added to what it needs",
    "added in this order",
    "averaged over the others",
    "share of the gain",
    "interaction",
    "interaction with the rest",
]
"""Where an effect was looked at: what the other factors were while this one was switched."""


class Metric(Frozen):
    """The number that decides, read on `val` at the last epoch."""

    name: MetricName = "top1"
    delta: float = Field(0.5, gt=0, description="smallest difference anybody would care about; points, or metric units")
    target: float | None = Field(
        None, gt=0, description="level whose time to reach is reported; points, or metric units. None: not asked"
    )

    @model_validator(mode="after")
    def _target_is_in_points(self) -> Self:
        if self.target is not None and self.name in IN_POINTS:
            if self.target > 100:
                raise ValueError(f"target {self.target:g} is above 100 points, which {self.name} cannot reach")
            if HIGHER_IS_BETTER[self.name] and self.target <= 1:
                raise ValueError(
                    f"target {self.target:g} is read in points, as delta is: write {100 * self.target:g} for a share "
                    f"of {self.target:g}"
                )
        return self


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
    seeds: tuple[int, ...] | None = Field(None, description="the only seeds it runs with; None: all of the study")

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
    """One planned effect: a difference of two arms, or a weighted sum of several whose weights add up to 0.

    Above 0, the factor raises the metric.
    """

    factor: str = Field(description="a switch, or several joined by ' x ' for an interaction")
    context: Context
    treatment: str = Field("", description="an arm; empty for a weighted sum")
    reference: str = Field("", description="an arm; empty for a weighted sum")
    weights: dict[str, float] = Field(default={}, description="arm -> weight; empty for a difference of two arms")
    control: bool = False
    exploratory: bool = Field(False, description="outside the declared family: adjusted among its own kind")
    confounded: tuple[str, ...] = Field(default=(), description="effects that this design cannot tell from this one")
    mixed_in: tuple[str, ...] = Field(default=(), description="interactions of which more than half is in this effect")
    draws: tuple[tuple[tuple[str, str], ...], ...] = Field(
        default=(), description="of a share over sampled orders: by draw, the arms after and before the factor joins"
    )
    note: str = Field("", description="what a reader must know about this effect before any result")

    @model_validator(mode="after")
    def _is_a_contrast(self) -> Self:
        if bool(self.weights) == bool(self.treatment and self.reference):
            raise ValueError("expected a treatment and a reference, or weights of arms, and not both")
        if abs(sum(self.weights.values())) > 1e-9:
            raise ValueError(f"the weights of a comparison must add up to 0, not to {sum(self.weights.values())!r}")
        return self

    @property
    def contrast(self) -> dict[str, float]:
        """Arm -> weight."""
        return self.weights or {self.treatment: 1.0, self.reference: -1.0}


class Alias(Frozen):
    """What a design can say about one effect: the effects that it is mixed with, wholly or in part."""

    effect: str = Field(description="a switch, or two joined by ' x '")
    mixed_with: tuple[str, ...] = Field(default=(), description="estimated as one with these, wholly")
    clear: bool = Field(description="no main effect and no two-way interaction among them")
    max_alias: float = Field(0.0, ge=0, description="largest share of another effect up to two-way, 1: wholly")
    vif: float | None = Field(None, description="variance inflation of its estimate; None: cannot be estimated")


class ScreenRound(Frozen):
    """One rung of a screen by short runs. Its scores chose; they judge nothing."""

    study: str = Field(description="the study that holds its runs")
    epochs: int
    seed: int
    gains: dict[str, float | None] = Field(description="factor -> difference to its reference; None: its run failed")
    kept: tuple[str, ...]


class DataSummary(Frozen):
    """What the scan of the data found."""

    fingerprint: str
    class_names: tuple[str, ...]
    num_samples: dict[str, int] = Field(description="role -> samples")
    notes: tuple[str, ...] = ()


class Condition(Frozen):
    """Where a study is asked again: its design over another base, as a study of its own."""

    name: str = Field(description="as in `data=tenth`; several that hold at once are joined by ', '")
    study: str
    changes: dict[str, Any] = Field(description="what differs in base, as it was written")


class StudyPlan(Frozen):
    """Everything fixed before the first run."""

    schema_version: Literal[1] = 1
    study: str
    question: str = ""
    notes: str = ""
    metric: Metric
    seeds: tuple[int, ...] = Field(description="the grid's, then those that `more_seeds` has added")
    first_seeds: tuple[int, ...] = Field(default=(), description="the grid's own; empty: all of `seeds`")
    more_seeds: MoreSeeds = NoMoreSeeds()
    alpha: float = Field(0.05, gt=0, lt=1, description="two-sided level of the verdicts; below .05 for several looks")
    design: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    skipped: tuple[SkippedArm, ...] = Field(default=(), description="arms of the design that are not run")
    unassessed: tuple[Comparison, ...] = Field(default=(), description="comparisons that need a skipped arm")
    exclusive: tuple[tuple[str, ...], ...] = Field(
        default=(), description="switches of which at most one can be on: the levels of one factor"
    )
    aliases: tuple[Alias, ...] = Field(default=(), description="what the design cannot tell apart")
    screen: tuple[ScreenRound, ...] = Field(default=(), description="what chose these factors, before any of this ran")
    tuning: Tuning | None = Field(None, description="the search that chose the arm `tuned`; None in a grid's study")
    retuning: Retuning | None = Field(None, description="what gave each arm its settings; None: the grid did")
    design_notes: tuple[str, ...] = Field(default=(), description="why this design, and its warnings")
    conditions: tuple[Condition, ...] = Field(default=(), description="under which this study is asked again")
    data: DataSummary
    cards: dict[str, Card] = Field(default={}, description="factor -> its card; `factor: name` where it has more")
    grid: dict[str, Any] = Field(default={}, description="the grid file as it was read")

    def arm(self, name: str) -> Arm:
        """The arm with this name."""
        return next(arm for arm in self.arms if arm.name == name)

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """The seeds that an arm runs with."""
        return self.seeds if arm.seeds is None else arm.seeds

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seeds of the study, then those that only some arms have."""
        return tuple(dict.fromkeys([*self.seeds, *(seed for arm in self.arms for seed in self.seeds_of(arm))]))

    def seeds_by_stage(self) -> dict[str, tuple[int, ...]]:
        """Stage hash -> the seeds that any of its arms needs it with, in the order of `every_seed`."""
        wanted: dict[str, set[int]] = {}
        for arm in self.arms:
            for stage in arm.stages:
                wanted.setdefault(stage.stage_hash, set()).update(self.seeds_of(arm))
        order = self.every_seed
        return {key: tuple(seed for seed in order if seed in seeds) for key, seeds in wanted.items()}

    @property
    def promised_seeds(self) -> tuple[int, ...]:
        """The seeds that the grid asked for."""
        return self.first_seeds or self.seeds

    @property
    def stage_one_seeds(self) -> tuple[int, ...]:
        """The seeds from which spread and degrees of freedom are taken: under a precision target the first stage's."""
        return self.promised_seeds if isinstance(self.more_seeds, Precision) else self.seeds

    @property
    def promise(self) -> Promise:
        """What is fixed before the first run; seeds that a declared rule adds do not change it."""
        return Promise(
            metric=self.metric.name,
            delta=self.metric.delta,
            target=self.metric.target,
            alpha=self.alpha,
            seeds=self.promised_seeds,
            more_seeds=self.more_seeds,
            design=self.design,
            comparisons=tuple(_promised(comparison) for comparison in self.comparisons),
            arms={arm.name: arm.final.stage_hash for arm in self.arms},
            seeds_of_arms={arm.name: arm.seeds for arm in self.arms if arm.seeds is not None},
            excluded=tuple(arm.name for arm in self.skipped),
            data_fingerprint=self.data.fingerprint,
            num_samples=self.data.num_samples,
            retune=None if self.retuning is None else _promised_search(self.retuning),
        )

    @property
    def plan_hash(self) -> str:
        """Hash of the promise."""
        return content_hash(identity_dump(self.promise))


def _promised_search(retuning: Retuning) -> PromisedSearch:
    spaces = {search.arm: retuning.of(search.arm).space for search in retuning.arms}
    return PromisedSearch(trials=retuning.trials, seed=retuning.seed, spaces=spaces)


def _promised(comparison: Comparison) -> PromisedComparison:
    return PromisedComparison(
        factor=comparison.factor,
        context=comparison.context,
        contrast={arm: round(weight, 9) for arm, weight in comparison.contrast.items()},
        control=comparison.control,
        exploratory=comparison.exploratory,
    )
