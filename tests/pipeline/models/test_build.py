import pytest
import timm
import torch

from pipeline.models.build import build_model, check_model
from pipeline.spec.errors import SpecError
from pipeline.spec.model import SmallCnn, Timm


def test_timm_models_are_timms_with_a_head_for_the_data() -> None:
    torch.manual_seed(0)
    ours = build_model(Timm(name="resnet10t", drop_rate=0.1), 7)
    torch.manual_seed(0)
    theirs = timm.create_model("resnet10t", num_classes=7, drop_rate=0.1)
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("width", [2, 5])
def test_the_small_network_counted_by_hand(width: int) -> None:
    w = width
    convolutions = 9 * (3 * w + w * 2 * w + 2 * w * 4 * w)
    norms = 2 * (w + 2 * w + 4 * w)
    head = 4 * w * 3 + 3
    model = build_model(SmallCnn(width=width), 3)
    assert sum(p.numel() for p in model.parameters()) == convolutions + norms + head
    assert model.eval()(torch.zeros(2, 3, 16, 20)).shape == (2, 3)


def test_a_fixed_head_is_kept() -> None:
    model = build_model(SmallCnn(width=2, num_classes=9), 3)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 9)


def test_an_unknown_name_shows_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"here.name: timm has no model 'resnet10x'. The nearest are .*resnet10t"):
        check_model(Timm(name="resnet10x"), "here")
    with pytest.raises(SpecError, match=r"'qqqqqqqqqq'\. List them with"):
        build_model(Timm(name="qqqqqqqqqq"), 3)
