"""Effects under other conditions, ready for the page: a forest for each effect, and whether it differs."""

import json
from dataclasses import dataclass
from typing import Any

from reports.formats.conditions import ITSELF, NOTE, TITLE, difference_text, numbers
from reports.page.figures.forest import Forest, Tone, draw_forest
from reports.page.tables import NONE, Table
from reports.results.conditions import Change, EffectThere
from reports.results.study import Analysis
from reports.scale import Scale


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an effect under one condition lies from the study itself."""

    condition: str
    numbers: str
    sentence: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class EffectPanel:
    """One effect: itself and under each condition on one axis, and the differences."""

    title: str
    forest: Forest | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class ConditionSection:
    """The section of the page."""

    title: str
    sentence: str
    note: str
    panels: tuple[EffectPanel, ...]
    table: Table
    states: Table


def condition_section(analysis: Analysis, scale: Scale) -> ConditionSection | None:
    """Draw and tabulate; None for a study without conditions."""
    under = analysis.under_conditions
    if under is None:
        return None
    panels = []
    rows = []
    for effect in under.effects:
        own = analysis.effect(effect.factor, effect.context)
        every = [(ITSELF, own), *((there.condition, there.effect) for there in effect.there)]
        shown = tuple(one.model_copy(update={"factor": where}) for where, one in every if one is not None)
        panels.append(
            EffectPanel(
                effect.title,
                draw_forest(shown, scale, analysis.delta),
                tuple(_difference(there, scale) for there in effect.there),
            )
        )
        rows.append((effect.title, ITSELF, numbers(own, scale), str(effect.verdict), "", ""))
        rows += [
            (effect.title, there.condition, numbers(there.effect, scale), NONE if there.effect is None else
             str(there.effect.verdict), difference_text(there, scale), there.sentence)
            for there in effect.there
        ]  # fmt: skip
    return ConditionSection(
        title=TITLE,
        sentence=under.sentence,
        note=NOTE,
        panels=tuple(panels),
        table=Table(("factor", "condition", "effect", "verdict", "difference", "does it hold?"), tuple(rows)),
        states=Table(
            ("condition", "changes in base", "runs", f"bare, {scale.title}", "study"),
            (
                (ITSELF, "", _done(analysis), NONE if under.bare is None else scale.value(under.bare), analysis.study),
                *(
                    (
                        state.name,
                        _flow(state.changes),
                        f"{state.num_finished} of {state.num_planned}" if state.num_planned else "not run yet",
                        NONE if state.bare is None else scale.value(state.bare),
                        state.study,
                    )
                    for state in under.conditions
                ),
            ),
        ),
    )


def _flow(changes: dict[str, Any]) -> str:
    """On one line, as a grid would have it: 'model: {width: 8}'."""
    return json.dumps(changes)[1:-1].replace('"', "")


def _done(analysis: Analysis) -> str:
    return f"{analysis.completeness.num_finished} of {analysis.completeness.num_planned}"


def _difference(there: EffectThere, scale: Scale) -> Difference:
    return Difference(there.condition, difference_text(there, scale), there.sentence, _tone(there.change))


def _tone(change: Change) -> Tone:
    """A verdict that flips is marked like one that hurts: it is what a reader must not miss."""
    if change.supported:
        return "bad"
    return "good" if change is Change.HOLDS else "open"
