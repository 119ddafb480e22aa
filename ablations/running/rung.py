"""Trains what must come before a study, as a study of its own: resumed, reported and shown in MLflow like any other."""

from ablations.grid.spec import GridSpec, Resources
from ablations.planning.plan import build_plan
from ablations.planning.planned import Planned
from ablations.records.home import Home
from ablations.running.runner import precision_of_hardware, run_study
from reports.records.load import StudyData, load_study


def train_rung(rung: GridSpec, home: Home) -> StudyData:
    """Run what is missing of a rung, and read it back.

    Raises:
        KeyboardInterrupt: the person stopped it; the runs that it finished are kept.
    """
    train_first(build_plan(rung, precision_of_hardware, weights=home.weights), home, rung.resources)
    return load_study(home.root, rung.study)


def train_first(planned: Planned, home: Home, asked: Resources) -> None:
    """Run what is missing of a study that another one waits for.

    Raises:
        KeyboardInterrupt: the person stopped it; the runs that it finished are kept.
    """
    if run_study(planned, home, asked).interrupted:
        raise KeyboardInterrupt
