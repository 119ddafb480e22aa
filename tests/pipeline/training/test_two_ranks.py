import pytest

from pipeline.contract.lab import Lab
from pipeline.contract.stages import digits_stage
from pipeline.contract.subject import Subject
from pipeline.contract.two_ranks import BUDGET, RankOutcome, expect_equal_ranks, expect_like_alone, train_on_two_ranks
from pipeline.strategies import CATALOGUE

STAGES = {
    "bare": digits_stage(budget=BUDGET),
    **{kind: Subject.of(kind).stage(budget=BUDGET) for kind in CATALOGUE},
}


@pytest.fixture(scope="module")
def ranks(lab: Lab) -> list[dict[str, RankOutcome]]:
    """What each of two processes ended with, for every strategy."""
    return train_on_two_ranks(STAGES, lab)


@pytest.mark.parametrize("name", STAGES)
def test_two_ranks_end_with_the_same_network_and_the_same_record(
    ranks: list[dict[str, RankOutcome]], name: str
) -> None:
    expect_equal_ranks(ranks[0][name], ranks[1][name])


@pytest.mark.parametrize("name", STAGES)
def test_the_number_of_workers_changes_sums_by_rounding_only(
    ranks: list[dict[str, RankOutcome]], lab: Lab, name: str
) -> None:
    expect_like_alone(ranks[0][name], STAGES[name], lab)
