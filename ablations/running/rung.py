"""Trains one rung of a screen, as a study of its own: resumed, reported and shown in MLflow like any other."""

from ablations.grid.spec import GridSpec
from ablations.planning.plan import build_plan
from ablations.records.home import Home
from ablations.running.runner import precision_of_hardware, run_study
from reports.records.load import StudyData, load_study


def train_rung(rung: GridSpec, home: Home) -> StudyData:
    """Run what is missing of a rung, and read it back.

    Raises:
        KeyboardInterrupt: the person stopped it; the runs that it finished are kept.
    """
    planned = build_plan(rung, precision_of_hardware, weights=home.weights)
    outcome = run_study(planned, home, rung.resources)
    if outcome.interrupted:
        raise KeyboardInterrupt
    return load_study(home.root, rung.study)
