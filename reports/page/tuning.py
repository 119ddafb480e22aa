"""The page about a search: what it chose, what that is worth with fresh seeds, and what it saw on the way."""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from reports.analysis.tuning import analyse_tuning
from reports.formats.tuning import selection_lines, setting_line, trial_table
from reports.formats.yaml_text import to_yaml
from reports.page.figures.parallel import draw_parallel
from reports.page.figures.search import draw_best, draw_importance, draw_slice, draw_time, share_text
from reports.page.files import styles, template, write_page
from reports.page.tables import Table
from reports.records.load import StudyData
from reports.scale import scale_of_metric

STYLES = ("report.css", "figures.css")


@dataclass(frozen=True, slots=True)
class Panel:
    """Scores along one parameter."""

    title: str
    svg: Markup


def write_tuning(study: StudyData, out: Path) -> Path:
    """Analyse the search and write its page, replacing an older one. Returns the path written."""
    return write_page(render_tuning(study), out)


def render_tuning(study: StudyData) -> str:
    """The page as text."""
    analysis, scale = analyse_tuning(study), scale_of_metric(study.plan.metric)
    panels = [Panel(one.path, svg) for one in analysis.slices if (svg := draw_slice(one, scale)) is not None]
    return template("tuning.html.j2").render(
        a=analysis,
        scale=scale,
        style=styles(*STYLES),
        setting=setting_line(analysis),
        selection=selection_lines(analysis, scale),
        recipe_yaml="" if analysis.winner is None else to_yaml(analysis.winner.recipe),
        best=draw_best(analysis, scale),
        importance=draw_importance(analysis.importance),
        unsaid="; ".join(f"{one.path} {share_text(one)}" for one in analysis.importance),
        panels=panels,
        parallel=draw_parallel(analysis, scale),
        time=draw_time(analysis, scale),
        trials=Table(*trial_table(analysis, scale)),
    )
