import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.analysis.study import analyse
from reports.formats.latex import escape, to_latex
from reports.formats.text import columns, footnote, verdict_rows
from reports.records.load import load_study
from reports.results.study import Analysis
from tests.reports.fixtures import FACTORS, Options, write_home, write_plan

SPECIAL = "\\{}&%$#_~^<>|"
# What LaTeX prints for each command that `escape` writes: the way back.
PRINTED = {
    r"\textbackslash{}": "\\", r"\{": "{", r"\}": "}", r"\&": "&", r"\%": "%", r"\$": "$", r"\#": "#", r"\_": "_",
    r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"$<$": "<", r"$>$": ">", r"$|$": "|", r"$\pm$": "±",
    r"$\geq$": "≥", r"$-$": "-", r"{[}": "[", r"{]}": "]", "~": " ",
}  # fmt: skip
WRAPPED = r">{\raggedright\arraybackslash}p"
COMMAND = re.compile("|".join(map(re.escape, sorted(PRINTED, key=len, reverse=True))))


def printed(source: str) -> str:
    return COMMAND.sub(lambda found: PRINTED[found.group()], source)


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    plan = write_home(tmp_path, Options(pictures=False))
    write_plan(tmp_path, plan.model_copy(update={"question": "50% of R&D: $x_1$ or {y}?"}))
    return analyse(load_study(tmp_path, "clothing-tricks"))


def body(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(r"\\")]


def test_table_has_the_rows_and_the_words_of_markdown(analysis: Analysis) -> None:
    head, *rows = body(to_latex(analysis))
    cells = [tuple(printed(cell) for cell in re.split(r"(?<!\\) & ", line.removesuffix(r" \\"))) for line in rows]
    assert cells == [row.cells for row in verdict_rows(analysis)]
    assert len(cells) == len(FACTORS) + 2
    assert head.count(" & ") == len(columns(analysis)) - 1
    assert footnote(analysis) in printed(to_latex(analysis))
    assert analysis.recipe_to_keep.sentence in printed(to_latex(analysis))


def test_rules_stand_between_factors_and_controls(analysis: Analysis) -> None:
    lines = to_latex(analysis).splitlines()
    rules = [lines.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")]
    assert rules == sorted(rules)
    first_control = next(i for i, line in enumerate(lines) if line.startswith("placebo "))
    assert lines[first_control - 1] == r"\midrule"
    wrapped = "".join(f"{WRAPPED}{{{width}\\linewidth}}" for width in ("0.17", "0.17", "0.33", "0.11"))
    assert [line for line in lines if line.startswith(r"\begin")] == [
        r"\begin{table}",
        rf"\begin{{tabular}}{{l{wrapped}}}",
        r"\begin{minipage}{\linewidth}\footnotesize",
    ]


def test_what_latex_would_read_is_escaped(analysis: Analysis) -> None:
    text = to_latex(analysis)
    assert r"\caption{50\% of R\&D: \$x\_1\$ or \{y\}? 44 of 45 runs" in text
    assert "label\\_noise & $-$5." in text
    assert r"$\geq$" in text


@given(st.text(alphabet=SPECIAL + "ab1- ±≥[]"))
def test_escaped_text_prints_as_it_was(text: str) -> None:
    escaped = escape(text)
    assert printed(escaped) == text
    assert not re.search(r"(?<!\\)[&%#_]", escaped)
    assert escaped.count("{") - escaped.count(r"\{") == escaped.count("}") - escaped.count(r"\}")


def test_an_interval_stays_on_one_line() -> None:
    assert escape("+0.42 pt [0.25, 0.59], above") == "+0.42 pt {[}0.25,~0.59{]}, above"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("-0.65", "$-$0.65"), ("[-0.65", "{[}$-$0.65"), ("clothing-256", "clothing-256"), ("-a", "-a")],
)
def test_a_minus_is_no_hyphen(text: str, expected: str) -> None:
    assert escape(text) == expected
