"""Every row of the specification's table of verdicts (section 3), word by word, wherever a report says it.

The studies are made so that each row comes out; the expected sentences are typed from the table, with the numbers that
scipy gives for these scores.
"""

import ast
import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

import reports
from pipeline.spec.study import Comparison, StudyPlan
from reports.analysis.study import analyse
from reports.formats.latex import escape, to_latex
from reports.formats.text import sentence_lines, to_json, to_markdown
from reports.page.html import render
from reports.records.load import StudyData
from reports.results.effect import Effect
from reports.results.study import Analysis
from reports.stats.verdict import Verdict
from tests.reports.factorial import MAIN, SCORES, factorial_study
from tests.reports.test_effects import study_of

PLACES: dict[str, Callable[[StudyData, Analysis], str]] = {
    "html": lambda study, analysis: html.unescape(render(study)),
    "json": lambda study, analysis: json.dumps(json.loads(to_json(analysis)), ensure_ascii=False),
    "markdown": lambda study, analysis: to_markdown(analysis),
    "latex": lambda study, analysis: to_latex(analysis),
    "terminal": lambda study, analysis: "\n".join(sentence_lines(analysis)),
}
SEEDS = np.array([90.00, 90.36, 89.82, 90.11, 90.24, 89.95])  # points
LUCK = np.array([0.00, 0.02, -0.02, 0.01, -0.01, 0.00])  # sums to 0


def two_arms(gains_pt: np.ndarray, delta: float = 0.1) -> StudyData:
    """Bare and x, whose runs are better by these points, seed by seed, on a named setting."""
    bare = SEEDS[: len(gains_pt)]
    study = study_of({"bare": list(bare / 100), "x": list((bare + gains_pt) / 100)}, delta=delta)
    return in_a_setting(study)


def in_a_setting(study: StudyData) -> StudyData:
    """CIFAR-10, ResNet-18 and 30 epochs, as the specification's example has them."""
    spec = {
        "data": {"kind": "image_folder", "path": "images/cifar10"},
        "model": {"kind": "timm", "name": "resnet18"},
        "budget": {"epochs": 30},
    }
    arms = tuple(
        arm.model_copy(
            update={"stages": tuple(stage.model_copy(update={"spec": stage.spec | spec}) for stage in arm.stages)}
        )
        for arm in study.plan.arms
    )
    return replace(study, plan=study.plan.model_copy(update={"arms": arms}))


def t_interval(gains: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    found = stats.ttest_1samp(gains, 0).confidence_interval(level)
    return float(found.low), float(found.high)


def with_numbers(words: str, gains: np.ndarray) -> str:
    low, high = t_interval(gains)
    return words.format(estimate=f"{gains.mean():+.2f}", interval=f"[{low:.2f}, {high:.2f}]")


@dataclass(frozen=True)
class Row:
    """One row of the table of section 3."""

    verdict: Verdict
    sentence: str
    study: StudyData


def _needed(sd: float, delta: float) -> int:
    """Seeds for 80% power, by statsmodels' noncentral t."""
    return next(n for n in range(2, 1001) if TTestPower().power(delta / sd, n, 0.05) >= 0.8)


def _too_noisy(gains: np.ndarray, delta: float) -> str:
    n, sd = len(gains), float(np.std(gains, ddof=1))
    detectable = float(TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)) * sd  # type: ignore[arg-type]
    limits = [sd * float(np.sqrt((n - 1) / stats.chi2.ppf(p, n - 1))) for p in (0.975, 0.025)]
    fewest, most = (max(0, _needed(limit, delta) - n) for limit in limits)
    more = _needed(sd, delta) - n
    return (
        f"too noisy: sd {sd:.2f}, {n} seeds could only detect ≥ {detectable:.2f} pt; about {more} more seeds for "
        f"{delta} pt ({fewest} to {most})"
    )


def rows() -> list[Row]:
    helps, uncertain = 0.42 + 5 * LUCK, 0.16 + 8 * LUCK
    noisy = 0.05 + np.array([0.2, -0.25, 0.15, -0.1, 0.25, -0.25])
    suggestive = study_of(
        {"bare": list(SEEDS / 100), "x": list((SEEDS + 0.2 + 9 * LUCK) / 100)}
        | {f"y{i}": list((SEEDS + noisy[::-1] * (i + 1)) / 100) for i in range(7)}
    )
    some_fail = study_of({"bare": [0.90, 0.901, 0.902, 0.9, 0.9], "x": [0.99, None, 0.991, None, 0.992]})
    mixed = (MAIN[0].model_copy(update={"confounded": ("b x c",)}), *MAIN[1:])
    return [
        Row(
            Verdict.HELPS,
            with_numbers("helps: {estimate} pt {interval}, above the 0.1 pt threshold", helps),
            two_arms(helps),
        ),
        Row(Verdict.HELPS_SIZE_UNCERTAIN, "helps, size uncertain: may be below 0.1 pt", two_arms(uncertain)),
        Row(
            Verdict.HURTS,
            with_numbers("hurts: {estimate} pt {interval}, beyond the 0.1 pt threshold", -helps),
            two_arms(-helps),
        ),
        Row(Verdict.HURTS_SIZE_UNCERTAIN, "hurts, size uncertain: may be below 0.1 pt", two_arms(-uncertain)),
        Row(
            Verdict.NO_MEANINGFUL_DIFFERENCE,
            "no meaningful difference: within ±0.1 pt",
            two_arms(np.array([0.02, -0.03, 0.01, 0.04, -0.02, 0.0])),
        ),
        Row(
            Verdict.NO_MEANINGFUL_DIFFERENCE,
            "no meaningful difference: within ±0.1 pt (real but negligible)",
            two_arms(0.05 + LUCK),
        ),
        Row(Verdict.SUGGESTIVE, "suggestive; does not survive correction for 8 comparisons", in_a_setting(suggestive)),
        Row(
            Verdict.NO_EVIDENCE,
            "no evidence of an effect; study could have detected 0.1 pt",
            two_arms(0.055 + np.array([0.055, -0.07, 0.06, -0.065, 0.07, -0.05])),
        ),
        Row(Verdict.TOO_NOISY, _too_noisy(noisy, 0.2), two_arms(noisy, delta=0.2)),
        Row(Verdict.NOT_ASSESSED, "not assessed (one seed: no verdict)", two_arms(helps[:1])),
        Row(Verdict.UNSTABLE, "unstable (2/5 failed)", in_a_setting(some_fail)),
        Row(Verdict.CONFOUNDED, "confounded with b x c", in_a_setting(factorial_study(mixed))),
    ]


ROWS = rows()
NAMES = [row.sentence[:40] for row in ROWS]


def first(analysis: Analysis) -> Effect:
    return analysis.effects[0]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
@pytest.mark.parametrize("where", PLACES)
def test_every_verdict_stands_word_by_word_in_every_place(where: str, row: Row) -> None:
    analysis = analyse(row.study)
    assert (first(analysis).verdict, first(analysis).sentence) == (row.verdict, row.sentence)
    text = PLACES[where](row.study, analysis)
    assert (escape(row.sentence) if where == "latex" else row.sentence) in text


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
@pytest.mark.parametrize("where", PLACES)
def test_context_seeds_method_df_and_setting_stand_beside_every_verdict(where: str, row: Row) -> None:
    analysis = analyse(row.study)
    effect = first(analysis)
    text = PLACES[where](row.study, analysis)
    place = {"added to bare": "added to bare", "averaged over the others": "averaged over the other factors"}
    expected = [place[effect.context], "cifar10, resnet18, 30 epochs"]
    if effect.method is not None:
        expected.append(f"{effect.method}, df {effect.df:g}")
        expected.append(f"{effect.n} {'' if effect.weights else 'paired '}seeds")
    elif where in ("html", "json"):
        expected.append(str(effect.n))
    else:
        expected.append(f"{effect.n} of {effect.num_seeds_planned} seeds")
    for words in expected:
        assert (escape(words) if where == "latex" else words) in text, words


@pytest.mark.parametrize("where", ["html", "markdown", "latex", "terminal"])
def test_every_report_says_that_no_arm_was_tuned(where: str) -> None:
    study = two_arms(0.42 + 5 * LUCK)
    text = PLACES[where](study, analyse(study))
    assert "this study tuned none, for any arm" in text


def test_the_sentence_to_quote_is_the_template_of_the_specification() -> None:
    gains = 0.42 + 5 * LUCK
    low, high = t_interval(gains)
    test: Any = stats.ttest_1samp(gains, 0)
    p = float(test.pvalue)
    expected = (
        f"On cifar10, resnet18, 30 epochs, adding x to bare changed top-1 accuracy by +0.42 pt (95% CI {low:.2f} to "
        f"{high:.2f}; 6 paired seeds; paired t, df 5; Holm p{'<.001' if p < 0.001 else p} over 1), for this split."
    )
    assert first(analyse(two_arms(gains))).detail == expected


def test_a_study_on_part_of_the_data_is_called_a_proxy() -> None:
    study = two_arms(0.42 + 5 * LUCK)
    bare, *rest = study.plan.arms
    part = bare.final.spec | {"strategies": [{"kind": "data_fraction", "frac": 0.25}]}
    bare = bare.model_copy(update={"stages": (bare.final.model_copy(update={"spec": part}),)})
    study = replace(study, plan=study.plan.model_copy(update={"arms": (bare, *rest)}))
    analysis = analyse(study)
    for where, say in PLACES.items():
        text = say(study, analysis)
        assert "proxy: 0.25 of the training images" in text, where
    assert analysis.warnings[0].endswith("what helps here may not help on all of it; confirm it there")


FORBIDDEN = re.compile(r"\bprov(?:e|es|ed|en)\b|\btrend|\bsignifican|\bno effect\b|\bwinner|\bcausal", re.ASCII)
"""Case matters: NO EFFECT is the name of runs that are equal bit for bit, which is no conclusion from a p-value."""


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
@pytest.mark.parametrize("where", PLACES)
def test_no_forbidden_word_is_said(where: str, row: Row) -> None:
    text = PLACES[where](row.study, analyse(row.study))
    text = re.sub(r"(?s)<(style|script)[^>]*>.*?</\1>", "", text)
    assert (found := FORBIDDEN.search(text)) is None or found.group()


def _said(path: Path) -> list[str]:
    """The text constants of a module that are no docstrings, or a template without its tags."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".j2":
        return [re.sub(r"\{[%#{].*?[%#}]\}", " ", source)]
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # documentation
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    ]


def test_no_source_of_a_report_holds_a_forbidden_word() -> None:
    folder = Path(reports.__path__[0])
    files = [*folder.rglob("*.py"), *folder.rglob("*.j2")]
    assert len(files) > 60
    found = [f"{path.relative_to(folder)}: {text}" for path in files for text in _said(path) if FORBIDDEN.search(text)]
    assert found == []


@pytest.mark.parametrize("words", ["this proves it", "a trend", "a significant gain", "it had no effect", "the winner"])
def test_the_search_for_forbidden_words_finds_them(words: str) -> None:
    assert FORBIDDEN.search(words) is not None


def test_a_control_beside_a_factorial_has_no_column_of_its_own() -> None:
    """Its numbers stand in its verdict, and in a terminal below the table."""
    scores = {name: (*row, row[0] + 0.05) for name, row in SCORES.items()}
    study = factorial_study(MAIN, scores)
    control = Comparison(factor="c", context="added to bare", treatment="+c", reference="bare", control=True)
    study = replace(study, plan=with_comparisons(study.plan, (*MAIN, control.model_copy(update={"factor": "placebo"}))))
    analysis = analyse(study)
    effect = analysis.controls[0]
    markdown = to_markdown(analysis)
    assert "| factor | averaged over the others | verdict | step cost |" in markdown
    numbers = f"added to bare {effect.estimate:+.2f} pt"
    assert f"| placebo | not planned | control, NOT as expected, {numbers}" in markdown
    lines = sentence_lines(analysis)
    assert any(line.startswith("placebo (control, NOT as expected), added to bare: ") for line in lines)


def with_comparisons(plan: StudyPlan, comparisons: tuple[Comparison, ...]) -> StudyPlan:
    return plan.model_copy(update={"comparisons": comparisons})
