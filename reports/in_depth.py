"""The analysis with everything that takes predictions and curves: for the report and for other programs.

Apart from `reports.analysis`, because whoever only wants the verdicts, as the terminal does, need not wait for files.
"""

from reports.analysis import analyse
from reports.calibration import analyse_calibration
from reports.examples import analyse_examples
from reports.load import StudyData
from reports.pareto import analyse_pareto
from reports.predictions import read_answers
from reports.results_in_depth import InDepth
from reports.speed import analyse_speed


def analyse_in_depth(study: StudyData) -> InDepth:
    """Verdicts, images, confidence, speed and the front of level and cost."""
    answers = read_answers(study)
    return InDepth(
        **dict(analyse(study)),
        examples=analyse_examples(study, answers),
        calibration=analyse_calibration(study, answers),
        speed=analyse_speed(study),
        pareto=analyse_pareto(study),
    )
