import re

import pytest

from reports.analysis.noise import repeats
from reports.page.figures.noise import draw_differences, draw_repeats, noise_band, noise_half_width
from reports.page.figures.svg import Axis
from reports.scale import scale_of
from tests.reports.test_noise import R18, A, B, baseline, floor_of, study_of

SCALE = scale_of("top1")


def test_the_band_lies_around_zero_as_wide_as_luck() -> None:
    drawn = noise_band(Axis(-1.0, 3.0), 0.5)
    assert str(drawn) == '<rect x="12.50%" y="0" width="25.00%" height="100%" class="luck"/>'
    assert noise_band(Axis(-1.0, 3.0), None) == ""


def test_the_band_narrows_with_seeds_and_is_missing_where_nothing_is_known() -> None:
    floor = floor_of(study_of({n: [v / 100 for v in row] for n, row in zip(("bare", "x", "y", "z"), R18, strict=True)}))
    one, four = noise_half_width(floor, 1), noise_half_width(floor, 4)
    assert one is not None and four is not None and one == pytest.approx(2 * four)
    assert noise_half_width(None, 3) is None and noise_half_width(floor, 0) is None


def test_every_run_is_a_dot_that_tells_its_seed_and_score() -> None:
    plot = draw_repeats(repeats(baseline({"bare": B, "A/A": A}), SCALE), SCALE)
    assert plot is not None and [row.label for row in plot.rows] == ["bare", "A/A"]
    for row, values in zip(plot.rows, (B, A), strict=True):
        told = re.findall(r"<title>seed (\d): ([\d.]+)</title>", str(row.svg))
        assert told == [(str(seed), f"{value:.2f}") for seed, value in enumerate(values)]


def test_differences_are_drawn_on_the_band_of_their_mean() -> None:
    plot = draw_differences(repeats(baseline({"bare": B, "A/A": A}), SCALE), SCALE)
    assert plot is not None
    (row,) = plot.rows
    assert row.label == "A/A minus bare" and str(row.svg).count('class="luck"') == 1
    assert 'aria-label="A/A minus bare: mean +0.42 pt"' in str(row.svg)
    assert "<desc>by seed +0.49 pt, +0.12 pt" in str(row.svg)


def test_one_run_draws_nothing() -> None:
    found = repeats(baseline({"bare": [93.0]}), SCALE)
    assert draw_repeats(found, SCALE) is None and draw_differences(found, SCALE) is None
    assert draw_repeats(None, SCALE) is None and draw_differences(None, SCALE) is None
