import pytest
import torch
from pydantic import ValidationError
from timm.layers import BlurPool2d
from torch import nn

from pipeline.models.build import build_model
from pipeline.spec.model import SmallCnn
from pipeline.strategies.blur_pool import BlurPoolConfig


@pytest.mark.parametrize("size", [3, 5])
def test_the_filter_is_the_one_that_was_asked_for(size: int) -> None:
    edited = BlurPoolConfig.model_validate({"filter_size": size}).edit_model(build_model(SmallCnn(), 5), 5)
    assert [m.filt_size for m in edited.modules() if isinstance(m, BlurPool2d)] == [size]


def test_no_weight_is_drawn_anew() -> None:
    """The blurred and the bare network of a seed start from the same weights."""
    model = build_model(SmallCnn(), 5)
    before = torch.random.get_rng_state()
    edited = BlurPoolConfig().edit_model(model, 5)
    assert torch.equal(torch.random.get_rng_state(), before)
    for ours, theirs in zip(edited.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_map_of_one_pixel_cannot_be_blurred() -> None:
    edited = BlurPoolConfig().edit_model(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, 2, 1)), 5)
    with pytest.raises(RuntimeError, match="Padding size should be less than"):
        edited(torch.zeros(1, 3, 1, 1))


@pytest.mark.parametrize("fields", [{"filter_size": 4}, {"shortcuts": "maybe"}])
def test_impossible_values_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        BlurPoolConfig.model_validate(fields)
