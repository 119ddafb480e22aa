"""Two studies side by side as tables of text, Markdown and JSON."""

from dataclasses import dataclass

from reports.analysis.two_studies import LEVEL
from reports.formats.markdown import escape, table_lines
from reports.results.study import Spread
from reports.results.two_studies import ArmPair, Side, SideVerdict, TwoStudies
from reports.scale import Scale, scale_of
from reports.wording import level_text, p_text, range_text

NONE = "—"
MAX_FIELDS = 5  # of a recipe, named one by one; JSON has them all


@dataclass(frozen=True, slots=True)
class TextTable:
    """Headings and rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    long: tuple[str, ...] = ()  # columns of sentences, which may wrap


def to_markdown(two: TwoStudies) -> str:
    """To paste into an issue."""
    lines = [f"## {title(two)}", "", *(f"* {escape(progress_text(side))}" for side in (two.first, two.second)), ""]
    lines += [f"**{escape(sentence)}**\n" for sentence in warnings(two)]
    for table in tables(two):
        lines += [f"### {table.title}", "", *table_lines(table.columns, table.rows), ""]
    lines += [escape(line) + "\n" for line in remarks(two)]
    return "\n".join(lines).rstrip() + "\n"


def to_json(two: TwoStudies) -> str:
    """All of it for other programs."""
    return two.model_dump_json(indent=2)


def title(two: TwoStudies) -> str:
    """Of the page."""
    return f"{two.first.study} and {two.second.study}"


def progress_text(side: Side) -> str:
    """'digits-demo (digits, small_cnn, 30 epochs): 44 of 46 runs finished, 1 failed'."""
    setting = f" ({side.setting})" if side.setting else ""
    failed = f", {side.num_failed} failed" if side.num_failed else ""
    return f"{side.study}{setting}: {side.num_finished} of {side.num_planned} runs finished{failed}"


def warnings(two: TwoStudies) -> tuple[str, ...]:
    """Why no difference is given at all."""
    if not two.obstacles:
        return ()
    return (f"No difference between the two studies is computed: {'; '.join(two.obstacles)}.",)


def remarks(two: TwoStudies) -> tuple[str, ...]:
    """What must be said below the tables."""
    only = [
        f"Only in {side.study}: {', '.join(names)}."
        for side, names in ((two.first, two.only_first), (two.second, two.only_second))
        if names
    ]
    return (*only, *two.notes)


def tables(two: TwoStudies) -> tuple[TextTable, ...]:
    """Those that have a row."""
    return tuple(table for table in (_arms(two), _verdicts(two), _settings(two), _environments(two)) if table.rows)


def _arms(two: TwoStudies) -> TextTable:
    scale = scale_of(two.metric)
    difference = f"second minus first ({level_text(LEVEL)}), exploratory"
    columns = ("arm", difference, "BH q", "paired seeds", two.first.study, two.second.study, "matched by")
    # Where the metrics differ, so do the units of the second study's scores: then only the first's are shown.
    same_metric = not any(reason.startswith("the metrics") for reason in two.obstacles)
    rows = tuple(
        (
            pair.first if pair.first == pair.second else f"{pair.first} / {pair.second}",
            _difference(pair, scale),
            NONE if pair.difference is None or pair.difference.q is None else p_text(pair.difference.q),
            NONE if pair.difference is None else str(len(pair.difference.seeds)),
            _score(pair.first_score, scale),
            _score(pair.second_score, scale) if same_metric else NONE,
            _matched(pair),
        )
        for pair in two.arms
    )
    title = f"Arms of both studies: {two.metric_title} on validation"
    return TextTable(title, columns, rows, (difference, "matched by"))


def _matched(pair: ArmPair) -> str:
    listed = [f"{one.what} {one.first} -> {one.second}" for one in pair.changed[:MAX_FIELDS]]
    if len(pair.changed) > MAX_FIELDS:
        listed.append(f"{len(pair.changed) - MAX_FIELDS} fields more")
    return f"{pair.matched}: {', '.join(listed)}" if listed else pair.matched


def _score(score: Spread | None, scale: Scale) -> str:
    if score is None:
        return "no run yet"
    sd = "" if score.sd is None else f"sd {scale.value(score.sd)}, "
    return f"{scale.value(score.mean)} ({sd}n {score.n})"


def _difference(pair: ArmPair, scale: Scale) -> str:
    found = pair.difference
    if found is None:
        return f"none: {pair.why_none}"
    if found.interval is None:
        return f"{scale.difference(found.estimate)}, the same with every seed, so no interval"
    return f"{scale.difference(found.estimate)} {range_text(found.interval, scale)}"


def _verdicts(two: TwoStudies) -> TextTable:
    rows = tuple((pair.factor, pair.context, _verdict(pair.first), _verdict(pair.second)) for pair in two.verdicts)
    studies = (two.first.study, two.second.study)
    return TextTable("Verdicts side by side", ("factor", "context", *studies), rows, studies)


def _verdict(side: SideVerdict | None) -> str:
    if side is None:
        return "not planned"
    return side.sentence if not side.numbers or side.numbers in side.sentence else f"{side.numbers}: {side.sentence}"


def _settings(two: TwoStudies) -> TextTable:
    rows = tuple((one.what, one.first, one.second) for one in two.settings)
    studies = (two.first.study, two.second.study)
    return TextTable("Settings that differ", ("setting", *studies), rows, studies)


def _environments(two: TwoStudies) -> TextTable:
    rows = tuple((one.what, one.first, one.second) for one in two.environments)
    studies = (two.first.study, two.second.study)
    return TextTable("Versions and hardware that differ", ("", *studies), rows, studies)
