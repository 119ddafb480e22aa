"""`retune` in a grid: train the searches of its arms first, then plan the study with what they found."""

from collections.abc import Callable
from dataclasses import dataclass

from ablations.grid.spec import GridSpec
from ablations.planning.planned import Planned
from ablations.records import store
from ablations.records.home import Home
from ablations.running.rung import train_first
from ablations.running.runner import finished_keys, precision_of_hardware
from ablations.tuning.arm_searches import DESIGN, ArmSearches
from pipeline.spec.errors import SpecError


@dataclass(frozen=True, slots=True)
class Forecast:
    """A grid's plan before or after its searches."""

    planned: Planned  # with chosen settings where every run of the searches has finished, else with arms as written
    search: Planned | None = None  # the study that holds the runs of the searches; None without `retune`
    finished: frozenset[str] = frozenset()  # its runs that need not be trained again

    @property
    def is_settled(self) -> bool:
        """Whether nothing of the plan waits for a search."""
        return self.search is None or len(self.finished) == len(self.search.runs)


def retuned(grid: GridSpec, planned: Planned, home: Home) -> Planned:
    """Train what is missing of the searches, and plan the study with the settings that they found.

    A grid that asks for none gets its plan back as it is.

    Args:
        grid: validated.
        planned: its plan with every arm as written.
        home: where its records are.

    Raises:
        SpecError: a field or a range does not fit an arm, or another study has the name of the searches.
        KeyboardInterrupt: the person stopped it; the runs that it finished are kept.
    """
    if grid.retune is None:
        return planned
    searches = ArmSearches(grid, grid.retune, planned, precision_of_hardware, home.weights)
    check_name_is_free(searches.planned, home)
    train_first(searches.planned, home, grid.resources.model_copy(update={"timing_rounds": 0}))
    return searches.settled(planned, searches.choose(store.read_records(home)))


def check_name_is_free(search: Planned, home: Home) -> None:
    """Nobody's study may be taken for the searches, which write a plan of their own over it.

    Raises:
        SpecError: it would be.
    """
    known = store.known_plan(home, search.plan.study)
    if known is not None and known.design != DESIGN:
        raise SpecError(
            f"retune: its searches are kept as study {search.plan.study!r}, and this home has another study of "
            "that name; give the grid another one"
        )


def forecast(
    grid: GridSpec, planned: Planned, resolve_precision: Callable[[str], str], home: Home | None = None
) -> Forecast:
    """What can be planned without training anything.

    Args:
        grid: validated.
        planned: its plan with every arm as written.
        resolve_precision: turns "auto" into a number format.
        home: where the searches may have run; None: the grid is only checked.

    Raises:
        SpecError: a field or a range does not fit an arm.
    """
    if grid.retune is None:
        return Forecast(planned)
    if home is None:
        searches = ArmSearches(grid, grid.retune, planned, resolve_precision)
        return Forecast(searches.settled(planned, searches.retuning), searches.planned)
    searches = ArmSearches(grid, grid.retune, planned, resolve_precision, home.weights)
    finished = finished_keys(home, searches.planned)
    found = Forecast(planned, searches.planned, finished)
    retuning = searches.choose(store.read_records(home)) if found.is_settled else searches.retuning
    return Forecast(searches.settled(planned, retuning), searches.planned, finished)
