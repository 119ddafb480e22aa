import pytest

from pipeline.contract.lab import Lab
from pipeline.contract.stages import digits_stage
from pipeline.contract.subject import Subject
from pipeline.contract.two_ranks import (
    BUDGET,
    RankOutcome,
    begin_alone,
    expect_equal_ranks,
    expect_like_alone,
    train_on_two_ranks,
)
from pipeline.strategies import CATALOGUE

pytestmark = pytest.mark.timeout(900)  # one fixture trains every stage of the catalogue twice

STAGES = {
    "bare": digits_stage(budget=BUDGET),
    **{kind: Subject.of(kind).stage(budget=BUDGET) for kind in CATALOGUE},
}


@pytest.fixture(scope="module")
def ranks(lab: Lab) -> list[dict[str, RankOutcome]]:
    """What each of two processes ended with, for every strategy."""
    return train_on_two_ranks(STAGES, lab)


@pytest.fixture(scope="module")
def resumed(lab: Lab) -> list[dict[str, RankOutcome]]:
    """The same, where one process had begun and was interrupted at some step of the second epoch."""
    return train_on_two_ranks(STAGES, lab, {name: begin_alone(spec, lab) for name, spec in STAGES.items()})


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


@pytest.mark.parametrize("name", STAGES)
def test_begun_by_one_worker_and_resumed_by_two(resumed: list[dict[str, RankOutcome]], lab: Lab, name: str) -> None:
    expect_equal_ranks(resumed[0][name], resumed[1][name])
    expect_like_alone(resumed[0][name], STAGES[name], lab)
    epochs = len(resumed[0][name].series["train/loss"])
    assert epochs == BUDGET["epochs"], "the first epoch is that of the one worker"
