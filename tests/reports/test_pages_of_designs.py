"""The page of every kind of design: whole, labelled, in the words that are allowed, each figure where it belongs."""

import re
from pathlib import Path

import pytest

from ablations.designs import AnyDesign, BothWays, Fractional, FullFactorial, PlackettBurman, Shapley, Stack
from reports.page.html import write_report
from tests.reports.designs import crafted, plan_of
from tests.reports.test_html import Page

FIGURES = {
    "Which pairs help each other, which fight", "One after another", "Shares of the gain, whatever the order",
    "Which effects stand out", "Was it big enough?", "What was trained for what",
}  # fmt: skip


@pytest.mark.parametrize(
    ("design", "num_factors", "shown"),
    [
        (FullFactorial(), 3, {"Which pairs", "Shares of", "Was it"}),
        (Fractional(cells=16), 6, {"Which pairs", "Which effects", "Was it"}),
        (PlackettBurman(), 8, {"Which effects", "Was it"}),
        (Stack(), 4, {"One after", "Was it"}),
        (Stack(orders=4), 4, {"One after", "Shares of", "Was it"}),
        (Shapley(orders=4), 4, {"Shares of", "Was it"}),
        (BothWays(), 3, {"Was it"}),
    ],
)
def test_each_design_shows_its_own_figures(
    design: AnyDesign, num_factors: int, shown: set[str], tmp_path: Path
) -> None:
    text = write_report(crafted(plan_of(design, num_factors))[0], tmp_path / "r.html").read_text()
    page = Page(text)
    assert (page.open, page.unlabelled) == ([], [])
    assert {" ".join(name.split()[:2]) for name in page.headings if name in FIGURES} == shown
    assert not re.search(r"\bproves\b|\bno effect\b(?! is mixed)|\btrend\b|\bNone\b|\bnan\b", text)
    assert not re.search(r"url\(|https?://", text)
