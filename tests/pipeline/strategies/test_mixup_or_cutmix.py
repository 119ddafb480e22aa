from functools import cached_property

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from timm.data.mixup import Mixup as TimmMixup

from pipeline.experiment import StageSpec
from pipeline.strategies.base import Rng
from pipeline.strategies.mixup_or_cutmix import MixupOrCutmix, MixupOrCutmixConfig
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import context, make_batch


class FlippedRng(Rng):
    """Pairs as timm does: the first with the last."""

    @cached_property
    def host(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def permutation(self, n: int, device: torch.device) -> torch.Tensor:
        return torch.arange(n).flip(0)


def kind_of(images: torch.Tensor, before: torch.Tensor) -> str:
    if torch.equal(images, before):
        return "none"
    return "cutmix" if torch.isin(images, before).all() else "mixup"  # pasted pixels are old ones, blended ones are new


@pytest.mark.parametrize("prob", [0.5, 1.0])
def test_it_is_timms_mixup_given_the_same_draws(monkeypatch: pytest.MonkeyPatch, prob: float) -> None:
    """timm draws from numpy's global generator: here that is the one of the step."""
    config = MixupOrCutmixConfig(mixup_alpha=0.8, cutmix_alpha=1.0, switch_prob=0.5, prob=prob)
    theirs = TimmMixup(0.8, 1.0, prob=prob, switch_prob=0.5, mode="batch", label_smoothing=0.0, num_classes=5)
    seen = {"none": 0, "mixup": 0, "cutmix": 0}
    for seed in range(60):
        batch, draws = make_batch(8, seed), np.random.default_rng(seed)
        monkeypatch.setattr(np.random, "rand", draws.random)
        monkeypatch.setattr(np.random, "beta", draws.beta)
        monkeypatch.setattr(np.random, "randint", lambda low, high, size=None, draws=draws: draws.integers(low, high))
        images, targets = theirs(batch.images.clone(), batch.labels)
        got = MixupOrCutmix(config, context()).edit_batch(batch, FlippedRng(seed))
        torch.testing.assert_close(got.images, images)
        torch.testing.assert_close(got.targets, targets)
        seen[kind_of(got.images, batch.images)] += 1
    assert seen["mixup"] > 10 and seen["cutmix"] > 10
    assert (seen["none"] > 15) == (prob < 1)


@pytest.mark.parametrize("switch_prob", [0.2, 0.8])
def test_the_share_of_cutmix(switch_prob: float) -> None:
    mixing = MixupOrCutmix(MixupOrCutmixConfig(switch_prob=switch_prob, mixup_alpha=4, cutmix_alpha=4), context())
    batch = make_batch()
    kinds = [
        kind_of(mixing.edit_batch(batch, Rng.named(0, "mixup_or_cutmix", n, 0)).images, batch.images)
        for n in range(300)
    ]
    assert abs(kinds.count("cutmix") / 300 - switch_prob) < 0.08
    assert kinds.count("none") == 0


def test_with_either_of_the_two_it_would_mix_twice() -> None:
    for other in ("mixup", "cutmix"):
        with pytest.raises(
            ValidationError, match=f"mixup_or_cutmix clashes with {other}: a batch would be mixed twice"
        ):
            digits_stage({"kind": other}, {"kind": "mixup_or_cutmix"})
    with pytest.raises(ValidationError, match=r"cutmix clashes with mixup: .*`mixup_or_cutmix` takes turns"):
        digits_stage({"kind": "mixup"}, {"kind": "cutmix"})
    assert isinstance(digits_stage({"kind": "mixup_or_cutmix"}), StageSpec)


@pytest.mark.parametrize("fault", [{"switch_prob": 0.0}, {"switch_prob": 1.0}, {"mixup_alpha": 0}, {"cutmix_alpha": 5}])
def test_impossible_values_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        MixupOrCutmixConfig.model_validate(fault)
