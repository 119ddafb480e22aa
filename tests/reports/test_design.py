"""How the page tells what a design mixes and what a screen chose."""

from dataclasses import replace
from pathlib import Path

from pipeline.spec.study import Alias, ScreenRound, StudyPlan
from reports.page.design import alias_table, screen_table
from reports.page.html import render
from reports.records.load import load_study
from tests.reports.fixtures import Options, make_plan, write_home

ALIASES = (
    Alias(effect="cosine", mixed_with=("mixup x distill",), clear=False, max_alias=1.0, vif=1.0),
    Alias(effect="mixup", clear=True, max_alias=1 / 3, vif=4 / 3),
    Alias(effect="cosine x mixup", clear=True, vif=None),
)
SCREEN = (
    ScreenRound(
        study="s-screen-1",
        epochs=1,
        seed=7,
        gains={"cosine": 2.0, "ema": None, "mixup": -0.5},
        kept=("cosine", "mixup"),
    ),
    ScreenRound(study="s-screen-2", epochs=3, seed=7, gains={"cosine": 1.25, "mixup": 0.5}, kept=("cosine",)),
)


def plan_with(**fields: object) -> StudyPlan:
    return make_plan(Options()).model_copy(update=fields)


def test_every_alias_is_a_row() -> None:
    table = alias_table(plan_with(aliases=ALIASES))
    assert table is not None
    assert table.rows == (
        ("cosine", "mixup x distill", "no", "1.00", "1.00"),
        ("mixup", "—", "yes", "0.33", "1.33"),
        ("cosine x mixup", "—", "yes", "0.00", "cannot be estimated"),
    )


def test_the_screen_shows_what_each_rung_saw_and_who_went_on() -> None:
    table = screen_table(plan_with(screen=SCREEN))
    assert table is not None
    assert table.columns == ("factor", "1 epoch, seed 7", "3 epochs, seed 7")
    assert table.rows == (
        ("cosine", "+2.00 pt, goes on", "+1.25 pt, goes on"),
        ("ema", "its run failed, ends here", "—"),
        ("mixup", "-0.50 pt, goes on", "+0.50 pt, ends here"),
    )


def test_a_plain_study_has_neither(tmp_path: Path) -> None:
    study = load_study(tmp_path, write_home(tmp_path).study)
    assert alias_table(study.plan) is None and screen_table(study.plan) is None
    assert 'id="design"' not in render(study)


def test_the_page_has_the_notes_the_screen_and_the_aliases(tmp_path: Path) -> None:
    study = load_study(tmp_path, write_home(tmp_path).study)
    plan = study.plan.model_copy(update={"aliases": ALIASES, "screen": SCREEN, "design_notes": ("Mind <this>.",)})
    page = render(replace(study, plan=plan))
    for text in ("How the study was laid out", "Mind &lt;this&gt;.", "mixup x distill", "its run failed, ends here"):
        assert text in page
