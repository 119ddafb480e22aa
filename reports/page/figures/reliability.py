"""Reliability diagrams: stated confidence across, the share that is right up; on the diagonal they agree."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figures.svg import Axis, dot, join, line, number, picture, polyline, rect, text
from reports.results.in_depth import ArmCalibration, CalibrationAnalysis

WIDTH, HEIGHT = 300.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 290.0, 8.0, 240.0


@dataclass(frozen=True, slots=True)
class ReliabilityPanel:
    """One arm."""

    arm: str
    caption: str
    svg: Markup


def draw_reliability(analysis: CalibrationAnalysis) -> tuple[ReliabilityPanel, ...]:
    """One panel an arm on common axes, which start where the least of all confidences does."""
    ends = [v for arm in analysis.arms for b in arm.bins for v in (b.confidence, b.ci95.low)]
    low = int(min(ends) * 10) / 10
    x, y = Axis(low, 1.0, LEFT, RIGHT), Axis(low, 1.0, BOTTOM, TOP)
    return tuple(
        ReliabilityPanel(arm.arm, f"ECE {arm.ece_mass:.1f} pt, by chance {arm.ece_mass_null:.1f} pt", _panel(arm, x, y))
        for arm in analysis.arms
    )


def _panel(arm: ArmCalibration, x: Axis, y: Axis) -> Markup:
    parts = [rect(str(LEFT), TOP, str(RIGHT - LEFT), BOTTOM - TOP, "plot")]
    for tick in x.ticks(5):
        parts.append(line(str(x.at(tick)), TOP, str(x.at(tick)), BOTTOM, "grid"))
        parts.append(line(str(LEFT), y.at(tick), str(RIGHT), y.at(tick), "grid"))
        parts.append(text(str(x.at(tick)), BOTTOM + 15, number(100 * tick), "tick"))
        parts.append(text(str(LEFT - 5), y.at(tick) + 4, number(100 * tick), "tick", anchor="end"))
    parts.append(polyline([(LEFT, BOTTOM), (RIGHT, TOP)], "curve reference"))
    for found in arm.bins:
        middle = x.at(found.confidence)
        parts.append(line(str(middle), y.at(found.ci95.low), str(middle), y.at(found.ci95.high), "cross solid"))
    parts.append(polyline([(x.at(b.confidence), y.at(b.accuracy)) for b in arm.bins], "curve thin"))
    parts.extend(dot(str(x.at(b.confidence)), y.at(b.accuracy), 3.5, "point solid") for b in arm.bins)
    label = f"{arm.arm}: share right by stated confidence in {len(arm.bins)} bins"
    told = (
        f"about {arm.bins[0].count} images a bin; expected calibration error {arm.ece_mass:.2f} points, "
        f"{arm.ece_mass_null:.2f} for a calibrated model; "
        f"mean confidence {arm.confidence:.1f}%, right {arm.accuracy:.1f}%"
    )
    return picture(join(parts), width=WIDTH, height=HEIGHT, label=label, told=told, css="panel")
