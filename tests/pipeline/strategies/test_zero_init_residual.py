import pytest
from pydantic import ValidationError

from pipeline.models.build import build_model
from pipeline.models.residual import branch_ends
from pipeline.spec.errors import SpecError
from pipeline.spec.model import SmallCnn, Timm
from pipeline.strategies.zero_init_residual import ZeroInitResidualConfig
from tests.pipeline.stages import digits_stage


@pytest.mark.parametrize("value", [0.0, 0.2])
def test_branches_start_at_the_value(value: float) -> None:
    edited = ZeroInitResidualConfig(value=value).edit_model(build_model(Timm(name="mobilenetv2_050"), 5), 5)
    assert all(end.scale is not None and bool((end.scale == value).all()) for end in branch_ends(edited))


def test_another_norm_keeps_the_zeros() -> None:
    spec = digits_stage({"kind": "normalization"}, {"kind": "zero_init_residual", "value": 0.25})
    assert [s.kind for s in spec.strategies] == ["zero_init_residual", "normalization"]
    model = build_model(Timm(name="resnet10t"), 5)
    for strategy in spec.strategies:
        model = strategy.edit_model(model, 5)
    ends = branch_ends(model)
    assert len(ends) == 4 and all(end.scale is not None and bool((end.scale == 0.25).all()) for end in ends)


def test_a_network_without_branches_is_refused() -> None:
    with pytest.raises(SpecError, match="SmallCnnNet has no residual blocks that this strategy knows"):
        ZeroInitResidualConfig().edit_model(build_model(SmallCnn(), 5), 5)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_impossible_values_are_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="value"):
        ZeroInitResidualConfig(value=value)


@pytest.mark.parametrize("init", [{"kind": "pretrained"}, {"kind": "from_stage", "stage": "first"}])
def test_trained_weights_are_not_overwritten(init: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match=f"init of kind {init['kind']} brings trained weights"):
        digits_stage({"kind": "zero_init_residual"}, model={"kind": "timm", "name": "test_vit"}, init=init)
