import re
from pathlib import Path

import pytest

from reports.analysis.in_depth import analyse_in_depth
from reports.page.html import write_report
from reports.page.sections import Sections, make_sections
from reports.page.tables_in_depth import MAX_CLASS_ROWS
from reports.records.load import StudyData, load_study
from reports.results.in_depth import InDepth
from reports.scale import scale_of_metric
from tests.reports.fixtures import Options, write_home, write_plan
from tests.reports.test_html import Page


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyData:
    home = tmp_path_factory.mktemp("home")
    plan = write_home(home, Options(pictures=False))
    write_plan(home, plan.model_copy(update={"metric": plan.metric.model_copy(update={"target": 68.0})}))
    return load_study(home, plan.study)


@pytest.fixture(scope="module")
def analysis(study: StudyData) -> InDepth:
    return analyse_in_depth(study)


@pytest.fixture(scope="module")
def sections(study: StudyData, analysis: InDepth) -> Sections:
    return make_sections(study.plan, analysis, scale_of_metric(study.plan.metric))


def test_survives_json(analysis: InDepth) -> None:
    assert InDepth.model_validate_json(analysis.model_dump_json()) == analysis


def test_every_number_of_the_flip_chart_stands_in_its_table(analysis: InDepth, sections: Sections) -> None:
    assert analysis.examples is not None and sections.flips is not None and sections.flips_figure is not None
    assert len(sections.flips.rows) == len(analysis.examples.effects) == 12
    for effect, row in zip(analysis.examples.effects, sections.flips.rows, strict=True):
        assert (
            f"{effect.factor}, {effect.context}: {effect.fixed} fixed, {effect.broken} broken" in sections.flips_figure
        )
        for seed in effect.seeds:
            assert f"seed {seed.seed}: {seed.fixed}</title>" in sections.flips_figure
            assert f"{seed.seed}: {seed.fixed}/{seed.broken}" in row[10]
    assert sections.flips_figure.count('class="seed flat"') == 2 * sum(len(e.seeds) for e in analysis.examples.effects)


def test_long_class_tables_are_cut_and_keep_the_smallest_p(study: StudyData, analysis: InDepth) -> None:
    assert analysis.examples is not None
    repeated = analysis.examples.model_copy(update={"classes": analysis.examples.classes * 5})
    longer = make_sections(
        study.plan, analysis.model_copy(update={"examples": repeated}), scale_of_metric(study.plan.metric)
    )
    assert len(analysis.examples.classes) == 40 and len(repeated.classes) == 200
    assert longer.classes is not None and len(longer.classes.rows) == MAX_CLASS_ROWS
    ps = [row.p for row in analysis.examples.classes]
    assert ps == sorted(ps)


def test_reliability_has_a_point_a_bin_and_its_table(analysis: InDepth, sections: Sections) -> None:
    assert analysis.calibration is not None and sections.bins is not None
    assert len(sections.reliability) == len(analysis.calibration.arms) == 14
    for arm, panel in zip(analysis.calibration.arms, sections.reliability, strict=True):
        assert panel.arm == arm.arm
        assert panel.svg.count("<circle") == len(arm.bins) == 15
    assert len(sections.bins.rows) == 14 * 15


def test_runs_that_never_arrived_are_hollow_at_the_horizon(analysis: InDepth, sections: Sections) -> None:
    assert sections.time_figure is not None and sections.times is not None
    missed = sum(len(arm.epochs) - arm.num_reached for arm in analysis.speed.arms)
    assert missed == 4  # the run that failed, and label noise with every seed
    assert sections.time_figure.count("point hollow") == missed
    assert ("+label_noise", "0/3") in {row[:2] for row in sections.times.rows}


def test_marks_of_the_front_follow_their_probability(analysis: InDepth, sections: Sections) -> None:
    assert analysis.pareto is not None and sections.pareto is not None and sections.pareto_figure is not None
    for mark in ("solid", "hollow", "faint"):
        count = sum(point.mark == mark for point in analysis.pareto.points)
        assert sections.pareto_figure.count(f'class="point {mark}"') == count
    assert {point.arm for point in analysis.pareto.points} == {row[0] for row in sections.pareto.rows}
    assert [row[0] for row in sections.pareto.rows if row[-1] != "0"] == ["-smoothing"]
    assert not {"+placebo", "+label_noise"} & {row[0] for row in sections.pareto.rows}


def test_the_page_with_a_target_balances_and_names_it(study: StudyData, tmp_path: Path) -> None:
    text = write_report(study, tmp_path / "r.html").read_text()
    page = Page(text)
    assert (page.open, page.unlabelled) == ([], [])
    assert "reaches 68 pt for two evaluations in a row" in text
    assert not re.search(r"\bproves\b|\bno effect\b|\btrend\b|\bNone\b", text)
