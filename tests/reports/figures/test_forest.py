import re
from pathlib import Path

import pytest

from pipeline.spec.study import Context
from reports.page.figures.forest import draw_forest, tone_of
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.scale import scale_of
from reports.stats.verdict import Verdict


def effect(factor: str, context: Context, estimate: float, verdict: Verdict = Verdict.HELPS) -> Effect:
    return Effect(
        factor=factor, context=context, treatment="t", reference="r", control=False, verdict=verdict, sentence="",
        estimate=estimate, ci95=Range(low=estimate - 1, high=estimate + 1), n=2, num_seeds_planned=2,
        differences={0: estimate - 0.5, 1: estimate + 0.5},
    )  # fmt: skip


def test_every_seed_is_a_dot_and_positions_share_one_axis() -> None:
    effects = (
        effect("a", "added to bare", 0.0),
        effect("a", "removed from full", 2.0),
        effect("b", "added to bare", 2),
    )
    forest = draw_forest(effects, scale_of("top1"), 0.5)
    assert forest is not None
    assert [row.factor for row in forest.rows] == ["a", "b"]
    (first, second), (third, missing) = (row.strips for row in forest.rows)
    assert missing is None
    assert first is not None and second is not None and third is not None
    assert first.svg.count('class="seed') == 2
    points = [re.findall(r'cx="([\d.]+)%" cy="17"', strip.svg)[0] for strip in (first, second, third)]
    assert points[1] == points[2] != points[0]
    zero = re.findall(r'x1="([\d.]+)%" y1="0" x2="[\d.]+%" y2="100%" class="zero"', first.svg)
    assert zero == [points[0]]
    assert "seed 1: +0.50 pt" in first.svg


def test_nothing_to_draw_is_no_figure() -> None:
    assert draw_forest((), scale_of("top1"), 0.5) is None


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [(Verdict.HELPS, "good"), (Verdict.UNSTABLE, "bad"), (Verdict.NO_EVIDENCE, "flat"), (Verdict.TOO_NOISY, "open")],
)
def test_tones(verdict: Verdict, tone: str) -> None:
    assert tone_of(effect("a", "added to bare", 0.0, verdict)) == tone


def test_the_style_sheet_knows_every_tone() -> None:
    style = (Path(__file__).parents[3] / "reports" / "page" / "templates" / "report.css").read_text()
    tones = {tone_of(effect("a", "added to bare", 0.0, verdict)) for verdict in Verdict}
    for tone in tones:
        for part in ("ci", "point", "seed", "pill", "mark"):
            assert f".{part}.{tone}" in style


def test_there_is_a_column_for_each_context_of_the_plan() -> None:
    contexts: tuple[Context, ...] = ("share of the gain", "averaged over the others")
    forest = draw_forest(tuple(effect("a", context, 1.0) for context in contexts), scale_of("top1"), 0.5)
    assert forest is not None
    assert forest.headings == ("averaged over the other factors (on minus off)", "share of the gain of full over bare")
    assert [len(row.strips) for row in forest.rows] == [2]
