import pytest
import torch
from pydantic import ValidationError

from pipeline.strategies.clip_value import ClipValueConfig
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.gradients import clipped, gradients, with_gradients


@pytest.mark.parametrize("max_value", [0.05, 1.0, 100.0])
def test_every_component_is_cut_by_itself(max_value: float) -> None:
    before = gradients(model := with_gradients())
    after = clipped(ClipValueConfig(max_value=max_value), model)
    for name, gradient in before.items():
        slow = [max(-max_value, min(max_value, x)) for x in gradient.flatten().tolist()]
        torch.testing.assert_close(after[name].flatten(), torch.tensor(slow), rtol=1e-7, atol=0)
    assert any((g.abs() > max_value).any() for g in before.values()) == (max_value < 100)


def test_one_way_of_clipping_at_a_time() -> None:
    with pytest.raises(ValidationError, match="clip_value clashes with adaptive_clip: each clips what the other"):
        digits_stage(example("clip_value"), example("adaptive_clip"))


@pytest.mark.parametrize("fields", [{}, {"max_value": 0.0}])
def test_a_value_is_required(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="max_value"):
        ClipValueConfig.model_validate(fields)
