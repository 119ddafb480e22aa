import pytest

from ablations.cards import card_lines, catalogue_lines
from pipeline.recipes.experiment import RECIPES
from pipeline.spec.errors import SpecError
from pipeline.strategies import CATALOGUE

KINDS = {**CATALOGUE, **RECIPES}


def test_the_catalogue_has_one_line_for_every_kind_below_its_family() -> None:
    lines = catalogue_lines()
    for kind, config in KINDS.items():
        assert f"  {kind:<22} {config.card.idea[:20]}" in "\n".join(lines), "ideas stand in one column"
        found = [number for number, line in enumerate(lines) if line.split()[:1] == [kind]]
        assert len(found) == 1, kind
        family = next(line for line in reversed(lines[: found[0]]) if not line.startswith(" "))
        assert family == config.card.family


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_card_shows_idea_and_every_field_with_its_default(kind: str) -> None:
    config = KINDS[kind]
    text = "\n".join(card_lines(kind))
    words = " ".join(text.split())
    assert config.card.title in words
    assert " ".join(config.card.idea.split()) in words
    for name, field in config.model_fields.items():
        if name != "kind":
            shown = "required" if field.is_required() else f"default {field.default}"
            assert f"{name}: {shown}" in text
    if config.card.paper and config.card.paper.arxiv:
        assert f"arXiv:{config.card.paper.arxiv}" in words


@pytest.mark.parametrize(
    ("name", "message"), [("mixupp", r"'mixupp'; did you mean 'mixup'\?"), ("zzz", r"'zzz'; known: placebo, ")]
)
def test_an_unknown_kind_is_refused_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        card_lines(name)
