from typing import Any

import pytest

from pipeline.contract.battery import TRAINED
from pipeline.contract.lab import Lab, trace
from pipeline.contract.stages import digits_stage
from pipeline.contract.subject import Subject
from pipeline.contract.trained import check_changes_trace, check_neutral, check_resume
from pipeline.spec.errors import ContractBroken, Diverged
from pipeline.spec.model import SmallCnn
from pipeline.strategies.custom import CustomConfig
from tests.pipeline.contract.tricks import BrightenConfig

TRICKS = "tests.pipeline.contract.tricks"


@pytest.mark.parametrize("name", ["Brighten", "Calm", "Follows"])
def test_good_tricks_pass(lab: Lab, name: str) -> None:
    subject = Subject.of(f"{TRICKS}:{name}Config")
    check_changes_trace(subject, lab)
    check_resume(subject, lab)
    if subject.neutral is not None:
        check_neutral(subject, lab)


@pytest.mark.parametrize(
    ("name", "check", "reason"),
    [
        ("TooWeak", "changes the training", "3 epochs on the digits are bit for bit those without it"),
        ("NeverIdle", "neutral limit is bare", r"train/loss of epoch 1 is [0-9.]+ instead of [0-9.]+"),
        ("Impatient", "resumed is uninterrupted", r"resumed, it trains epochs \[2, 3\] instead of \[2\]"),
        ("Forgetful", "resumed is uninterrupted", r"resumed, train/loss is .* instead of .*; what it remembers"),
    ],
)
def test_each_promise_is_broken_by_a_trick_that_breaks_it(lab: Lab, name: str, check: str, reason: str) -> None:
    with pytest.raises(ContractBroken, match=reason):
        TRAINED[check](Subject.of(f"{TRICKS}:{name}Config"), lab)


def test_a_trick_that_diverges_says_so(lab: Lab) -> None:
    with pytest.raises(Diverged):
        check_changes_trace(Subject.of(f"{TRICKS}:ExplodesConfig"), lab)


def test_two_bare_trainings_have_one_trace_and_another_seed_of_weights_has_another(lab: Lab) -> None:
    assert trace(lab.train(digits_stage())) == trace(lab.bare({}))
    assert trace(lab.train(digits_stage({"kind": "placebo"}))) != trace(lab.bare({}))


class WiderConfig(BrightenConfig):
    """Wants another network."""

    @classmethod
    def setting(cls) -> dict[str, Any]:
        return {"model": {"kind": "small_cnn", "width": 6}}


def test_a_trick_is_compared_within_its_own_setting(lab: Lab) -> None:
    neutral = CustomConfig.of(f"{__name__}:WiderConfig", WiderConfig(strength=0.0))
    subject = Subject("wider", neutral, neutral)
    assert subject.stage().model == lab.job(subject.neutral_stage()).spec.model == SmallCnn(width=6)
    check_neutral(subject, lab)
    with pytest.raises(ContractBroken, match="bit for bit those without it"):
        check_changes_trace(subject, lab)
