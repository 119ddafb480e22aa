"""The verdict table as rows, Markdown and JSON."""

from dataclasses import dataclass

from reports.findings import arms_text, hidden_text, skipped_by_reason
from reports.results import Analysis, Completeness, CostRatio, Effect
from reports.scale import Scale, scale_of
from reports.stats.verdict import Verdict
from reports.wording import range_text

COLUMNS = ("factor", "added to bare", "removed from full", "verdict", "step cost")
SHORT_COLUMNS = ("factor", "added to bare", "verdict", "removed from full", "verdict", "step cost")


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One factor, ready to print."""

    factor: str
    added: str
    removed: str
    verdict: str
    step_cost: str
    control: bool
    added_verdict: str
    removed_verdict: str

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of COLUMNS."""
        return (self.factor, self.added, self.removed, self.verdict, self.step_cost)

    @property
    def short_cells(self) -> tuple[str, ...]:
        """In the order of SHORT_COLUMNS: one line in a terminal; the sentences are in the report."""
        return (self.factor, self.added, self.added_verdict, self.removed, self.removed_verdict, self.step_cost)


def verdict_rows(analysis: Analysis) -> tuple[VerdictRow, ...]:
    """One row per factor in the order of the plan, then the controls."""
    scale = scale_of(analysis.metric, analysis.delta)
    every = analysis.effects + analysis.controls
    return tuple(_row(analysis, factor, scale) for factor in dict.fromkeys(effect.factor for effect in every))


def to_markdown(analysis: Analysis) -> str:
    """A table to paste into an issue or a README, with what it rests on."""
    done = analysis.completeness
    scale = scale_of(analysis.metric, analysis.delta)
    lines = [
        f"## {analysis.question or analysis.study}",
        "",
        f"{done.num_finished} of {done.num_planned} runs finished, {done.num_failed} failed, "
        f"{done.num_missing + done.num_blocked} not run. "
        f"{len(analysis.seeds)} seed{'' if len(analysis.seeds) == 1 else 's'}"
        f"{'; ' + analysis.setting if analysis.setting else ''}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
        *("| " + " | ".join(_escape(cell) for cell in row.cells) + " |" for row in verdict_rows(analysis)),
        "",
        f"Differences in {scale.title}{f' ({scale.unit})' if scale.unit else ''} on validation at the last epoch, 95% "
        f"intervals, {analysis.headline or 'no test at one seed'}, Holm over {analysis.num_comparisons}; "
        f"{'higher' if scale.higher_is_better else 'lower'} is better; differences below {scale.size(analysis.delta)} "
        "were declared beforehand not to matter.",
        "",
        f"**{_escape(analysis.recipe_to_keep.sentence)}**",
        "",
        f"{_escape(analysis.as_planned.sentence)} Holds for this split of this data, this model and this budget.",
    ]
    lines.extend(f"\nDeviation, {found.what}: {_escape(found.text)}" for found in analysis.as_planned.deviations)
    if analysis.as_planned.seed_rule:
        lines.append(f"\nMore seeds: {_escape(analysis.as_planned.seed_rule)}.")
    lines.extend(f"\nSkipped: {_escape(line)}" for line in skipped_text(analysis))
    lines.extend(f"\nHidden change: {_escape(hidden_text(change))}" for change in analysis.hidden_changes)
    lines.extend(f"\nWarning: {_escape(warning)}" for warning in analysis.warnings)
    return "\n".join(lines) + "\n"


def to_json(analysis: Analysis) -> str:
    """The whole analysis for other programs."""
    return analysis.model_dump_json(indent=2)


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


def _row(analysis: Analysis, factor: str, scale: Scale) -> VerdictRow:
    added, removed = analysis.effect(factor, "added to bare"), analysis.effect(factor, "removed from full")
    found = [effect for effect in (added, removed) if effect is not None]
    first = found[0]
    if first.control:
        passed = {True: "as expected", False: "NOT as expected", None: "undecided"}[first.as_expected]
        verdict = f"control, {passed}: {first.sentence}"
    else:
        verdict = analysis.answers[factor]
    return VerdictRow(
        factor=factor,
        added=effect_text(added, scale),
        removed=effect_text(removed, scale),
        verdict=verdict,
        step_cost=ratio_text(first.step_ratio),
        control=first.control,
        added_verdict=_short_verdict(added),
        removed_verdict=_short_verdict(removed),
    )


def _short_verdict(effect: Effect | None) -> str:
    if effect is None or not effect.control:
        return "" if effect is None else str(effect.verdict)
    passed = {True: "as expected", False: "NOT as expected", None: "undecided"}[effect.as_expected]
    return f"{effect.verdict} ({passed})"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
