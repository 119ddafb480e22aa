"""One offline page about a study: no request to any host, readable on a phone, in the dark and on paper."""

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

from reports.analysis.arms import bare_arm
from reports.analysis.in_depth import analyse_in_depth
from reports.analysis.learning import analyse_learning
from reports.analysis.pretraining import analyse_pretraining
from reports.analysis.rates import used_rates
from reports.formats.parity import COLUMNS, parity_rows
from reports.formats.text import explored_text, method_text, tuning_text
from reports.formats.waiting_text import waiting_lines
from reports.formats.yaml_text import to_yaml
from reports.page.answers import answers, first_screen
from reports.page.figures.cost import cost_table, draw_cost
from reports.page.figures.forest import draw_forest
from reports.page.figures.learning import draw_learning, learning_table
from reports.page.figures.noise import draw_differences, draw_repeats
from reports.page.figures.pretraining import draw_pretraining, pretraining_table
from reports.page.figures.rates import draw_rates, rate_table
from reports.page.figures.schedule import draw_schedules, schedule_table
from reports.page.files import TEMPLATES, styles, template, write_page
from reports.page.final import final_scores
from reports.page.run_links import run_links
from reports.page.sections import make_sections
from reports.page.seen import seen_pictures
from reports.page.tables import (
    Table,
    arm_table,
    completeness_grid,
    control_lines,
    effect_table,
    noise_table,
    provenance,
    secondary_table,
    spec_hashes,
    troubles,
)
from reports.records.load import StudyData
from reports.scale import scale_of_metric
from reports.wording import level_text

STYLES = ("report.css", "figures.css", "seen.css")


def write_report(study: StudyData, out: Path) -> Path:
    """Analyse the study and write its page, replacing an older one. Returns the path written."""
    return write_page(render(study), out)


def render(study: StudyData) -> str:
    """The page as text."""
    analysis = analyse_in_depth(study)
    scale = scale_of_metric(study.plan.metric)
    delta = study.plan.metric.delta
    curves, bare = analyse_learning(study, scale), bare_arm(study)
    behind = None if bare is None else bare.name
    rates, pretraining = used_rates(study), analyse_pretraining(study)
    added = tuple(effect for effect in analysis.effects if effect.context == "added to bare")
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template("report.html.j2").render(
        a=analysis,
        m=make_sections(study.plan, analysis, scale),
        plan=study.plan,
        scale=scale,
        style=styles(*STYLES),
        script=Markup(script),
        script_hash=digest,
        answers=first_screen(answers(analysis, scale)) if analysis.answers else None,
        recipe_yaml=to_yaml(analysis.recipe_to_keep.recipe),
        grid=completeness_grid(analysis, study.plan.every_seed),
        troubles=troubles(analysis),
        waiting=waiting_lines(analysis.completeness),
        level=level_text(analysis.level),
        method=method_text(analysis),
        forest=draw_forest(analysis.declared, scale, delta, analysis.noise_floor),
        explored=explored_text(analysis),
        explored_forest=draw_forest(analysis.explored, scale, delta, analysis.noise_floor),
        effects=effect_table(analysis, scale),
        secondary=secondary_table(analysis),
        arms=arm_table(analysis),
        tuned=None if analysis.parity is None else Table(COLUMNS, parity_rows(analysis.parity, scale)),
        tuning_text=tuning_text(analysis),
        panels=draw_learning(curves, behind, scale),
        panels_by_time=draw_learning(curves, behind, scale, by="seconds"),
        learning=learning_table(curves, scale),
        pretraining=draw_pretraining(pretraining),
        pretraining_table=pretraining_table(pretraining),
        rate_panels=draw_rates(rates, behind),
        rate_table=rate_table(rates),
        schedules=draw_schedules(study.plan),
        schedule_table=schedule_table(study.plan),
        cost=draw_cost(added or analysis.declared, scale, delta),
        cost_table=cost_table(added or analysis.declared, scale),
        cost_context=(added or analysis.declared)[0].context if analysis.declared else "",
        seen=seen_pictures(study, analysis),
        control_forest=draw_forest(analysis.controls, scale, delta),
        control_lines=control_lines(analysis),
        noise_plots=[draw_repeats(analysis.repeats, scale), draw_differences(analysis.repeats, scale)],
        noise_table=noise_table(analysis, scale),
        final=final_scores(study),
        provenance=provenance(study, analysis),
        hashes=spec_hashes(study.plan),
        run_links=run_links(study),
    )
