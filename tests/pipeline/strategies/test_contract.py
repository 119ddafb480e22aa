"""The catalogue keeps the contract of pipeline/contract; its trainings are in tests/pipeline/training."""

from pathlib import Path

import pytest

from pipeline import strategies
from pipeline.contract.battery import QUICK
from pipeline.contract.subject import Subject
from pipeline.strategies import CATALOGUE
from tests.test_architecture import STRATEGY_HUBS


@pytest.mark.parametrize("kind", CATALOGUE)
@pytest.mark.parametrize("check", QUICK)
def test_contract(kind: str, check: str) -> None:
    QUICK[check](Subject.of(kind))


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_entry_says_where_it_comes_from(kind: str) -> None:
    card = CATALOGUE[kind].card
    assert card.paper is not None or card.family in ("controls", "your own")


def test_the_modules_of_the_folder_are_the_catalogue() -> None:
    assert strategies.__file__ is not None
    modules = {path.stem for path in Path(strategies.__file__).parent.glob("*.py")} - set(STRATEGY_HUBS)
    assert modules == set(CATALOGUE), "each strategy has a file of its own and a place in AnyStrategy"
    for kind, config in CATALOGUE.items():
        assert config.__module__ == f"pipeline.strategies.{kind}"


def test_every_entry_has_a_test_file() -> None:
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert set(CATALOGUE) <= tests


@pytest.mark.parametrize("kind", CATALOGUE)
def test_titles_are_unique(kind: str) -> None:
    assert [config.card.title for config in CATALOGUE.values()].count(CATALOGUE[kind].card.title) == 1
