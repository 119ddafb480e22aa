"""A schedule's course as a picture of letters."""

from pipeline.spec.schedule import Plateau, Warmup

ROWS, COLUMNS = 8, 60
EIGHTHS = " ▁▂▃▄▅▆▇█"


def curve_lines(schedule: Warmup, num_epochs: int) -> list[str]:
    """The rate as a share of its peak, from the start of training (left) to its end (right), and what else moves."""
    middles = [(column + 0.5) / COLUMNS for column in range(COLUMNS)]
    eighths = [round(8 * ROWS * schedule.lr_frac(frac * num_epochs, num_epochs)) for frac in middles]
    lines = []
    for row in range(ROWS):
        below = 8 * (ROWS - 1 - row)
        bars = "".join(EIGHTHS[min(8, max(0, height - below))] for height in eighths)
        lines.append(f"{'peak' if row == 0 else '':>4} │{bars}".rstrip())
    lines.append("   0 └" + "─" * COLUMNS)
    lines.append("      0" + f"epochs {num_epochs}".rjust(COLUMNS - 1))
    if isinstance(schedule, Plateau):
        lines.append("      and a drop whenever validation stalls")
    momenta = [m for m in (schedule.momentum_at(frac * num_epochs, num_epochs) for frac in middles) if m is not None]
    if momenta:
        lines.append(f"      momentum goes from {max(momenta):.2f} down to {min(momenta):.2f} and back")
    return lines
