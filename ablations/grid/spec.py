"""The grid file: a bare recipe, the factors to switch on and off, and how to judge them."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator

from ablations.designs import AnyDesign, BothWays
from ablations.grid.factors import LEVELS, check_factor, switches_of
from ablations.grid.faults import fault_lines, is_impossible
from ablations.grid.merge import check_clashes, check_owners, experiment, merge, undot
from ablations.grid.noise_floor import NoiseFloor, on_or_off
from ablations.grid.retune import Retune, fault_of
from ablations.records.home import slug
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.base import Frozen
from pipeline.spec.data import Digits
from pipeline.spec.errors import Impossible, ProjectError, SpecError
from pipeline.spec.more_seeds import Looks, MoreSeeds, NoMoreSeeds, Precision
from pipeline.spec.study import Metric

MAX_SEEDS = 1000
_STUDY_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"}


def seed_list(value: Any) -> Any:
    """`seeds: 3` means 0, 1, 2."""
    expected = f"expected a number of seeds from 1 to {MAX_SEEDS}, or a list of seeds such as [0, 1, 2], not"
    if not isinstance(value, list | tuple):
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SEEDS:
            raise ValueError(f"{expected} {value!r}")
        return tuple(range(value))
    for seed in value:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
            raise ValueError(f"{expected} one with {seed!r}")
    if not value:
        raise ValueError(f"{expected} an empty one")
    return value


class Resources(Frozen):
    """How the cluster is divided. Never part of an identity; `None` is chosen from the cluster."""

    lanes: int | None = Field(None, ge=1)
    workers_per_trial: int = Field(1, ge=1)
    cpus_per_worker: float | None = Field(None, gt=0)
    threads_per_worker: int | None = Field(None, ge=1)
    gpus_per_worker: float | None = Field(None, ge=0)
    data_cpus: float | None = Field(
        None,
        ge=0,
        description="set aside for Ray Data tasks that crop and mirror; 0: threads of the workers do it. Default: 0 "
        "without GPUs, else what the GPUs' workers leave over, if that is at least 2 for each",
    )
    max_attempts: int = Field(3, ge=1, description="tries of a stage whose worker dies, before it is a failed record")
    hang_timeout_s: float = Field(
        1800.0,
        gt=0,
        description="a worker without a batch or a step for so long, and 20 times as long as any took so far, hangs "
        "and is ended: an attempt is over",
    )
    checkpoint_every_s: float = Field(30.0, ge=0)
    timing_rounds: int = Field(3, ge=0, description="rounds of the exclusive cost block; 0 switches it off")
    timing_s: float = Field(1.0, gt=0, description="seconds of steps per stage and round")


class GridSpec(Frozen):
    """A study as a person writes it."""

    study: Annotated[str, AfterValidator(lambda name: slug(name, "study name")), WithJsonSchema(_STUDY_NAME)]
    question: str = ""
    notes: str = ""
    base: dict[str, Any]
    factors: dict[str, dict[str, Any]] = Field(
        min_length=1, description="name -> what it changes, or {levels: {name -> what it changes}}: off, or one of them"
    )
    controls: dict[str, dict[str, Any]] = {}
    conditions: dict[str, dict[str, dict[str, Any]]] = Field(
        {}, description="what varies -> name -> what it changes in base: there, too, the whole design is run"
    )
    cross_conditions: bool = Field(False, description="every combination of them, instead of one at a time")
    design: AnyDesign = BothWays()
    seeds: Annotated[tuple[int, ...], BeforeValidator(seed_list)] = Field((0, 1, 2), min_length=1)
    noise_floor: Annotated[NoiseFloor, BeforeValidator(on_or_off)] = NoiseFloor()
    more_seeds: MoreSeeds = NoMoreSeeds()
    metric: Metric = Metric()
    retune: Retune | None = Field(None, description="a search of equal size for every arm before its seeds run")
    max_runs: int = Field(500, ge=1, description="refuse a plan with more training runs than this")
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _factors_make_sense(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)}: each may appear once")
        twice = sorted(set(self.factors) & set(self.controls))
        if twice:
            raise ValueError(f"{', '.join(twice)}: a name is either a factor or a control")
        for group, patches in (("factors", self.factors), ("controls", self.controls)):
            for name, patch in patches.items():
                check_factor(f"{group}.{name}", name, patch)
        for name, patch in self.controls.items():
            if LEVELS in patch:
                raise ValueError(f"controls.{name}: a control has no levels; write one control for each")
        return self

    @model_validator(mode="after")
    def _more_seeds_start_at_seeds(self) -> Self:
        num, rule = len(self.seeds), self.more_seeds
        if isinstance(rule, Looks) and rule.at[0] != num:
            raise ValueError(
                f"more_seeds.at: the first look is at {rule.at[0]} seeds, but the grid has {num}; let them be equal"
            )
        if isinstance(rule, Precision) and (num < 2 or rule.max_seeds <= num):
            raise ValueError(
                f"more_seeds: the first stage is the grid's {num} seeds; it needs at least 2, to measure the spread, "
                f"and max_seeds above them, not {rule.max_seeds}"
            )
        return self

    @model_validator(mode="after")
    def _can_be_retuned(self) -> Self:
        fault = "" if self.retune is None else fault_of(self.retune, self.design, self.seeds)
        if fault:
            raise ValueError(fault)
        return self

    def levels(self) -> dict[str, tuple[str, ...]]:
        """Factor -> its switches: its own name, or `factor=level` for each of its levels."""
        return {name: tuple(switches_of(name, patch)) for name, patch in self.factors.items()}

    def patch(self, switch: str) -> dict[str, Any]:
        """A switch, control or arm of the noise floor with dotted paths resolved."""
        return self.patches()[switch]

    def noise_patches(self) -> dict[str, dict[str, Any]]:
        """What the noise floor adds to bare, by the name of its arm."""
        controls = {name: undot(patch, f"controls.{name}") for name, patch in self.controls.items()}
        return self.noise_floor.patches(undot(self.base, "base"), controls)

    def patches(self) -> dict[str, dict[str, Any]]:
        """All of them by name, factors first."""
        return {switch: undot(patch, where) for switch, where, patch in self._written()}

    def recipe(self, switched_on: tuple[str, ...]) -> dict[str, Any]:
        """The recipe with these switches on, as a person would write it."""
        patches = self.patches()
        return merge(undot(self.base, "base"), {name: patches[name] for name in switched_on}, switched_on)

    def experiment(self, switched_on: tuple[str, ...]) -> ExperimentSpec:
        """The same, validated.

        Raises:
            Impossible: its parts cannot be together; only the reason, since that outlives the grid.
            SpecError: naming the factor that made it invalid.
        """
        try:
            return experiment(self.recipe(switched_on))
        except ValidationError as error:
            if is_impossible(error):
                raise Impossible("; ".join(fault_lines(error, "", ExperimentSpec))) from error
            raise SpecError("\n".join(fault_lines(error, self.where(switched_on), ExperimentSpec))) from error

    def where(self, switched_on: tuple[str, ...]) -> str:
        """Where in the grid these switches meet: what a message about them starts with."""
        if len(switched_on) == 1:
            return next(where for switch, where, _ in self._written() if switch == switched_on[0])
        return " + ".join(["base", *switched_on])

    def _written(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every switch: its name, where it is written, and what is written there (or stands for it)."""
        for name, patch in self.factors.items():
            for switch, (path, level) in switches_of(name, patch).items():
                yield switch, f"factors.{path}", level
        for name, patch in self.controls.items():
            yield name, f"controls.{name}", patch
        for name, patch in self.noise_patches().items():
            yield name, "noise_floor", patch


def parse_grid(raw: dict[str, Any], where: str) -> GridSpec:
    """Validate a grid, all its factors included, without looking at any data.

    Raises:
        SpecError: one line per fault.
    """
    try:
        grid = GridSpec.model_validate(raw)
    except ValidationError as error:
        raise SpecError("\n".join(f"{where}: {line}" for line in fault_lines(error, "", GridSpec))) from error
    try:
        check_owners(grid.patches(), grid.levels())
        check_clashes({grid.where((name,)): patch for name, patch in grid.patches().items()})
        _check_experiments(grid)
    except ProjectError as error:
        raise SpecError("\n".join(f"{where}: {line}" for line in str(error).splitlines())) from error
    return grid


def _check_experiments(grid: GridSpec) -> None:
    """Bare and each factor alone. What cannot be is left to the planner, as long as something can."""
    reasons: dict[tuple[str, ...], str] = {}
    switches = [(switch,) for levels in grid.levels().values() for switch in levels]
    for switched_on in ((), *switches, *((name,) for name in grid.controls), _full(grid)):
        try:
            grid.experiment(switched_on)
        except Impossible as error:
            reasons[switched_on] = str(error)
    hopeless = [()] if () in reasons else switches
    if () in reasons or reasons.keys() >= {*switches, _full(grid)}:
        raise SpecError("\n".join(f"{grid.where(factors)}: {reasons[factors]}" for factors in hopeless))


def _full(grid: GridSpec) -> tuple[str, ...]:
    return tuple(levels[0] for levels in grid.levels().values())


def with_data_path(raw: dict[str, Any], path: str | None) -> dict[str, Any]:
    """The grid with another `base.data.path` (option --data, or ABLATE_DATA).

    Raises:
        SpecError: the grid's data has no path.
    """
    if path is None or not isinstance(raw.get("base"), dict):
        return raw
    base = undot(raw["base"], "base")
    if not isinstance(base.get("data"), dict):
        return raw
    if base["data"].get("kind") == Digits.model_fields["kind"].default:
        raise SpecError(
            f"--data (or ABLATE_DATA) is {path!r}, but base.data is of kind digits, which has no path; leave it out"
        )
    return {**raw, "base": {**base, "data": {**base["data"], "path": path}}}
