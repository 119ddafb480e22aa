import pytest

from reports.formats.marks import ArmMarks, Mark, grid_lines, legend

NUMBERS: dict[Mark, int] = {"finished": 17, "failed": 2, "missing": 1}
THREE: tuple[Mark, Mark, Mark] = ("finished", "running", "missing")


def arm(name: str, *marks: Mark | None, note: str = "") -> ArmMarks:
    return ArmMarks(name, marks, note)


def test_arms_stand_side_by_side_column_by_column_with_their_marks_below_each_other() -> None:
    rows = [arm("bare", *THREE, note="71.20 n=1"), arm("+mixup", *THREE), arm("full", "failed", "blocked", None)]
    assert grid_lines(rows, 50) == [
        "bare   ✓▸·  71.20 n=1   full   ✕⊘",
        "+mixup ✓▸·",
    ]
    assert grid_lines(rows, 30) == ["bare   ✓▸·  71.20 n=1", "+mixup ✓▸·", "full   ✕⊘"]
    assert grid_lines(rows, 30, plain=True)[2] == "full   x-"


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("num", [1, 3, 60, 500])
def test_no_line_is_wider_than_the_terminal_and_every_arm_is_there(width: int, num: int) -> None:
    rows = [arm(f"+arm{i}", *THREE, note="71.20 n=1") for i in range(num)]
    lines = grid_lines(rows, width)
    assert max(map(len, lines)) <= width
    assert sorted(word for line in lines for word in line.split() if word.startswith("+arm")) == sorted(
        row.name for row in rows
    )


def test_what_does_not_fit_becomes_a_character_each_and_failed_and_running_arms_stay() -> None:
    rows = [arm(f"+a{i}", "finished") for i in range(100)]
    rows[70], rows[80], rows[90] = arm("+ill", "failed"), arm("+busy", "running"), arm("+half", "finished", "missing")
    lines = grid_lines(rows, 20, max_lines=6)
    assert len(lines) <= 6 + 5, "the strip of a hundred arms takes five lines of twenty"
    text = "\n".join(lines)
    assert "+ill" in text
    assert "+busy" in text
    kept = sum(word.startswith("+") for line in lines for word in line.split())
    strip = "".join(lines[lines.index(next(line for line in lines if "more arms" in line)) + 1 :])
    assert kept + len(strip) == len(rows)
    assert strip.count("~") == 1
    assert strip.count("✓") == len(strip) - 1


def test_many_seeds_are_counted() -> None:
    many: list[Mark] = []
    for mark, number in NUMBERS.items():
        many.extend(mark for _ in range(number))
    assert grid_lines([arm("bare", *many)], 80) == ["bare ✓17/20 ✕2"]


def test_a_long_name_is_cut_and_the_legend_names_only_what_is_used() -> None:
    row = arm("+a_factor_with_quite_a_long_name", "finished")
    assert grid_lines([row], 80) == ["+a_factor_with_quite_a.. ✓"]
    assert legend([row, arm("b", "blocked")]) == "✓ finished, ⊘ not run: an earlier stage failed"
    assert grid_lines([], 80) == []
