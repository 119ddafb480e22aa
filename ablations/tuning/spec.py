"""The file of a search: a recipe, the fields to search over, how to look, and how much that may cost."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from ablations.grid.faults import fault_lines, is_impossible
from ablations.grid.merge import experiment, undot
from ablations.grid.spec import Resources, seed_list
from ablations.records.home import slug
from ablations.tuning.paths import with_values
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.base import Frozen
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.study import Metric
from pipeline.spec.tuning import (
    AnyRange,
    AnyScheduler,
    AnySearch,
    Choice,
    GridSearch,
    NoScheduler,
    TpeSearch,
    num_points,
)

MIN_CONFIRM_SEEDS = 2
MAX_GRID = 100_000
_EPOCHS = "budget.epochs"


class TuneBudget(Frozen):
    """When the search asks for no more; the first limit that is reached counts. What it has asked for is finished."""

    trials: int | None = Field(None, ge=1, le=100_000)
    epochs: int | None = Field(None, ge=1, description="of all runs of the search together")
    minutes: float | None = Field(None, gt=0, description="of training, added up over the lanes")

    def __str__(self) -> str:
        parts = [f"{value:g} {name}" for name, value in self.model_dump().items() if value is not None]
        return " or ".join(parts) or "every combination"


class Objectives(Frozen):
    """What decides."""

    metric: Metric = Metric()
    seconds: bool = Field(False, description="a second objective: training time, as measured beside other runs")


class MlflowSearch(Frozen):
    """An earlier search that MLflow shows: of another home, perhaps on another machine."""

    study: str = Field(description="its name, which is that of the MLflow experiment")
    mlflow: str = Field(min_length=1, description="tracking URI, as in sqlite:////home/me/ablate-home/mlflow.db")


class TuneSpec(Frozen):
    """A search as a person writes it."""

    study: Annotated[str, AfterValidator(lambda name: slug(name, "study name"))]
    question: str = ""
    notes: str = ""
    base: dict[str, Any]
    space: dict[str, AnyRange] = Field(min_length=1, description="dotted path -> what may stand there")
    search: AnySearch = TpeSearch()
    warm_start: tuple[str | MlflowSearch, ...] = Field(
        (), description="earlier searches to learn from, by name in this home or as {study, mlflow}; tpe only"
    )
    scheduler: AnyScheduler = NoScheduler()
    budget: TuneBudget = TuneBudget()
    objectives: Objectives = Objectives()
    confirm_seeds: Annotated[tuple[int, ...], BeforeValidator(seed_list)] = (0, 1, 2)
    trial_seed: int = Field(1_000_003, ge=0, lt=2**31, description="of every trial; must not be a confirm seed")
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _seeds_are_fresh(self) -> Self:
        seeds = list(self.confirm_seeds)
        if len(set(seeds)) < MIN_CONFIRM_SEEDS or len(set(seeds)) < len(seeds):
            raise ValueError(f"confirm_seeds: expected {MIN_CONFIRM_SEEDS} or more different seeds, not {seeds}")
        if self.trial_seed in seeds:
            raise ValueError(
                f"trial_seed={self.trial_seed} is among confirm_seeds {seeds}: the winner must be judged by runs that "
                "did not choose it; take another trial_seed"
            )
        return self

    @model_validator(mode="after")
    def _search_ends(self) -> Self:
        size = self.grid_size()
        if size is None:
            if self.budget == TuneBudget():
                raise ValueError("budget: says no limit; give trials, epochs or minutes, as in budget: {trials: 30}")
            return self
        if size > MAX_GRID:
            raise ValueError(
                f"search: the grid has {size} points, more than {MAX_GRID}; lower points, or search random"
            )
        if self.budget.trials is not None and self.budget.trials < size:
            raise ValueError(
                f"budget.trials={self.budget.trials} is less than the {size} points of the grid: raise it, lower "
                "search.points, or use search: {kind: random}"
            )
        return self

    @model_validator(mode="after")
    def _somebody_learns(self) -> Self:
        if self.warm_start and not isinstance(self.search, TpeSearch):
            raise ValueError(
                f"warm_start: a {self.search.kind} search learns from no trial; use {{kind: tpe}}, or leave it out"
            )
        if self.study in self.warm_start:
            raise ValueError(f"warm_start: {self.study!r} is this search itself, which goes on anyway; leave it out")
        return self

    @model_validator(mode="after")
    def _scheduler_fits(self) -> Self:
        if isinstance(self.scheduler, NoScheduler):
            return self
        if self.objectives.seconds:
            raise ValueError(
                "objectives.seconds: a scheduler stops trials by the metric alone; use scheduler: {kind: none}, or "
                "leave seconds out"
            )
        return self

    def grid_size(self) -> int | None:
        """How many points a grid search has; None for any other search."""
        if not isinstance(self.search, GridSearch):
            return None
        size = 1
        for found in self.space.values():
            size *= int(min(num_points(found), num_points(found) if isinstance(found, Choice) else self.search.points))
        return size

    def recipe(self, values: dict[str, Any], epochs: int | None = None) -> dict[str, Any]:
        """The recipe with these values, as a person would write it.

        Raises:
            SpecError: a path does not exist.
        """
        base = undot(self.base, "base")
        return with_values(base, values | ({} if epochs is None else {_EPOCHS: epochs}))

    def experiment(self, values: dict[str, Any], epochs: int | None = None) -> ExperimentSpec:
        """The same, validated.

        Raises:
            Impossible: its parts cannot be together.
            SpecError: one of them is wrong.
        """
        try:
            return experiment(self.recipe(values, epochs))
        except ValidationError as error:
            lines = fault_lines(error, "", ExperimentSpec)
            raise Impossible("; ".join(lines)) if is_impossible(error) else SpecError("\n".join(lines)) from error

    @property
    def epochs(self) -> int:
        """Of a trial that is trained in full."""
        return self.experiment({}).budget.epochs


def parse_tune(raw: dict[str, Any], where: str) -> TuneSpec:
    """Validate a search, both ends of every range included, without looking at any data.

    Raises:
        SpecError: one line per fault.
    """
    try:
        spec = TuneSpec.model_validate(raw)
    except ValidationError as error:
        raise SpecError("\n".join(f"{where}: {line}" for line in fault_lines(error, "", TuneSpec))) from error
    faults = list(_faults(spec))
    if faults:
        raise SpecError("\n".join(f"{where}: {line}" for line in faults))
    return spec


def _faults(spec: TuneSpec) -> Iterator[str]:
    try:
        epochs = spec.epochs
    except SpecError as error:
        yield from (f"base.{line}" for line in str(error).splitlines())
        return
    if not isinstance(spec.scheduler, NoScheduler) and spec.scheduler.first_epochs >= epochs:
        yield (
            f"scheduler.first_epochs: {spec.scheduler.first_epochs} is not below base.budget.epochs={epochs}, so no "
            "run would be short; lower it, or use scheduler: {kind: none}"
        )
    for path, found in spec.space.items():
        if path == _EPOCHS:
            yield f"space.{path}: is fixed by base, since the longest training would win; leave it out"
        elif fault := _path_fault(spec, path, found):
            yield f"space.{path}: {fault}"
    for path in spec.space:
        for other in spec.space:
            if other.startswith(f"{path}."):
                yield f"space.{other}: lies below space.{path}, which sets the whole of it; leave one of them out"


def _path_fault(spec: TuneSpec, path: str, found: AnyRange) -> str:
    """What is wrong with the ends of a range, one by one in the base; empty where nothing is."""
    for value in found.values if isinstance(found, Choice) else (found.low, found.high):
        try:
            spec.experiment({path: value})
        except Impossible:
            continue  # with another value beside it, it may be possible
        except SpecError as error:
            line = str(error).splitlines()[0]
            same = line.removeprefix(f"{path}: ")
            return f"with {value!r}: {same}" if "there is no such field" not in line else same
    return ""
