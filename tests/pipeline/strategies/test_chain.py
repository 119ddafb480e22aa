import numpy as np
import torch

from pipeline.data.mixing import blend_pairs
from pipeline.spec.base import derive_seed
from pipeline.strategies.base import Rng
from pipeline.strategies.chain import Chain
from pipeline.strategies.label_smoothing import LabelSmoothingConfig, smooth
from pipeline.strategies.mixup import MixupConfig
from tests.pipeline.strategies.contract import assert_same_batch, config_of, context, make_batch


def test_strategies_follow_each_other_each_with_its_own_stream() -> None:
    batch = make_batch()
    got = Chain([LabelSmoothingConfig(), MixupConfig(alpha=1.0)], context(seed=3)).edit_batch(batch, 7, 2)
    rng = np.random.default_rng(derive_seed(3, "mixup", 7, 2))
    draw, partner = float(rng.beta(1.0, 1.0)), torch.from_numpy(rng.permutation(8))
    expected = blend_pairs(batch, max(draw, 1 - draw), partner)
    torch.testing.assert_close(got.images, expected.images, rtol=0, atol=0)
    torch.testing.assert_close(got.targets, smooth(expected.targets, 0.1), rtol=0, atol=1e-6)


def test_switching_one_strategy_on_does_not_shift_anothers_draws() -> None:
    alone = Chain([config_of("mixup")], context()).edit_batch(make_batch(), 4, 0)
    beside = Chain([config_of("label_noise"), config_of("mixup")], context()).edit_batch(make_batch(), 4, 0)
    assert_same_batch(alone, beside)


def test_steps_and_shards_have_different_draws() -> None:
    chain = Chain([MixupConfig(alpha=1.0)], context())
    batches = [chain.edit_batch(make_batch(), step, shard).images for step in range(3) for shard in range(2)]
    for i, one in enumerate(batches):
        assert all(not torch.equal(one, other) for other in batches[i + 1 :])


def test_without_strategies_nothing_happens() -> None:
    chain = Chain([], context(seed=5))
    batch = make_batch()
    assert chain.edit_batch(batch, 0, 0) is batch
    assert chain.seed == 5
    assert [plan.image_size_px for plan in chain.plan_epochs(16, 64)] == [16] * 4


def test_host_draws_are_numpys() -> None:
    rng = Rng.named(1, "x")
    expected = np.random.default_rng(derive_seed(1, "x"))
    assert rng.host.beta(2, 3) == expected.beta(2, 3)
    assert rng.permutation(9, torch.device("cpu")).tolist() == expected.permutation(9).tolist()
