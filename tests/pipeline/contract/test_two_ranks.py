from dataclasses import replace

import pytest
import torch

from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.contract.two_ranks import (
    BUDGET,
    RankOutcome,
    expect_equal_ranks,
    expect_like_alone,
    train_on_two_ranks,
)
from pipeline.spec.errors import ContractBroken

TRICKS = "tests.pipeline.contract.tricks"
OUTCOME = RankOutcome({"w": torch.ones(2)}, {"train/loss": (2.0, 1.0)}, {"val/top1": 0.5})


@pytest.mark.slow
def test_ranks_that_drift_apart_break_it_and_their_curves_are_no_lone_workers(lab: Lab) -> None:
    """One start of two processes answers for several tricks: a good one, and one that knows its process."""
    subjects = {name: Subject.of(f"{TRICKS}:{name}Config") for name in ("Calm", "Lonely")}
    specs = {name: subject.stage(budget=BUDGET) for name, subject in subjects.items()}
    first, second = train_on_two_ranks(specs, lab)
    expect_equal_ranks(first["Calm"], second["Calm"])
    expect_like_alone(first["Calm"], specs["Calm"], lab)
    with pytest.raises(ContractBroken, match="differs between the two ranks; ranks may differ only in the batches"):
        expect_equal_ranks(first["Lonely"], second["Lonely"])
    with pytest.raises(ContractBroken, match=r"with two workers, .* with one"):
        expect_like_alone(first["Lonely"], specs["Calm"], lab)


@pytest.mark.slow
def test_a_rank_that_fails_says_why_at_once(lab: Lab) -> None:
    with pytest.raises(ContractBroken, match=r"rank [01] of two failed: [^$]*RuntimeError"):
        train_on_two_ranks({"crashes": Subject.of(f"{TRICKS}:CrashesConfig").stage(budget=BUDGET)}, lab)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weights": {"w": torch.tensor([1.0, 1.0000001])}}, "w differs between the two ranks"),
        ({"weights": {"v": torch.ones(2)}}, "networks of different parameters"),
        ({"series": {"train/loss": (2.0, 1.5)}}, "curves differ between the two ranks"),
        ({"metrics": {"val/top1": 0.6}}, "metrics differ between the two ranks"),
    ],
)
def test_any_difference_between_ranks_counts(changes: dict, reason: str) -> None:
    expect_equal_ranks(OUTCOME, replace(OUTCOME))
    with pytest.raises(ContractBroken, match=reason):
        expect_equal_ranks(OUTCOME, replace(OUTCOME, **changes))
