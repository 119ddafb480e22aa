"""The catalogue in the terminal."""

import difflib
import textwrap

from pydantic_core import PydanticUndefined

from pipeline.recipes.experiment import RECIPES
from pipeline.spec.errors import SpecError
from pipeline.strategies import CATALOGUE

WIDTH = 100


def catalogue_lines() -> list[str]:
    """One line per kind, by family."""
    lines = []
    families: dict[str, list[str]] = {}
    for group, known in (("strategies", CATALOGUE), ("recipes", RECIPES)):
        for kind, config in known.items():
            idea = textwrap.shorten(config.card.idea, WIDTH, placeholder=" ...")
            line = f"  {kind:<22} {idea}" + (" (a recipe)" if group == "recipes" else "")
            families.setdefault(config.card.family, []).append(line)
    for family in sorted(families):
        lines += [family, *families[family]]
    return [
        *lines,
        "",
        "ablate strategies NAME shows the card. Schedules, optimizers and precision are fields: ablate schema",
    ]


def card_lines(kind: str) -> list[str]:
    """The card of one kind.

    Raises:
        SpecError: there is no such kind.
    """
    known = {**CATALOGUE, **RECIPES}
    if kind not in known:
        near = difflib.get_close_matches(kind, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise SpecError(f"there is no strategy {kind!r}; {hint}")
    config = known[kind]
    card = config.card
    paper = f"{card.paper.title} ({card.paper.year})" if card.paper else ""
    if card.paper and (card.paper.arxiv or card.paper.url):
        paper += f", {'arXiv:' + card.paper.arxiv if card.paper.arxiv else card.paper.url}"
    rows = [
        ("idea", card.idea), ("formula", card.formula), ("paper", paper), ("helps when", card.helps_when),
        *(("pitfall", pitfall) for pitfall in card.pitfalls),
        ("clashes", ", ".join(sorted(card.clashes))), ("defaults", card.defaults_from),
    ]  # fmt: skip
    lines = [f"{card.title}  [{kind}, {card.family}]"]
    for name, text in rows:
        if text:
            lines += textwrap.wrap(text, WIDTH, initial_indent=f"  {name:<11}", subsequent_indent=" " * 13)
    for name, field in config.model_fields.items():
        if name != "kind":
            default = "required" if field.default is PydanticUndefined else f"default {field.default}"
            lines.append(f"  field      {name}: {default}" + (f" ({field.description})" if field.description else ""))
    return lines
