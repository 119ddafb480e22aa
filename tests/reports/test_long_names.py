"""Names of factors that are longer than a phone is wide are cut in drawings, and whole in what is told and tabled."""

import pytest

from ablations.designs import FullFactorial, Stack
from reports.analysis.in_depth import analyse_in_depth
from reports.page.figures.interaction_plots import draw_interaction_plots
from reports.page.figures.shares import draw_shares
from reports.page.figures.stack import draw_stack
from reports.page.figures.svg import shortened
from reports.results.in_depth import InDepth
from reports.scale import scale_of
from tests.reports import designs

SCALE = scale_of("top1")
LONG = "augmentation=a_variant_that_goes_on_and_on"


def analysis_of(design: FullFactorial | Stack, monkeypatch: pytest.MonkeyPatch) -> InDepth:
    monkeypatch.setattr(designs, "FACTORS", (LONG, "mixup", "smoothing"))
    return analyse_in_depth(designs.crafted(designs.plan_of(design, 3))[0])


def test_drawn_short_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    found = analysis_of(Stack(orders=2), monkeypatch)
    assert found.stack is not None and found.shares is not None
    for figure in (draw_stack(found.stack, SCALE), draw_shares(found.shares, SCALE)):
        drawn = [words for words in figure.svg.split("<text")[1:] if "augmentation" in words]
        assert len(drawn) == 1 and "…" in drawn[0] and LONG not in drawn[0]
        assert LONG in figure.svg.partition("<desc>")[2].partition("</desc>")[0]
        assert any(LONG in row for row in figure.twin.rows)


def test_plots_of_pairs_name_theirs_in_the_caption(monkeypatch: pytest.MonkeyPatch) -> None:
    found = analysis_of(FullFactorial(), monkeypatch)
    assert found.interactions is not None
    named = [panel for panel in draw_interaction_plots(found.interactions, SCALE) if LONG in panel.caption]
    assert len(named) == 2
    for panel in named:
        assert all(LONG not in words for words in panel.svg.split("<text")[1:])


def test_cut_to_so_many_letters() -> None:
    assert [shortened(words, 4) for words in ("", "four", "fives")] == ["", "four", "fiv…"]
