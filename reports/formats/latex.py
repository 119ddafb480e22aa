"""The verdict table for a paper: LaTeX with booktabs, the same sentences and footnote as in Markdown."""

import re

from reports.formats.text import columns, footnote, progress_text, remarks, verdict_rows
from reports.results.study import Analysis

# One pass over the characters, so that what an escape brings in is not escaped again.
ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"$|$",
        "±": r"$\pm$", "≥": r"$\geq$", "≤": r"$\leq$", "→": r"$\rightarrow$", "\N{MULTIPLICATION SIGN}": r"$\times$",
        "\N{EM DASH}": "---", "\N{EN DASH}": "--",
        "\n": " ", "[": "{[}", "]": "{]}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    }
)  # fmt: skip
VERDICT_FRAC, PLACES_FRAC, COST_FRAC = 0.33, 0.34, 0.11  # of the width of the text; the rest is the factor's


def to_latex(analysis: Analysis) -> str:
    """A table environment to include in a paper, as wide as the text. It needs the packages booktabs and array."""
    headings = columns(analysis)
    rows = verdict_rows(analysis)
    factors = [_line(row.cells) for row in rows if not row.control]
    controls = [_line(row.cells) for row in rows if row.control]
    notes = tuple(escape(note) for note in (footnote(analysis), *remarks(analysis)))
    keep = rf"\textbf{{{escape(analysis.recipe_to_keep.sentence)}}}"
    lines = [
        r"% needs \usepackage{booktabs,array} and \usepackage[T1]{fontenc}",
        r"\begin{table}",
        r"\centering",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(analysis.question or analysis.study)} {escape(progress_text(analysis))}}}",
        rf"\begin{{tabular}}{{{_alignment(headings)}}}",
        r"\toprule",
        _line(headings),
        r"\midrule",
        *factors,
        *([r"\midrule"] if factors and controls else []),
        *controls,
        r"\bottomrule",
        r"\end{tabular}",
        "",
        r"\smallskip",
        r"\begin{minipage}{\linewidth}\footnotesize",
        "\n\\par ".join((*notes, keep)),
        r"\end{minipage}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands, with a minus before a number and a hyphen elsewhere.

    Brackets are braced: after the end of a row they would be read as its spacing. No line breaks within an interval.
    """
    escaped = re.sub(r"(?<!\w)-(?=\d)", "$-$", text.translate(ESCAPES))
    return re.sub(r"(\{\[\}\S+,) (?=\S+\{\]\})", r"\1~", escaped)


def _alignment(headings: tuple[str, ...]) -> str:
    """Columns that wrap and together are as wide as the text, however many contexts the plan has."""
    num_places = len(headings) - 3  # without factor, verdict and step cost
    widths = [*[PLACES_FRAC / max(1, num_places)] * num_places, VERDICT_FRAC, COST_FRAC]
    return "l" + "".join(rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}" for width in widths)


def _line(cells: tuple[str, ...]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"
