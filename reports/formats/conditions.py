"""The effects of a study under its other conditions, as text: for a terminal, and as Markdown."""

from reports.formats.markdown import escape, table_lines
from reports.results.conditions import EffectThere, EffectUnderConditions, UnderConditions
from reports.results.effect import Effect
from reports.scale import Scale
from reports.wording import p_text, range_text

TITLE = "Does the verdict hold?"
ITSELF = "the study itself"
NOTE = (
    "Each condition is a study of its own with a family of its own, secondary to this one. Differences are the effect "
    "there minus the effect in the study itself, with 95% intervals by Welch's t; all of them are exploratory and one "
    "family (Benjamini and Hochberg). A verdict flips only where that difference stands out: that a factor is found "
    "under one condition and not under another is no evidence that it works differently."
)


def numbers(found: Effect | EffectUnderConditions | None, scale: Scale) -> str:
    """'+0.42 pt [0.25, 0.59]'."""
    if found is None or found.estimate is None:
        return "no result"
    return f"{scale.difference(found.estimate)} {range_text(found.ci95, scale)}".rstrip()


def difference_text(there: EffectThere, scale: Scale) -> str:
    """'-2.10 pt [-4.00, -0.20], q=.041'; empty where nothing was tested."""
    if there.difference is None or there.q is None:
        return ""
    q = p_text(there.q)
    limits = range_text(there.difference_ci95, scale)
    return f"{scale.difference(there.difference)} {limits}, q{'' if q.startswith('<') else '='}{q}"


def progress(under: UnderConditions) -> tuple[str, ...]:
    """What each condition is, and how much of it has run."""
    return tuple(
        f"{state.name}: "
        + (f"{state.num_finished} of {state.num_planned} runs; {state.setting}" if state.num_planned else "not run yet")
        + f" (study {state.study})"
        for state in under.conditions
    )


def condition_lines(under: UnderConditions, scale: Scale) -> tuple[str, ...]:
    """A line for each effect under each condition, then what they add up to."""
    lines = [
        f"{effect.title} under {there.condition}: {numbers(there.effect, scale)}; "
        + (f"difference {difference}: " if (difference := difference_text(there, scale)) else "")
        + there.sentence
        for effect in under.effects
        for there in effect.there
    ]
    return (*lines, f"{TITLE} {under.sentence}")


def to_markdown_lines(under: UnderConditions, scale: Scale) -> list[str]:
    """A section: effects by condition, then their differences."""
    names = [state.name for state in under.conditions]
    bare = ["bare recipe", *("" if value is None else scale.value(value) for value in _bares(under))]
    effects = [
        [effect.title, f"{numbers(effect, scale)}, {effect.verdict}", *(_cell(there, scale) for there in effect.there)]
        for effect in under.effects
    ]
    differences = [
        [effect.title, *(f"{difference_text(there, scale)} {there.sentence}".lstrip() for there in effect.there)]
        for effect in under.effects
    ]
    return [
        f"### {TITLE}",
        "",
        f"**{escape(under.sentence)}**",
        "",
        *table_lines(("factor", ITSELF, *names), [bare, *effects]),
        "",
        *table_lines(("difference to the study itself", *names), differences),
        "",
        escape(NOTE),
        "",
        *(f"- {escape(line)}" for line in progress(under)),
    ]


def _bares(under: UnderConditions) -> tuple[float | None, ...]:
    return (under.bare, *(state.bare for state in under.conditions))


def _cell(there: EffectThere, scale: Scale) -> str:
    return "no result" if there.effect is None else f"{numbers(there.effect, scale)}, {there.effect.verdict}"
