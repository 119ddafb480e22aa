"""What is taken for what: a confusion matrix as shaded squares."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.figures.svg import join, picture

MAX_CLASSES = 20
"""More would leave less than a letter's width for each; the table of pairs has the largest ones."""
WIDTH, LETTERS, LETTER_PX = 344.0, 13, 6.4
NUMBERS_UP_TO = 10  # classes, from where a count no longer fits its square


@dataclass(frozen=True, slots=True)
class ConfusionPanel:
    """One arm's matrix."""

    arm: str
    svg: Markup


def draw_confusion(arm: str, counts: tuple[tuple[float, ...], ...], names: tuple[str, ...]) -> ConfusionPanel | None:
    """Rows: the truth; columns: what was predicted; depth: the share of the row's images. None above MAX_CLASSES.

    Args:
        arm: whose it is.
        counts: [true, predicted], mean over seeds.
        names: of the classes.
    """
    size = len(names)
    if size > MAX_CLASSES:
        return None
    shown = [name if len(name) <= LETTERS else name[: LETTERS - 1] + "…" for name in names]
    label_px = 10 + LETTER_PX * max(map(len, shown))
    top_px = 6 + 0.87 * label_px  # the names of columns lean by 60 degrees
    side = (WIDTH - label_px - 2) / size
    parts: list[Markup] = []
    for k, short in enumerate(shown):
        middle = k * side + side / 2
        parts.append(
            Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="end" class="cell-name">{}</text>').format(
                label_px - 5, top_px + middle + 3.4, short
            )
        )
        parts.append(
            Markup('<text transform="translate({:.1f} {:.1f}) rotate(-60)" class="cell-name">{}</text>').format(
                label_px + middle + 2, top_px - 6, short
            )
        )
    for true, row in enumerate(counts):
        total = sum(row) or 1.0
        for predicted, count in enumerate(row):
            tone = "hit" if true == predicted else "miss"
            words = f"{names[true]} taken for {names[predicted]}: {count:.1f}"
            x, y = label_px + predicted * side, top_px + true * side
            parts.append(
                Markup(
                    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}" '
                    'fill-opacity="{:.2f}"><title>{}</title></rect>'
                ).format(x, y, side - 1, side - 1, tone, _depth(count / total, tone), words)
            )
            if size <= NUMBERS_UP_TO and count >= 0.05:
                parts.append(
                    Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle" class="cell-count">{}</text>').format(
                        x + side / 2, y + side / 2 + 3.2, f"{count:.1f}" if count < 10 else f"{count:.0f}"
                    )
                )
    worst = sorted(
        ((count, names[t], names[p]) for t, row in enumerate(counts) for p, count in enumerate(row) if t != p),
        reverse=True,
    )[:3]
    listed = "; ".join(f"{true} for {predicted} {count:.1f} times" for count, true, predicted in worst if count > 0)
    label = f"Confusion matrix of {arm}, mean over seeds. Most often taken for another: {listed or 'none'}"
    svg = picture(join(parts), width=WIDTH, height=top_px + size * side + 2, label=label, css="panel confusion")
    return ConfusionPanel(arm, svg)


def _depth(share: float, tone: str) -> float:
    """Right answers stay pale whatever their share; a tenth of a class gone wrong must be seen.

    Never more than half, so that the count stands out from its square in the light and in the dark.
    """
    return 0.06 + 0.3 * share if tone == "hit" else min(0.5, 0.03 + 1.5 * share)
