import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from pipeline.strategies.label_smoothing import LabelSmoothingConfig, smooth
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.strategies.contract import context, make_batch


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 0.9])
def test_closed_form_of_hard_targets(epsilon: float) -> None:
    batch = make_batch()
    got = smooth(batch.targets, epsilon)
    for i, label in enumerate(batch.labels.tolist()):
        for k in range(5):
            expected = 1 - epsilon + epsilon / 5 if k == label else epsilon / 5
            assert float(got[i, k]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.3])
def test_the_loss_is_torchs_own_label_smoothing(epsilon: float) -> None:
    batch, logits = make_batch(), torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    config = LabelSmoothingConfig(epsilon=epsilon)
    edited = config.runtime(config, context()).edit_batch(batch, None)  # type: ignore[arg-type] - it draws nothing
    expected = functional.cross_entropy(logits, batch.labels, label_smoothing=epsilon)
    torch.testing.assert_close(cross_entropy(logits, edited)["cross_entropy"], expected)


def test_mixed_targets_stay_distributions() -> None:
    mixed = torch.tensor([[0.3, 0.7, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    got = smooth(mixed, 0.2)
    torch.testing.assert_close(got[0], torch.tensor([0.24 + 0.2 / 3, 0.56 + 0.2 / 3, 0.2 / 3]))
    torch.testing.assert_close(got[1], mixed[1], msg="even targets are a fixed point")


def test_epsilon_of_zero_is_the_neutral_limit() -> None:
    targets = make_batch().targets
    assert torch.equal(smooth(targets, 0.0), targets)


@pytest.mark.parametrize("epsilon", [0.0, 1.0])
def test_impossible_epsilons_are_refused(epsilon: float) -> None:
    with pytest.raises(ValidationError, match="epsilon"):
        LabelSmoothingConfig(epsilon=epsilon)
