import pytest
from pydantic import ValidationError
from timm.layers import SEModule

from pipeline.models.build import build_model
from pipeline.spec.model import SmallCnn, Timm
from pipeline.strategies.squeeze_excite import SqueezeExciteConfig
from tests.pipeline.stages import digits_stage


@pytest.mark.parametrize(("reduction", "hidden"), [(16, [8, 8, 16, 32]), (4, [16, 32, 64, 128])])
def test_hidden_channels(reduction: int, hidden: list[int]) -> None:
    edited = SqueezeExciteConfig(reduction=reduction).edit_model(build_model(Timm(name="resnet10t"), 5), 5)
    assert [m.fc1.out_channels for m in edited.modules() if isinstance(m, SEModule)] == hidden


def test_behind_split_convolutions_it_still_finds_its_channels() -> None:
    spec = digits_stage({"kind": "squeeze_excite"}, {"kind": "depthwise_separable"}, {"kind": "normalization"})
    for name in (Timm(name="resnet10t"), SmallCnn(width=4)):
        model = build_model(name, 5)
        for strategy in spec.strategies:
            model = strategy.edit_model(model, 5)
        assert sum(isinstance(m, SEModule) for m in model.modules()) == (4 if isinstance(name, Timm) else 3)


@pytest.mark.parametrize("reduction", [0, 65])
def test_impossible_reductions_are_refused(reduction: int) -> None:
    with pytest.raises(ValidationError, match="reduction"):
        SqueezeExciteConfig(reduction=reduction)
