"""The analysis with everything that takes predictions and curves: for the report and for other programs.

Apart from `reports.analysis.study`, because whoever only wants the verdicts, as the terminal does, need not wait.
"""

from reports.analysis.calibration import analyse_calibration
from reports.analysis.examples import analyse_examples
from reports.analysis.pareto import analyse_pareto
from reports.analysis.seen import analyse_seen
from reports.analysis.speed import analyse_speed
from reports.analysis.study import analyse
from reports.records.load import StudyData
from reports.records.predictions import read_answers
from reports.results.in_depth import InDepth


def analyse_in_depth(study: StudyData) -> InDepth:
    """Verdicts, images, confidence, speed and the front of level and cost."""
    answers, verdicts = read_answers(study), analyse(study)
    return InDepth(
        **dict(verdicts),
        examples=analyse_examples(study, answers),
        calibration=analyse_calibration(study, answers),
        speed=analyse_speed(study),
        pareto=analyse_pareto(study),
        seen=analyse_seen(study, answers, verdicts),
    )
