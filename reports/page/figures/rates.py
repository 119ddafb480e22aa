"""The learning rates that training really used: a small panel for each course, bare's behind."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.analysis.rates import UsedRates
from reports.page.figures.svg import Axis, join, line, number, picture, polyline, rect, text
from reports.page.tables import Table

WIDTH, HEIGHT = 300.0, 128.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 292.0, 8.0, 104.0
SHOWN = {"first step": 0.0, "at a quarter": 0.25, "half way": 0.5, "at three quarters": 0.75, "last step": 1.0}


@dataclass(frozen=True, slots=True)
class RatePanel:
    """One course, and whose it is."""

    arms: str
    seed: int
    svg: Markup


def draw_rates(courses: tuple[UsedRates, ...], bare: str | None) -> tuple[RatePanel, ...]:
    """Panels on common axes, in the order of the plan.

    Args:
        courses: of all arms.
        bare: name of the arm that is drawn behind the others.
    """
    if not courses:
        return ()
    x = Axis(0.0, max(1, *(course.steps[-1] for course in courses)), LEFT, RIGHT)
    y = Axis(0.0, max(rate for course in courses for rate in course.rates) or 1.0, BOTTOM, TOP)
    behind = next((course for course in courses if bare in course.arms), None)
    return tuple(
        RatePanel(", ".join(course.arms), course.seed, _panel(course, behind if behind is not course else None, x, y))
        for course in courses
    )


def rate_table(courses: tuple[UsedRates, ...]) -> Table | None:
    """The twin of the panels; None without any."""
    if not courses:
        return None
    rows = tuple(
        (", ".join(course.arms), str(course.seed), *(f"{course.at(share):.3g}" for share in SHOWN.values()),
         f"{course.steps[-1] + 1:,}")
        for course in courses
    )  # fmt: skip
    return Table(("arms", "seed", *SHOWN, "steps"), rows)


def _panel(course: UsedRates, behind: UsedRates | None, x: Axis, y: Axis) -> Markup:
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in y.ticks(2):
        parts.append(line(str(LEFT), y.at(tick), str(RIGHT), y.at(tick), "grid"))
        parts.append(text(str(LEFT - 5), y.at(tick) + 4, number(tick), "tick", anchor="end"))
    parts.extend(text(str(x.at(tick)), BOTTOM + 15, number(tick), "tick") for tick in x.ticks(3))
    for curve, css in ((behind, "reference"), (course, "bold")):
        if curve is not None:
            points = zip(curve.steps, curve.rates, strict=True)
            parts.append(polyline([(x.at(step), y.at(rate)) for step, rate in points], f"curve {css}"))
    label = (
        f"{', '.join(course.arms)}: learning rate by step as used in seed {course.seed}, from {course.at(0):.3g} over "
        f"{course.at(0.5):.3g} half way to {course.at(1):.3g}"
    )
    return picture(join(parts), width=WIDTH, height=HEIGHT, label=label, css="panel")
