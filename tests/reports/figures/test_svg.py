import pytest
from markupsafe import Markup

from reports.page.figures.svg import Axis, axis_around, drawing, text


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-2.3, 4.1, (-2, 0, 2, 4)),
        (0.65, 1.5, (0.8, 1.0, 1.2, 1.4)),
        (-0.03, 0.02, (-0.03, -0.02, -0.01, 0, 0.01, 0.02)),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, expected: tuple[float, ...]) -> None:
    assert Axis(low, high).ticks() == pytest.approx(expected)


def test_positions_are_linear_and_stay_inside() -> None:
    axis = Axis(0, 10, 20, 80)
    assert [axis.at(v) for v in (0, 5, 10, 99)] == [20, 50, 80, 80]
    assert Axis(0, 1, 100, 0).at(0.25) == 75  # upwards


def test_an_axis_around_one_value_still_has_a_width() -> None:
    axis = axis_around([3.0])
    assert axis.low < 3.0 < axis.high


def test_words_are_escaped() -> None:
    made = drawing(text("0", 0, "<b>", "tick"), height=10, label='"><script>', css="strip")
    assert "<b>" not in made
    assert "<script>" not in made
    assert isinstance(made, Markup)
