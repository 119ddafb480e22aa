import pytest

from ablations.commands.curve_text import COLUMNS, EIGHTHS, ROWS, curve_lines
from pipeline.spec.schedule import SCHEDULES, Constant, Linear, OneCycle, Step, Warmup


def heights(schedule: Warmup, num_epochs: int) -> list[float]:
    """Read the picture back: the share of the peak in each column, in eighths of a row."""
    rows = [line.split("│")[1].ljust(COLUMNS) for line in curve_lines(schedule, num_epochs)[:ROWS]]
    return [sum(EIGHTHS.index(row[column]) for row in rows) / (8 * ROWS) for column in range(COLUMNS)]


@pytest.mark.parametrize("kind", sorted(SCHEDULES))
@pytest.mark.parametrize("num_epochs", [16, 30])
def test_the_picture_is_the_curve(kind: str, num_epochs: int) -> None:
    schedule = SCHEDULES[kind].example()
    for column, height in enumerate(heights(schedule, num_epochs)):
        rate = schedule.lr_frac((column + 0.5) / COLUMNS * num_epochs, num_epochs)
        assert height == pytest.approx(rate, abs=0.51 / (8 * ROWS)), column


def test_a_column_is_filled_from_below() -> None:
    rows = [line.split("│")[1].ljust(COLUMNS) for line in curve_lines(Linear(), 30)[:ROWS]]
    for column in range(COLUMNS):
        assert all(rows[i + 1][column] == "█" for i in range(ROWS - 1) if rows[i][column] != " ")


def test_axes_name_the_peak_and_the_epochs() -> None:
    lines = curve_lines(Constant(), 12)
    assert lines[0].startswith("peak │") and lines[ROWS].startswith("   0 └") and lines[-1].endswith("epochs 12")
    assert {len(line) for line in lines} == {6 + COLUMNS}


def test_what_the_curve_cannot_show_is_said() -> None:
    assert "momentum goes from 0.95 down to 0.85 and back" in curve_lines(OneCycle(), 30)[-1]
    assert "drop whenever validation stalls" in curve_lines(SCHEDULES["plateau"].example(), 30)[-1]
    assert len(curve_lines(Step(every_epochs=3), 30)) == ROWS + 2
