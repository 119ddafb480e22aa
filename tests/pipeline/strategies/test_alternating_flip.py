import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.contract.subject import Subject
from pipeline.data.crops import train_crops
from pipeline.data.plan import train_batches
from pipeline.spec.data import ImageFolder
from pipeline.strategies.alternating_flip import AlternatingFlipConfig
from pipeline.strategies.chain import Chain
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import context, make_index


def test_every_image_is_seen_both_ways_in_every_two_epochs() -> None:
    """Through the plan, as an epoch is really drawn. The mirroring itself is tested with the crops."""
    index, spec, seen = make_index(64), ImageFolder(path="x"), []
    for plan in Chain([AlternatingFlipConfig()], context()).plan_epochs(32, 16):
        flips: dict[int, bool] = {}
        for batch in train_batches(index, plan, 1, 1, 0, 1):
            sizes = np.full(16, 40)
            flips |= dict(
                zip(batch.rows.tolist(), train_crops(spec, 1, batch, sizes, sizes).flip.tolist(), strict=True)
            )
        seen.append([flips[row] for row in range(64)])
    first, second, third, fourth = np.asarray(seen)
    np.testing.assert_array_equal(first, ~second)
    np.testing.assert_array_equal(first, third)
    np.testing.assert_array_equal(second, fourth)
    assert 10 < first.sum() < 54


def test_without_flips_there_is_nothing_to_alternate() -> None:
    with pytest.raises(ValidationError, match=r"alternating_flip: .*horizontal_flip_prob is 0, .* set it to 0\.5"):
        digits_stage({"kind": "alternating_flip"})
    assert Subject.of("alternating_flip").stage().data.augment.horizontal_flip_prob == 0.5
