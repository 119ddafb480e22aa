"""Every strategy changes the training it is part of, and at its neutral limit changes nothing at all."""

import pytest

from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.contract.trained import check_changes_trace, check_neutral
from pipeline.strategies import CATALOGUE

NEUTRAL = [kind for kind, config in CATALOGUE.items() if config.neutral() is not None]


@pytest.mark.parametrize("kind", CATALOGUE)
def test_switching_it_on_changes_the_trace(lab: Lab, kind: str) -> None:
    check_changes_trace(Subject.of(kind), lab)


@pytest.mark.parametrize("kind", NEUTRAL)
def test_at_its_neutral_limit_it_is_bare_bit_for_bit(lab: Lab, kind: str) -> None:
    check_neutral(Subject.of(kind), lab)
