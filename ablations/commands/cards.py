"""The catalogue in the terminal: strategies, recipes, schedules, optimizers, and fields that have a card."""

import difflib
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel

from ablations.commands.curve_text import curve_lines
from ablations.commands.spec_fields import default_text, defaults_at, in_yaml, models_in, owners_of, plain
from pipeline.recipes.experiment import RECIPES
from pipeline.spec.card import Card
from pipeline.spec.errors import SpecError
from pipeline.spec.field_cards import FIELD_CARDS, FieldCard
from pipeline.spec.optim import OPTIMIZERS
from pipeline.spec.overhead import overhead_lines
from pipeline.spec.schedule import SCHEDULES, Warmup
from pipeline.strategies import CATALOGUE
from pipeline.strategies.custom import load_trick

WIDTH = 100
PICTURE_EPOCHS = 30

Group = Literal["strategy", "recipe", "schedule", "optimizer", "field"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the catalogue."""

    group: Group
    card: Card
    config: type[BaseModel] | None  # whose fields belong to it
    patch: dict[str, Any]  # of a factor that switches it on
    path: str = ""  # of a field
    curve: Warmup | None = None  # to draw


@cache
def catalogue() -> dict[str, Entry]:
    """Everything that has a card, by name."""
    entries: dict[str, Entry] = {}
    for kind, strategy in CATALOGUE.items():
        written = plain(strategy.example())
        written.pop("source", None)  # nobody writes the hash of `custom`
        entries[kind] = Entry("strategy", strategy.card, strategy, {"strategies": [written]})
    for kind, recipe in RECIPES.items():
        entries[kind] = Entry("recipe", recipe.card, recipe, {"recipes": [plain(recipe.example())]})
    for kind, schedule in SCHEDULES.items():
        example = schedule.example()
        entries[kind] = Entry("schedule", schedule.card, schedule, {"schedule": plain(example)}, curve=example)
    for kind, optimizer in OPTIMIZERS.items():
        example = optimizer.example()
        # Rate and decay are written out even where they are defaults: they mean another thing in each optimizer.
        written = plain(example) | {"lr": example.lr, "weight_decay": example.weight_decay}
        entries[kind] = Entry("optimizer", optimizer.card, optimizer, {"optimizer": written})
    for name, field in FIELD_CARDS.items():
        entries[name] = Entry("field", field.card, _config_of(field), {field.path: field.example}, path=field.path)
    return entries


def _config_of(field: FieldCard) -> type[BaseModel] | None:
    """The model of the kind that the card is about, if it is about a kind."""
    last = field.path.rpartition(".")[2]
    models = [model for owner in owners_of(field.path) for model in models_in(owner.model_fields[last].annotation)]
    kinds = {model.model_fields["kind"].default: model for model in models if "kind" in model.model_fields}
    return kinds.get(field.value)


def catalogue_lines() -> list[str]:
    """One line per name, by family."""
    families: dict[str, list[str]] = {}
    for name, entry in catalogue().items():
        idea = textwrap.shorten(entry.card.idea, WIDTH, placeholder=" ...")
        note = f" (a {entry.group})" if entry.group in ("recipe", "field") else ""
        families.setdefault(entry.card.family, []).append(f"  {name:<22} {idea}{note}")
    lines = [line for family in sorted(families) for line in (family, *families[family])]
    return [*lines, "", "ablate strategies NAME shows the card, with its fields and the line that switches it on"]


def own_entry(target: str) -> Entry:
    """A strategy of the user's own.

    Raises:
        SpecError: the target cannot be imported, or is no strategy.
    """
    trick = load_trick(target)
    return Entry("strategy", trick.card, trick, {"strategies": [{"kind": "custom", "target": target}]})


def card_lines(name: str) -> list[str]:
    """The card of one name, or of a strategy of one's own by its target.

    Raises:
        SpecError: there is no such name, or the target cannot be imported.
    """
    known = {name: own_entry(name)} if ":" in name else catalogue()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise SpecError(f"there is no strategy {name!r}; {hint}")
    entry = known[name]
    card = entry.card
    factor = name if ":" not in name or entry.config is None else entry.config.model_fields["kind"].default
    rows = [
        ("idea", card.idea), ("formula", card.formula), ("paper", paper_text(card)), ("helps when", card.helps_when),
        *(("pitfall", pitfall) for pitfall in card.pitfalls),
        *(("clashes", f"with {other}: {reason}") for other, reason in sorted(card.clashes.items())),
        ("also in", other_tasks(entry)), ("defaults", card.defaults_from),
        *(("overhead", text) for text in overhead_lines(name)), *(("field", text) for text in field_texts(entry)),
        ("switch on", in_yaml({factor: entry.patch})[1:-1]),
    ]  # fmt: skip
    lines = [f"{card.title}  [{name}, {card.family}]"]
    for label, text in rows:
        if text:
            lines += textwrap.wrap(text, WIDTH, initial_indent=f"  {label:<11}", subsequent_indent=" " * 13)
    if entry.curve is not None:
        lines += [f"  {'rate':<11}{line}".rstrip() if i == 0 else " " * 13 + line
                  for i, line in enumerate(curve_lines(entry.curve, PICTURE_EPOCHS))]  # fmt: skip
    return lines


def other_tasks(entry: Entry) -> str:
    """Tasks other than classification that a strategy works in; empty where there are none."""
    others = sorted(entry.card.tasks - {"classify"}) if entry.group == "strategy" else []
    return f"stages that pre-train without labels: {', '.join(others)}" if others else ""


def paper_text(card: Card) -> str:
    """Title, year and where to find it."""
    if card.paper is None:
        return ""
    place = f"arXiv:{card.paper.arxiv}" if card.paper.arxiv else card.paper.url
    return f"{card.paper.title} ({card.paper.year})" + (f", {place}" if place else "")


def field_texts(entry: Entry) -> list[str]:
    """What can be set, with its default."""
    texts = [f"{entry.path}: {defaults_at(entry.path)}"] if entry.path else []
    for name, field in entry.config.model_fields.items() if entry.config else ():
        if name != "kind":
            texts.append(f"{name}: {default_text(field)}" + (f" ({field.description})" if field.description else ""))
    return texts
