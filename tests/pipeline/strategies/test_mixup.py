from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from pipeline.strategies.base import Rng
from pipeline.strategies.mixup import Mixup, MixupConfig
from tests.pipeline.strategies.contract import context, make_batch


def drawn_weight(alpha: float, number: int) -> float:
    """The weight, read off a batch whose images are 0, 1, 2 ... and their partners from the targets."""
    size = 5
    batch = make_batch(size)
    images = torch.arange(size, dtype=torch.float32)[:, None, None, None].expand(size, 3, 4, 4)
    targets = torch.eye(size)
    mixup = Mixup(MixupConfig(alpha=alpha), context())
    got = mixup.edit_batch(replace(batch, images=images, targets=targets), Rng.named(0, "mixup", number, 0))
    for i in range(size):  # images and targets are blended alike: the mean number is the mean target
        mean = float(got.targets[i] @ torch.arange(size, dtype=torch.float32))
        assert got.images[i].eq(got.images[i, 0, 0, 0]).all()
        assert float(got.images[i, 0, 0, 0]) == pytest.approx(mean, abs=1e-5)
    moved = [i for i in range(size) if 0 < got.targets[i, i] < 1]
    return float(got.targets[moved[0], moved[0]]) if moved else 1.0


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_weights_follow_the_beta_distribution(alpha: float) -> None:
    weights = [drawn_weight(alpha, number) for number in range(400)]
    weights = [w for w in weights if w < 1.0]  # an identity permutation shows no weight: 1 in 120
    assert len(weights) > 380
    assert min(weights) >= 0.5, "the image that weighs more is called the first"

    def folded(w: np.ndarray) -> np.ndarray:
        beta = stats.beta(alpha, alpha)
        return beta.cdf(w) - beta.cdf(1 - w)

    assert stats.kstest(weights, folded).pvalue > 1e-3


def test_partners_are_a_permutation_and_even() -> None:
    counts = np.zeros((8, 8))
    for number in range(800):
        rng = Rng.named(0, "mixup", number, 0)
        rng.host.beta(0.2, 0.2)
        partner = rng.permutation(8, torch.device("cpu")).numpy()
        assert sorted(partner) == list(range(8))
        counts[np.arange(8), partner] += 1
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [0.0, -1.0, 4.1])
def test_impossible_alphas_are_refused(alpha: float) -> None:
    with pytest.raises(ValidationError, match="alpha"):
        MixupConfig(alpha=alpha)
