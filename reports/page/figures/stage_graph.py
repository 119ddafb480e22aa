"""What is trained for what: every distinct stage a box, an arrow to each stage that starts from it."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.formats.features import features_text
from reports.page.figure import Figure
from reports.page.figures.svg import drawing, join, line, percent, shortened, text
from reports.page.tables import NONE, Table, duration
from reports.results.stages import StageGraph, StageNode

BOX_PX, GAP_PX, TOP_PX = 62, 12, 4
COLUMN_PX, MARGIN = 210, 9.0
"""Width that a column asks for, and percent of a column that is left for arrows."""
MAX_NAMES = 2
MAX_LETTERS = 28


@dataclass(frozen=True, slots=True)
class _Place:
    left: float  # percent
    right: float
    top: float  # pixels


def draw_stages(graph: StageGraph) -> Figure | None:
    """Columns by how many stages come before; None where every arm trains one stage that is its own.

    Stages that stand alone are in the table: a drawing of unconnected boxes would say nothing.
    """
    needed = {need for node in graph.nodes for need in node.needs}
    shown = [node for node in graph.nodes if node.needs or node.stage_hash in needed or node.num_arms > 1]
    if not shown:
        return None
    num_columns = max(node.depth for node in shown) + 1
    places = _places(shown, num_columns)
    tallest = max(place.top for place in places.values()) + BOX_PX
    arrows = [_arrow(places[need], places[node.stage_hash]) for node in shown for need in node.needs]
    boxes = [_box(node, places[node.stage_hash]) for node in shown]
    told = "; ".join(_told(node, graph) for node in shown)
    svg = drawing(
        join([*arrows, *boxes]),
        height=tallest + TOP_PX,
        label=f"{len(shown)} stages that are shared or start from another, of {len(graph.nodes)}",
        told=told,
        css=f"stages columns-{min(num_columns, 4)}",
    )
    return Figure(svg, stage_table(graph))


def stage_table(graph: StageGraph) -> Table:
    """Every distinct stage, those that stand alone too."""
    names = {node.stage_hash: _title(node) for node in graph.nodes}
    columns = ("stage", "starts from", "used by arms", "seeds finished", "its own time", "with all before it")
    rows = tuple(
        (
            f"{_title(node)} {node.stage_hash[:8]}",
            ", ".join(f"{names[need]} {need[:8]}" for need in node.needs) or NONE,
            ", ".join((*node.result_of, *node.on_the_way_to)),
            f"{node.num_finished} of {len(node.seeds)}",
            NONE if node.busy_s is None else duration(node.busy_s),
            NONE if node.busy_s_with_ancestors is None else duration(node.busy_s_with_ancestors),
        )
        for node in graph.nodes
    )
    if not any(node.representation for node in graph.nodes):
        return Table(columns, rows)
    told = [NONE if node.representation is None else features_text(node.representation) for node in graph.nodes]
    rows = tuple((*row, cell) for row, cell in zip(rows, told, strict=True))
    return Table((*columns, "what its features say about val"), rows)


def _places(shown: list[StageNode], num_columns: int) -> dict[str, _Place]:
    """Boxes of a column below each other; each column starts as high as it can."""
    width = 100.0 / num_columns
    tops = dict.fromkeys(range(num_columns), float(TOP_PX))
    places: dict[str, _Place] = {}
    for node in shown:
        left, room = node.depth * width, MARGIN if node.depth < num_columns - 1 else 0.0
        places[node.stage_hash] = _Place(left, left + width - room, tops[node.depth])
        tops[node.depth] += BOX_PX + GAP_PX
    return places


def _box(node: StageNode, place: _Place) -> Markup:
    css = "stage shared" if node.num_arms > 1 else "stage"
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="7" class="{}"/>').format(
        percent(place.left), place.top, percent(place.right - place.left), BOX_PX, css
    )
    seeds = f"{node.num_finished} of {len(node.seeds)} seeds"
    lines = [
        text(
            percent(place.left),
            place.top + 19,
            shortened(_title(node), MAX_LETTERS),
            "stage-name",
            anchor="start",
            dx=10,
        ),
        text(percent(place.left), place.top + 36, f"{seeds}, {_users(node)}", "pair-note", anchor="start", dx=10),
        text(percent(place.left), place.top + 52, _cost(node), "pair-range", anchor="start", dx=10),
    ]
    return Markup("<g><title>{}</title>{}{}</g>").format(_title(node), box, join(lines))


def _arrow(start: _Place, end: _Place) -> Markup:
    height = end.top + BOX_PX / 2
    body = line(percent(start.right), start.top + BOX_PX / 2, percent(end.left), height, "stage-link")
    head = Markup('<svg x="{}" y="{}" overflow="visible"><path d="M-8 -4L0 0L-8 4z" class="arrow-head"/></svg>')
    return body + head.format(percent(end.left), height)


def _title(node: StageNode) -> str:
    """The arm where the stage is the arm; else the stage's own name."""
    if not node.result_of:
        return ", ".join(node.names)
    more = len(node.result_of) - MAX_NAMES
    return ", ".join(node.result_of[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _users(node: StageNode) -> str:
    return "used once" if node.num_arms == 1 else f"used by {node.num_arms} arms"


def _cost(node: StageNode) -> str:
    if node.busy_s is None:
        return "not finished"
    own = duration(node.busy_s)
    if not node.needs or node.busy_s_with_ancestors is None:
        return own
    return f"{own}, with all before {duration(node.busy_s_with_ancestors)}"


def _told(node: StageNode, graph: StageGraph) -> str:
    names = {other.stage_hash: _title(other) for other in graph.nodes}
    start = f" from {', '.join(names[need] for need in node.needs)}" if node.needs else ""
    return f"{_title(node)}{start}, {_users(node)}, {_cost(node)}"
