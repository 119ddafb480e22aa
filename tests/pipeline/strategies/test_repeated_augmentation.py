import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.data.plan import PlannedBatch, train_batches
from pipeline.strategies.chain import Chain
from pipeline.strategies.progressive_resizing import ProgressiveResizingConfig
from pipeline.strategies.repeated_augmentation import RepeatedAugmentationConfig
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import context, make_index


def steps(num_repeats: int, num_shards: int = 1) -> dict[int, list[PlannedBatch]]:
    (plan, *_) = Chain([RepeatedAugmentationConfig(num_repeats=num_repeats)], context()).plan_epochs(16, 48)
    batches: dict[int, list[PlannedBatch]] = {}
    for batch in train_batches(make_index(), plan, num_shards, 1, 0, 1):
        batches.setdefault(batch.step, []).append(batch)
    return batches


@pytest.mark.parametrize("num_repeats", [2, 3, 8, 48])
def test_a_batch_is_that_many_copies_of_fewer_samples_with_draws_of_their_own(num_repeats: int) -> None:
    for (batch,) in steps(num_repeats).values():
        assert len(batch.rows) == 48
        assert np.unique(batch.rows, return_counts=True)[1].tolist() == [num_repeats] * (48 // num_repeats)
        assert len(np.unique(batch.keys)) == 48


def test_an_epoch_keeps_its_steps_and_shows_a_share_of_the_samples() -> None:
    batches = steps(4)
    assert len(batches) == 400 // 48
    rows = np.concatenate([batch.rows for (batch,) in batches.values()])
    assert np.unique(rows, return_counts=True)[1].tolist() == [4] * (8 * 12)


def test_copies_fall_into_different_shards() -> None:
    for shards in steps(2, num_shards=2).values():
        for shard in shards:
            assert len(np.unique(shard.rows)) == len(shard.rows)


def test_larger_batches_of_smaller_images_hold_whole_copies() -> None:
    configs = [RepeatedAugmentationConfig(num_repeats=3), ProgressiveResizingConfig(from_px=8, batch="by_pixels")]
    (plan, *_) = Chain(configs, context()).plan_epochs(16, 48)
    assert (plan.batch_size, plan.num_repeats) == (192, 3)
    batch = next(train_batches(make_index(), plan, 1, 1, 0, 1))
    assert np.unique(batch.rows, return_counts=True)[1].tolist() == [3] * 64


@pytest.mark.parametrize(("num_repeats", "advice"), [(3, "63"), (5, "60")])
def test_copies_must_fill_the_batch(num_repeats: int, advice: str) -> None:
    with pytest.raises(
        ValidationError, match=rf"num_repeats={num_repeats} does not divide .*=64; .* a batch of {advice}"
    ):
        digits_stage({"kind": "repeated_augmentation", "num_repeats": num_repeats})


def test_one_copy_is_refused() -> None:
    with pytest.raises(ValidationError, match="num_repeats"):
        RepeatedAugmentationConfig(num_repeats=1)
