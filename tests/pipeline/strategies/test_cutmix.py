import pytest
import torch
from pydantic import ValidationError

from pipeline.data.mixing import draw_box, paste_box
from pipeline.strategies.base import Rng
from pipeline.strategies.cutmix import Cutmix, CutmixConfig
from pipeline.types import Batch
from tests.pipeline.strategies.contract import context, make_batch


def mixed(number: int, **fields: float) -> Batch:
    config = CutmixConfig.model_validate(fields)
    return Cutmix(config, context()).edit_batch(make_batch(), Rng.named(0, "cutmix", number, 0))


def test_a_step_draws_whether_a_box_and_partners_in_this_order() -> None:
    rng = Rng.named(0, "cutmix", 3, 0)
    rng.host.random()
    box = draw_box(rng.host, 1.0, 16, 16)
    assert box.area > 0
    expected = paste_box(make_batch(), box, rng.permutation(8, torch.device("cpu")))
    got = mixed(3)
    assert torch.equal(got.images, expected.images) and torch.equal(got.targets, expected.targets)


def test_targets_are_the_pixels_that_are_left() -> None:
    """Each image is told by its number: the share of pixels with it is the share of its class."""
    images = torch.arange(5.0)[:, None, None, None].expand(5, 3, 16, 16)
    batch = Batch(images, torch.arange(5), torch.eye(5))
    for number in range(30):
        got = Cutmix(CutmixConfig(), context()).edit_batch(batch, Rng.named(0, "cutmix", number, 0))
        shares = torch.stack([(got.images[:, 0] == k).float().mean(dim=(1, 2)) for k in range(5)], dim=1)
        torch.testing.assert_close(got.targets, shares)


@pytest.mark.parametrize("prob", [0.3, 1.0])
def test_the_share_of_mixed_steps(prob: float) -> None:
    """With alpha 4 no box is empty; only a pairing of each with itself (1 in 40,320) would look unmixed."""
    before = make_batch().images
    changed = sum(not torch.equal(mixed(number, prob=prob, alpha=4.0).images, before) for number in range(400))
    assert abs(changed / 400 - prob) < 0.08


@pytest.mark.parametrize("fault", [{"alpha": 0.0}, {"alpha": 4.1}, {"prob": 0.0}, {"prob": 1.1}])
def test_impossible_values_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        CutmixConfig.model_validate(fault)
