import math

import pytest
import torch
from pydantic import ValidationError

from pipeline.strategies.clip_norm import ClipNormConfig
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.gradients import clipped, gradients, with_gradients


@pytest.mark.parametrize("scale", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("max_norm", [0.5, 2.0])
def test_it_is_the_formula_summed_one_by_one(scale: float, max_norm: float) -> None:
    model = with_gradients(scale)
    before = gradients(model)
    length = math.sqrt(math.fsum(x * x for g in before.values() for x in g.flatten().tolist()))
    share = min(1.0, max_norm / (length + 1e-6))
    after = clipped(ClipNormConfig(max_norm=max_norm), model)
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], share * gradient, rtol=1e-5, atol=1e-8)
    assert (share < 1.0) == (length > max_norm)


def test_short_gradients_keep_every_bit() -> None:
    before = gradients(model := with_gradients(1e-3))
    after = clipped(ClipNormConfig(max_norm=5.0), model)
    assert all(torch.equal(after[name], gradient) for name, gradient in before.items())


@pytest.mark.parametrize("other", ["clip_value", "adaptive_clip"])
def test_one_way_of_clipping_at_a_time(other: str) -> None:
    with pytest.raises(ValidationError, match=f"clip_norm clashes with {other}: each clips"):
        digits_stage(example("clip_norm"), example(other))


def test_no_norm_is_not_zero() -> None:
    with pytest.raises(ValidationError, match="max_norm"):
        ClipNormConfig(max_norm=0.0)
