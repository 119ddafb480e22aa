"""Who gains and who loses: the difference of every comparison on every class."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figure import Figure
from reports.page.figures.svg import drawing, join, shortened, text
from reports.page.tables import NONE, Table
from reports.page.tables_in_depth import Q_LEVEL
from reports.results.in_depth import ClassDifference, ExampleAnalysis
from reports.wording import p_text

CELL_WIDTH_PX, CELL_HEIGHT_PX, GAP_PX = 68, 34, 3
HEAD_PX = 44
LETTER_PX, SMALL_LETTER_PX = 8.0, 6.6  # a wide guess for names of factors, and of contexts below them
MAX_CLASSES = 24
MAX_NAME = 10
"""Letters of a class name above its column; the whole name is in the tooltip and in the table."""
WEAKEST, STRONGEST = 0.18, 0.52


@dataclass(frozen=True, slots=True)
class ClassGrid:
    """Comparisons by classes."""

    classes: tuple[str, ...]
    num_images: dict[str, int]
    rows: tuple[tuple[str, str], ...]  # factor and context
    cells: dict[tuple[str, str, str], ClassDifference]
    num_left_out: int


def class_grid(analysis: ExampleAnalysis) -> ClassGrid | None:
    """The classes with the smallest p somewhere, in the order of their names; None where none was looked at."""
    if not analysis.classes:
        return None
    by_p = list(dict.fromkeys(row.class_name for row in analysis.classes))  # smallest p first, as they come
    kept = tuple(sorted(by_p[:MAX_CLASSES]))
    found = {(row.factor, row.context, row.class_name): row for row in analysis.classes}
    order = [(effect.factor, effect.context) for effect in analysis.effects]
    rows = tuple(row for row in dict.fromkeys(order) if any((*row, name) in found for name in kept))
    sizes = {row.class_name: row.num_images for row in analysis.classes}
    return ClassGrid(kept, sizes, rows, found, len(by_p) - len(kept))


def draw_class_map(grid: ClassGrid) -> Figure:
    """Coloured where the difference survives the false discovery rate, grey where it does not."""
    step_x, step_y = CELL_WIDTH_PX + GAP_PX, CELL_HEIGHT_PX + GAP_PX
    shown = [row for row in grid.cells.values() if row.class_name in grid.classes]
    largest = max((abs(row.difference) for row in shown if row.q < Q_LEVEL), default=0.0)
    names_px = max(
        [LETTER_PX * len(factor) for factor, _ in grid.rows] + [SMALL_LETTER_PX * len(c) for _, c in grid.rows]
    )
    left = round(names_px) + 12
    parts: list[Markup] = []
    for column, name in enumerate(grid.classes):
        middle = str(left + column * step_x + CELL_WIDTH_PX / 2)
        size = f"n = {grid.num_images[name]:,}"
        head = [text(middle, 16, shortened(name, MAX_NAME), "pair-note"), text(middle, 32, size, "pair-range")]
        parts.append(Markup("<g><title>{}</title>{}</g>").format(name, join(head)))
    top = HEAD_PX
    for index, (factor, context) in enumerate(grid.rows):
        leads = index == 0 or grid.rows[index - 1][0] != factor
        if leads:
            parts.append(text("0", top + 15, factor, "name", anchor="start"))
        parts.append(text("0", top + (29 if leads else CELL_HEIGHT_PX / 2 + 4), context, "pair-range", anchor="start"))
        for column, name in enumerate(grid.classes):
            row = grid.cells.get((factor, context, name))
            if row is not None:
                parts.append(_cell(row, left + column * step_x, top, largest))
        top += step_y
    surviving = [row for row in shown if row.q < Q_LEVEL]
    told = "; ".join(f"{r.class_name}: {r.factor}, {r.context} {r.difference:+.1f} pt" for r in surviving)
    svg = drawing(
        join(parts),
        width=str(left + step_x * len(grid.classes)),
        height=top,
        label=f"Difference in accuracy of {len(grid.rows)} comparisons on {len(grid.classes)} classes",
        told=f"surviving the false discovery rate: {told or 'none'}",
        css="pairs",
    )
    return Figure(svg, _table(grid))


def _cell(row: ClassDifference, left: float, top: float, largest: float) -> Markup:
    survives = row.q < Q_LEVEL
    tone = ("good" if row.difference > 0 else "bad") if survives else "grey"
    share = abs(row.difference) / largest if survives and largest else 0.0
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="4" class="pair {}" fill-opacity="{:.2f}"/>').format(
        left, top, CELL_WIDTH_PX, CELL_HEIGHT_PX, tone, WEAKEST + (STRONGEST - WEAKEST) * share
    )
    css = "pair-value small" if survives else "pair-faint"
    words = text(str(left + CELL_WIDTH_PX / 2), top + CELL_HEIGHT_PX / 2 + 5, f"{row.difference:+.1f}", css)
    limits = "" if row.ci95 is None else f" [{row.ci95.low:.1f}, {row.ci95.high:.1f}]"
    told = (
        f"{row.factor}, {row.context}, {row.class_name}: {row.difference:+.1f} pt{limits}, q {p_text(row.q)}, "
        f"{row.num_images:,} images"
    )
    return Markup("<g><title>{}</title>{}{}</g>").format(told, box, words)


def _table(grid: ClassGrid) -> Table:
    columns = ("factor", "context", *(f"{name} (n = {grid.num_images[name]:,})" for name in grid.classes))
    return Table(columns, tuple((*row, *(_number(grid, row, name) for name in grid.classes)) for row in grid.rows))


def _number(grid: ClassGrid, row: tuple[str, str], name: str) -> str:
    found = grid.cells.get((*row, name))
    return NONE if found is None else f"{found.difference:+.1f}" + (" *" if found.q < Q_LEVEL else "")
