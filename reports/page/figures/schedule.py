"""The learning rate that a factor asks for, as a small picture beside its card."""

from markupsafe import Markup
from pydantic import TypeAdapter

from pipeline.spec.schedule import AnySchedule, Plateau
from pipeline.spec.study import Arm, StudyPlan
from reports.page.figures.svg import Axis, join, line, number, picture, polyline, rect, text
from reports.page.tables import Table

WIDTH, HEIGHT = 300.0, 118.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 292.0, 8.0, 96.0
NUM_POINTS = 201
FAMILY = "schedules"
SHOWN = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the training in the table."""

Rates = list[tuple[float, float]]  # (epoch, learning rate)


def draw_schedules(plan: StudyPlan) -> dict[str, Markup]:
    """Name of a card -> picture, for each factor that has a card of the schedules' family; bare's rate behind it."""
    bare = _bare(plan)
    return {card: _draw(factor, arm, bare) for factor, (card, arm) in _scheduled(plan).items()}


def schedule_table(plan: StudyPlan) -> Table | None:
    """The twin of the pictures: the rate at some points of the training; None where no factor brings a schedule."""
    arms = {factor: arm for factor, (_, arm) in _scheduled(plan).items()}
    if not arms:
        return None
    bare = _bare(plan)
    every = arms if bare is None else {bare.name: bare} | arms
    picked = [round(share * (NUM_POINTS - 1)) for share in SHOWN]
    columns = ("factor", "schedule", *(_share_of_training(share) for share in SHOWN))
    rows = tuple(
        (name, arm.final.spec["schedule"]["kind"], *(f"{planned_rates(arm)[i][1]:.3g}" for i in picked))
        for name, arm in every.items()
    )
    return Table(columns, rows)


def _bare(plan: StudyPlan) -> Arm | None:
    return next((arm for arm in plan.arms if not arm.factors), None)


def _scheduled(plan: StudyPlan) -> dict[str, tuple[str, Arm]]:
    """Factor -> name of its first card of the family, and the smallest arm that has the factor."""
    found: dict[str, tuple[str, Arm]] = {}
    for name, card in plan.cards.items():
        factor = name.partition(": ")[0]  # a factor's further cards are called `factor: name`
        arms = sorted((arm for arm in plan.arms if factor in arm.factors), key=lambda arm: len(arm.factors))
        if card.family == FAMILY and arms and factor not in found:
            found[factor] = (name, arms[0])
    return found


def _share_of_training(share: float) -> str:
    return {0.0: "at the start", 1.0: "at the end"}.get(share, f"at {share:.0%}")


def planned_rates(arm: Arm) -> Rates:
    """The rate over the training, as far as it is known beforehand."""
    spec = arm.final.spec
    schedule = TypeAdapter(AnySchedule).validate_python(spec["schedule"])
    num_epochs: int = spec["budget"]["epochs"]
    epochs = [num_epochs * i / (NUM_POINTS - 1) for i in range(NUM_POINTS)]
    return [(epoch, spec["optimizer"]["lr"] * schedule.lr_frac(epoch, num_epochs)) for epoch in epochs]


def _draw(factor: str, arm: Arm, bare: Arm | None) -> Markup:
    rates = planned_rates(arm)
    reference = planned_rates(bare) if bare is not None else []
    points = [*rates, *reference]
    x = Axis(0.0, max(epoch for epoch, _ in points), LEFT, RIGHT)
    y = Axis(0.0, max(rate for _, rate in points), BOTTOM, TOP)
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(2):
        parts.append(line(str(LEFT), y.at(tick), str(RIGHT), y.at(tick), "grid"))
        parts.append(text(str(LEFT - 5), y.at(tick) + 4, number(tick), "tick", anchor="end"))
    parts.extend(
        text(str(x.at(tick)), BOTTOM + 15, number(tick), "tick") for tick in x.ticks(4) if float(tick).is_integer()
    )
    for curve, css in ((reference, "reference"), (rates, "bold")):
        if curve:
            parts.append(polyline([(x.at(epoch), y.at(rate)) for epoch, rate in curve], f"curve {css}"))
    kind = arm.final.spec["schedule"]["kind"]
    label = f"{factor}: learning rate by epoch as planned, schedule {kind}, peak {number(max(r for _, r in rates))}"
    if kind == Plateau.model_fields["kind"].default:
        label += ", and lower whenever validation stalls"
    return picture(join(parts), width=WIDTH, height=HEIGHT, label=label, css="panel")
