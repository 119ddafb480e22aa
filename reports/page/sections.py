"""What the page shows beyond the verdicts, ready for its templates."""

from dataclasses import dataclass

from markupsafe import Markup

from pipeline.spec.study import StudyPlan
from reports.page.conditions import ConditionSection, condition_section
from reports.page.design import alias_table, screen_table
from reports.page.figure import Figure
from reports.page.figures.class_map import ClassGrid, class_grid, draw_class_map
from reports.page.figures.flips import draw_flips
from reports.page.figures.half_normal import draw_half_normal
from reports.page.figures.interaction_map import draw_interaction_map
from reports.page.figures.interaction_plots import PairPanel, draw_interaction_plots, pair_mean_table
from reports.page.figures.pareto import draw_pareto
from reports.page.figures.power import draw_power
from reports.page.figures.reliability import ReliabilityPanel, draw_reliability
from reports.page.figures.seed_slopes import SlopePanel, draw_seed_slopes, seed_table
from reports.page.figures.shares import draw_shares
from reports.page.figures.stack import draw_stack
from reports.page.figures.stage_graph import draw_stages
from reports.page.figures.time_to import draw_time_to
from reports.page.tables import Table
from reports.page.tables_in_depth import (
    bin_table,
    calibration_table,
    class_table,
    flips_table,
    pareto_table,
    temperature_table,
    throughput_table,
    time_ratio_table,
    time_table,
)
from reports.results.in_depth import InDepth
from reports.scale import Scale


@dataclass(frozen=True, slots=True)
class Sections:
    """Figures and tables; None where there is nothing to show."""

    flips_figure: Markup | None
    flips: Table | None
    classes: Table | None
    reliability: tuple[ReliabilityPanel, ...]
    calibration: Table | None
    bins: Table | None
    temperatures: Table | None
    time_figure: Markup | None
    times: Table | None
    time_ratios: Table | None
    throughput: Table | None
    pareto_figure: Markup | None
    pareto: Table | None
    aliases: Table | None
    screen: Table | None
    interactions: Figure | None
    interaction_plots: tuple[PairPanel, ...]
    interaction_means: Table | None
    stack: Figure | None
    shares: Figure | None
    power: Figure | None
    class_map: Figure | None
    class_grid: ClassGrid | None
    half_normal: Figure | None
    stages: Figure | None
    seed_slopes: tuple[SlopePanel, ...]
    seed_table: Table | None
    conditions: ConditionSection | None


def make_sections(plan: StudyPlan, analysis: InDepth, scale: Scale) -> Sections:
    """Draw and tabulate."""
    examples, calibration, speed, pareto = (
        analysis.examples, analysis.calibration, analysis.speed, analysis.pareto,
    )  # fmt: skip
    grid, pairs = class_grid(examples) if examples else None, analysis.interactions
    return Sections(
        flips_figure=draw_flips(examples) if examples else None,
        flips=flips_table(examples) if examples else None,
        classes=class_table(examples) if examples else None,
        reliability=draw_reliability(calibration) if calibration else (),
        calibration=calibration_table(calibration) if calibration else None,
        bins=bin_table(calibration) if calibration else None,
        temperatures=temperature_table(calibration) if calibration else None,
        time_figure=draw_time_to(speed),
        times=time_table(speed),
        time_ratios=time_ratio_table(speed) if speed.arms else None,
        throughput=throughput_table(speed),
        pareto_figure=draw_pareto(pareto, scale) if pareto else None,
        pareto=pareto_table(pareto, scale) if pareto else None,
        aliases=alias_table(plan),
        screen=screen_table(plan),
        interactions=draw_interaction_map(pairs, scale) if pairs else None,
        interaction_plots=draw_interaction_plots(pairs, scale) if pairs else (),
        interaction_means=pair_mean_table(pairs, scale) if pairs else None,
        stack=draw_stack(analysis.stack, scale) if analysis.stack else None,
        shares=draw_shares(analysis.shares, scale) if analysis.shares else None,
        power=draw_power(analysis.power_curve, scale) if analysis.power_curve else None,
        class_map=draw_class_map(grid) if grid else None,
        class_grid=grid,
        half_normal=draw_half_normal(analysis.half_normal, scale) if analysis.half_normal else None,
        stages=draw_stages(analysis.stages),
        seed_slopes=draw_seed_slopes(analysis.seed_pairs, scale),
        seed_table=seed_table(analysis.seed_pairs, scale),
        conditions=condition_section(analysis, scale),
    )
