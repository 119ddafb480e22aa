"""The analysis with everything that takes predictions and curves: for the report and for other programs.

Apart from `reports.analysis.study`, because whoever only wants the verdicts, as the terminal does, need not wait.
"""

from reports.analysis.calibration import analyse_calibration
from reports.analysis.detectable import analyse_power
from reports.analysis.estimates import make_family
from reports.analysis.examples import analyse_examples
from reports.analysis.half_normal import analyse_half_normal
from reports.analysis.interactions import analyse_interactions
from reports.analysis.pareto import analyse_pareto
from reports.analysis.seed_pairs import pair_seeds
from reports.analysis.seen import analyse_seen
from reports.analysis.shared_gain import analyse_shares
from reports.analysis.speed import analyse_speed
from reports.analysis.stack import analyse_stack
from reports.analysis.stages import analyse_stages
from reports.analysis.study import analyse
from reports.records.load import StudyData
from reports.records.predictions import read_answers
from reports.results.in_depth import InDepth
from reports.scale import scale_of_metric


def analyse_in_depth(study: StudyData) -> InDepth:
    """Verdicts and what is behind them: pairs, orders, images, confidence, speed, and what more seeds could see."""
    answers, verdicts = read_answers(study), analyse(study)
    plan, effects, scale = study.plan, verdicts.effects, scale_of_metric(study.plan.metric)
    family = make_family(study, scale)
    return InDepth(
        **dict(verdicts),
        examples=analyse_examples(study, answers),
        calibration=analyse_calibration(study, answers),
        speed=analyse_speed(study),
        pareto=analyse_pareto(study),
        seen=analyse_seen(study, answers, verdicts),
        interactions=analyse_interactions(plan, effects, family.cells),
        stack=analyse_stack(plan, effects, family.cells),
        shares=analyse_shares(study, family, effects, scale),
        power_curve=analyse_power(plan, family, verdicts.noise_floor, scale),
        half_normal=analyse_half_normal(plan, effects, scale),
        stages=analyse_stages(study),
        seed_pairs=pair_seeds(study, scale),
    )
