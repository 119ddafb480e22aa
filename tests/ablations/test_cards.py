import pytest
import yaml

from ablations.commands.cards import Entry, card_lines, catalogue, catalogue_lines, paper_text
from ablations.commands.spec_fields import owners_of
from ablations.grid.spec import GridSpec
from pipeline.recipes.experiment import RECIPES
from pipeline.spec.card import Card, Paper
from pipeline.spec.errors import SpecError
from pipeline.spec.field_cards import FIELD_CARDS
from pipeline.spec.optim import OPTIMIZERS
from pipeline.spec.schedule import SCHEDULES
from pipeline.strategies import CATALOGUE
from pipeline.strategies.mixup import MixupConfig
from tests.ablations.grids import grid

NAMES = sorted(catalogue())
CONFIGS = {**CATALOGUE, **RECIPES, **SCHEDULES, **OPTIMIZERS}
BASE = {
    # Without flips there is nothing to alternate, and without hidden labels nothing to label.
    "data": {"kind": "digits", "augment": {"horizontal_flip_prob": 0.5}, "labeled_frac": 0.9},
    "model": {"kind": "timm", "name": "resnet10t"},
    "schedule": {"kind": "constant"},
    "budget": {"epochs": 30, "batch_size": 20},
}
NOT_BY_HAND = {"from_stage"}  # the earlier stage comes from a recipe, and with it the field


def words_of(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_every_group_is_in_the_catalogue_and_no_name_is_used_twice() -> None:
    groups = (CATALOGUE, RECIPES, SCHEDULES, OPTIMIZERS, FIELD_CARDS)
    assert len(catalogue()) == sum(len(group) for group in groups)
    assert [entry.group for name, entry in catalogue().items() if name in ("mixup", "cosine", "adamw", "dropout")] == [
        *("strategy", "schedule", "optimizer", "field")
    ]


def test_the_catalogue_has_one_line_for_every_name_below_its_family() -> None:
    lines = catalogue_lines()
    for name, entry in catalogue().items():
        assert f"  {name:<22} {entry.card.idea[:20]}" in "\n".join(lines), "ideas stand in one column"
        found = [number for number, line in enumerate(lines) if line.split()[:1] == [name]]
        assert len(found) == 1, name
        family = next(line for line in reversed(lines[: found[0]]) if not line.startswith(" "))
        assert family == entry.card.family
        assert lines[found[0]].endswith("(a field)") == (name in FIELD_CARDS)
        assert lines[found[0]].endswith("(a recipe)") == (name in RECIPES)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_shows_what_it_is_and_how_it_goes_wrong(name: str) -> None:
    card = catalogue()[name].card
    words = words_of(card_lines(name))
    for text in (card.title, card.idea, card.formula, card.helps_when, card.defaults_from, *card.pitfalls):
        assert " ".join(text.split()) in words
    if card.paper and card.paper.arxiv:
        assert f"arXiv:{card.paper.arxiv}" in words


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_a_card_shows_every_field_with_its_default(name: str) -> None:
    words = words_of(card_lines(name))
    for field_name, field in CONFIGS[name].model_fields.items():
        if field_name != "kind":
            assert f"field {field_name}: {'required' if field.is_required() else 'default '}" in words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dropout", "field model.drop_rate: default 0.0"),
        ("bf16", "field precision: default auto"),
        ("fixres", "field data.eval_image_size_px: default null"),
        ("weight_decay", "field optimizer.weight_decay: default 5.0e-05 (sgd); default 0.0005 (sgdw);"),
        ("random_resized_crop", "field data.augment.crop: default {kind: random_resized_crop} field min_area_frac: "),
        ("one_cycle", "field momentum: default {high: 0.95, low: 0.85} (null: as the optimizer has it)"),
        ("one_cycle", "field final_frac: default 1.0e-05"),
    ],
)
def test_defaults_read_as_in_yaml(name: str, expected: str) -> None:
    assert expected in words_of(card_lines(name))


def switched_on(name: str) -> GridSpec:
    """The grid with the line that the card shows as its only factor."""
    lines = card_lines(name)
    start = next(i for i, line in enumerate(lines) if line.startswith("  switch on"))
    text = lines[start].removeprefix("  switch on")
    for line in lines[start + 1 :]:
        if "│" in line or not line.startswith(" " * 13) or line.startswith("  rate"):
            break
        text += " " + line.strip()
    return grid(BASE, factors=yaml.safe_load(text))


@pytest.mark.parametrize("name", sorted(set(NAMES) - NOT_BY_HAND))
def test_the_line_that_switches_it_on_is_a_valid_factor(name: str) -> None:
    study = switched_on(name)
    assert list(study.factors) == [name]
    with_it = study.experiment((name,))
    entry = catalogue()[name]
    if entry.group == "field":
        for part in entry.path.split("."):
            with_it = getattr(with_it, part)
        example = FIELD_CARDS[name].example
        got = list(with_it) if isinstance(with_it, tuple) else getattr(with_it, "kind", with_it)
        assert got == (example["kind"] if isinstance(example, dict) else example)
    else:
        held = {"strategy": "strategies", "recipe": "recipes"}.get(entry.group, entry.group)
        value = getattr(with_it, held)
        assert (value[0] if isinstance(value, tuple) else value).kind == name


@pytest.mark.parametrize("name", sorted(FIELD_CARDS))
def test_every_field_card_is_about_a_field_of_the_spec(name: str) -> None:
    assert owners_of(FIELD_CARDS[name].path), FIELD_CARDS[name].path


@pytest.mark.parametrize("name", NAMES)
def test_schedules_and_nothing_else_are_drawn(name: str) -> None:
    assert ("│" in "".join(card_lines(name))) == (name in SCHEDULES)


def test_clashes_are_shown_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    clashing = MixupConfig.card.model_copy(update={"clashes": {"arcface": "A margin needs one true class."}})
    monkeypatch.setitem(catalogue(), "mixup", Entry("strategy", clashing, MixupConfig, {}))
    assert "clashes with arcface: A margin needs one true class." in words_of(card_lines("mixup"))


@pytest.mark.parametrize(
    ("paper", "expected"),
    [
        (None, ""),
        (Paper(title="T", year=1991), "T (1991)"),
        (Paper(title="T", year=2020, arxiv="1.2"), "T (2020), arXiv:1.2"),
        (Paper(title="T", year=2020, url="https://x.org"), "T (2020), https://x.org"),
    ],
)
def test_a_paper_is_named_as_far_as_it_is_known(paper: Paper | None, expected: str) -> None:
    assert paper_text(Card(title="t", idea="i", family="f", paper=paper)) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mixupp", r"'mixupp'; did you mean 'mixup'\?"),
        ("cosin", r"'cosin'; did you mean 'cosine'\?"),
        ("adamww", r"'adamww'; did you mean 'adamw'\?"),
        ("zzz", r"'zzz'; known: placebo, "),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        card_lines(name)


def test_no_line_is_longer_than_a_wide_terminal() -> None:
    longest = max((len(line), line) for name in NAMES for line in card_lines(name))
    assert longest[0] <= 100, longest


def test_the_card_of_a_strategy_of_ones_own_is_that_of_its_target() -> None:
    target = "tests.pipeline.contract.tricks:BrightenConfig"
    lines = card_lines(target)
    assert lines[0] == f"Brighten  [{target}, custom]"
    assert any("strength: default 0.5" in line for line in lines)
    assert f"brighten: {{strategies: [{{kind: custom, target: '{target}'}}]}}" in " ".join(" ".join(lines).split())
    with pytest.raises(SpecError, match="no_such_module"):
        card_lines("no_such_module:X")


def test_a_card_says_in_which_other_stages_a_strategy_works() -> None:
    assert "also in stages that pre-train without labels: mae, simclr, simmim" in words_of(card_lines("color_jitter"))
    assert "also in" not in words_of(card_lines("mixup"))
