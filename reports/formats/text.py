"""The verdict table as rows, Markdown and JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from pipeline.spec.study import Context
from reports.analysis.findings import arms_text, hidden_text, skipped_by_reason
from reports.formats.markdown import escape, table_lines
from reports.formats.waiting_text import waiting_lines
from reports.results.study import Analysis, Completeness, CostRatio, Effect
from reports.scale import Scale, scale_of
from reports.stats.verdict import Q_LEVEL, Verdict
from reports.wording import level_text, place, range_text

UNTUNED = "Settings are those of the grid: this study tuned none, for any arm."


@dataclass(frozen=True, slots=True)
class PlaceCell:
    """What was found in one context; "not planned" where the design does not ask."""

    context: Context
    numbers: str
    verdict: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One factor, ready to print."""

    factor: str
    places: tuple[PlaceCell, ...]
    verdict: str
    step_cost: str
    control: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of `columns`."""
        return (self.factor, *(place.numbers for place in self.places), self.verdict, self.step_cost)

    @property
    def short_cells(self) -> tuple[str, ...]:
        """In the order of `short_columns`: one line in a terminal; the sentences are in the report."""
        return (
            self.factor,
            *(text for place in self.places for text in (place.numbers, place.verdict)),
            self.step_cost,
        )

    @property
    def stacked_cells(self) -> tuple[str, ...]:
        """In the order of `stacked_columns`: two lines in a narrow terminal, the verdict below its numbers."""
        stacked = (f"{place.numbers}\n{place.verdict}".rstrip() for place in self.places)
        return (self.factor, *stacked, self.step_cost.replace(" [", "\n["))

    @property
    def has_place(self) -> bool:
        """Whether it was judged in a context that has a column."""
        return any(place.verdict for place in self.places)

    def at(self, context: Context) -> PlaceCell:
        """What was found in this context, which must be one of the table's."""
        return next(place for place in self.places if place.context == context)


def contexts_of(effects: Iterable[Effect]) -> tuple[Context, ...]:
    """The contexts in which something was planned, in the order of their definition."""
    planned = {effect.context for effect in effects}
    return tuple(context for context in get_args(Context) if context in planned)


def columns(analysis: Analysis) -> tuple[str, ...]:
    """Of the verdict table: a column for each context that the plan has."""
    return ("factor", *_columned(analysis), "verdict", "step cost")


def short_columns(analysis: Analysis) -> tuple[str, ...]:
    """Of the verdict table in a terminal: each context with its verdict."""
    return ("factor", *(column for context in _columned(analysis) for column in (context, "verdict")), "step cost")


def stacked_columns(analysis: Analysis) -> tuple[str, ...]:
    """Of the verdict table in a narrow terminal: each context in one column."""
    return ("factor", *_columned(analysis), "step cost")


def verdict_rows(analysis: Analysis) -> tuple[VerdictRow, ...]:
    """One row per factor in the order of the plan, then the controls. What is exploratory is no verdict to act on."""
    scale = scale_of(analysis.metric, analysis.delta)
    every = analysis.declared + analysis.controls
    return tuple(_row(analysis, every, factor, scale) for factor in dict.fromkeys(effect.factor for effect in every))


def to_markdown(analysis: Analysis, notes: Sequence[str] = ()) -> str:
    """A table to paste into an issue or a README, with what it rests on; `notes` come last."""
    lines = [
        f"## {analysis.question or analysis.study}",
        "",
        progress_text(analysis),
        "",
        *table_lines(columns(analysis), [row.cells for row in verdict_rows(analysis)]),
        "",
        footnote(analysis),
        "",
        f"**{escape(analysis.recipe_to_keep.sentence)}**",
    ]
    lines.extend(f"\n{escape(remark)}" for remark in (*remarks(analysis), *notes))
    return "\n".join(lines) + "\n"


def progress_text(analysis: Analysis) -> str:
    """How much of the study is there, and the setting it holds in."""
    done = analysis.completeness
    return (
        f"{done.num_finished} of {done.num_planned} runs finished, {done.num_failed} failed, "
        f"{done.num_missing + done.num_blocked} not run. "
        f"{len(analysis.seeds)} seed{'' if len(analysis.seeds) == 1 else 's'}"
        f"{'; ' + analysis.setting if analysis.setting else ''}."
    )


def footnote(analysis: Analysis) -> str:
    """What the numbers of the verdict table are."""
    scale = scale_of(analysis.metric, analysis.delta)
    return (
        f"Differences in {scale.title}{f' ({scale.unit})' if scale.unit else ''} on validation at the last epoch, "
        f"{level_text(analysis.level)} intervals, {method_text(analysis)}, Holm over {analysis.num_comparisons}; "
        f"{'higher' if scale.higher_is_better else 'lower'} is better; differences below {scale.size(analysis.delta)} "
        f"were declared beforehand not to matter. {UNTUNED} {basis_lines(analysis)}"
    ).rstrip()


def remarks(analysis: Analysis) -> tuple[str, ...]:
    """What must be said below the verdict table."""
    promise = analysis.as_planned
    return (
        *waiting_lines(analysis.completeness),
        f"{promise.sentence} Holds for this split of this data, this model and this budget.",
        *(f"Deviation, {found.what}: {found.text}" for found in promise.deviations),
        *((f"More seeds: {promise.seed_rule}.",) if promise.seed_rule else ()),
        *explored_text(analysis),
        *analysis.luck,
        *(f"Skipped: {line}" for line in skipped_text(analysis)),
        *(f"Hidden change: {hidden_text(change)}" for change in analysis.hidden_changes),
        *(f"Warning: {warning}" for warning in analysis.warnings),
    )


def sentence_lines(analysis: Analysis) -> tuple[str, ...]:
    """The verdicts in full with what each rests on, for a terminal: its table has room for the first words only."""
    judged = (
        f"{effect.factor}{f' (control, {_passed(effect)})' if effect.control else ''}, {place(effect.context)}: "
        f"{effect.sentence} ({basis_text(effect)})"
        for effect in analysis.declared + analysis.controls
    )
    return (*judged, footnote(analysis), progress_text(analysis), analysis.recipe_to_keep.sentence)


def basis_text(effect: Effect) -> str:
    """'3 paired seeds; moderated t, df 4'; of a comparison that was not judged, its seeds."""
    if effect.method is None or effect.df is None:
        return f"{effect.n} of {effect.num_seeds_planned} seeds"
    pairs = "" if effect.weights else "paired "
    return f"{effect.n} {pairs}seed{'' if effect.n == 1 else 's'}; {effect.method}, df {effect.df:.4g}"


def basis_lines(analysis: Analysis) -> str:
    """What the verdicts of the table rest on: most of them first, then the others by name."""
    effects: dict[str, list[str]] = {}
    for effect in analysis.declared + analysis.controls:
        effects.setdefault(basis_text(effect), []).append(f"{effect.factor} {place(effect.context)}")
    most, *others = sorted(effects, key=lambda basis: -len(effects[basis])) or [""]
    rest = "; ".join(f"{', '.join(effects[basis])}: {basis}" for basis in others)
    return f"Each rests on {most}{f', but for {rest}' if rest else ''}." if most else ""


def to_json(analysis: Analysis) -> str:
    """The whole analysis for other programs."""
    return analysis.model_dump_json(indent=2)


def method_text(analysis: Analysis) -> str:
    """The method that judged, and the one for weighted sums where both kinds were planned."""
    if analysis.headline is None:
        return "no test at one seed"
    averages = next((effect.method for effect in analysis.declared if effect.weights and effect.method), None)
    mixed = averages not in (None, analysis.headline)
    return f"{analysis.headline}{f' ({averages} for averages over arms)' if mixed else ''}"


def explored_text(analysis: Analysis) -> tuple[str, ...]:
    """What stood out among the exploratory comparisons, after how many there were; nothing where there are none."""
    explored = analysis.explored
    if not explored:
        return ()
    found = [effect for effect in explored if effect.verdict is Verdict.EXPLORATORY]
    count = f"{len(explored)} comparison{'' if len(explored) == 1 else 's'}"
    head = f"Exploratory, outside the declared family: {len(found)} of {count} stand out (BH at q = {Q_LEVEL:g})."
    return (head, *(f"{effect.factor}, {effect.context}: {effect.sentence}" for effect in found))


def skipped_text(analysis: Analysis) -> tuple[str, ...]:
    """'arms full, -cosine: REASON', arms with one reason together."""
    by_reason = skipped_by_reason(analysis.completeness.skipped)
    return tuple(f"{arms_text(arms)}: {reason}" for reason, arms in by_reason.items())


def status_text(done: Completeness) -> str:
    """'44 of 45 runs finished, 1 failed', and what else there is to say."""
    parts = [f"{done.num_finished} of {done.num_planned} runs finished", f"{done.num_failed} failed"]
    if done.num_missing:
        parts.append(f"{done.num_missing} to go")
    if done.num_blocked:
        parts.append(f"{done.num_blocked} not run")
    if done.skipped:
        parts.append(f"{arms_text(tuple(arm.name for arm in done.skipped))} skipped")
    return ", ".join(parts)


def ratio_text(ratio: CostRatio | None) -> str:
    """'1.25x [1.24, 1.26]'."""
    if ratio is None:
        return "not timed"
    limits = "" if ratio.ci95 is None else f" [{ratio.ci95.low:.2f}, {ratio.ci95.high:.2f}]"
    return f"{ratio.value:.2f}x{limits}"


def effect_text(effect: Effect | None, scale: Scale) -> str:
    """'+0.42 pt [0.25, 0.59]'; without an interval where there is no verdict."""
    if effect is None:
        return "not planned"
    if effect.verdict is Verdict.NO_EFFECT:
        return "identical"
    if effect.estimate is None:
        return "no result"
    return f"{scale.difference(effect.estimate)} {range_text(effect.ci95, scale)}".rstrip()


def _row(analysis: Analysis, effects: tuple[Effect, ...], factor: str, scale: Scale) -> VerdictRow:
    by_context = {effect.context: effect for effect in reversed(effects) if effect.factor == factor}
    places = tuple(
        PlaceCell(context, effect_text(by_context.get(context), scale), _short_verdict(by_context.get(context)))
        for context in _columned(analysis)
    )
    first = next(effect for effect in effects if effect.factor == factor)
    if first.control:
        where = "" if first.context in _columned(analysis) else f", {place(first.context)} {effect_text(first, scale)}"
        verdict = f"control, {_passed(first)}{where}: {first.sentence}"
    else:
        verdict = analysis.answers[factor]
    return VerdictRow(factor, places, verdict, ratio_text(first.step_ratio), first.control)


def _short_verdict(effect: Effect | None) -> str:
    if effect is None or not effect.control:
        return "" if effect is None else str(effect.verdict)
    return f"{effect.verdict} ({_passed(effect)})"


def _passed(control: Effect) -> str:
    return {True: "as expected", False: "NOT as expected", None: "undecided"}[control.as_expected]


def _columned(analysis: Analysis) -> tuple[Context, ...]:
    """The contexts that have a column: those of factors. A control is judged beside bare, whatever the design."""
    return contexts_of(analysis.declared or analysis.controls)
