import copy

import pytest
import torch
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.models.surgery import first_conv, replaced, replaced_at
from pipeline.spec.errors import SpecError


def test_the_callers_network_stays_as_it_is() -> None:
    model = SmallCnnNet(5, 3, 0.0)
    before = copy.deepcopy(model)
    edited = replaced(model, lambda _, m: nn.GELU() if isinstance(m, nn.ReLU) else None, "ReLU")
    assert [type(m) for m in model.modules()] == [type(m) for m in before.modules()]
    assert sum(isinstance(m, nn.GELU) for m in edited.modules()) == 3
    with torch.no_grad():
        edited.features[0].weight.zero_()  # type: ignore[operator,index]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before.state_dict()[name])


def test_a_replacement_is_not_looked_into_and_keeps_the_mode() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU())).eval()
    edited = replaced(model, lambda _, m: nn.Sequential(m) if isinstance(m, nn.ReLU) else None, "ReLU")
    assert sum(isinstance(m, nn.ReLU) for m in edited.modules()) == 2
    assert not any(m.training for m in edited.modules())


def test_a_module_in_two_places_stays_one() -> None:
    shared = nn.Linear(3, 3)
    edited = replaced(nn.Sequential(shared, nn.ReLU(), shared), lambda _, m: _linear(m), "Linear")
    assert edited[0] is edited[2]  # type: ignore[index]


def _linear(module: nn.Module) -> nn.Module | None:
    return nn.Linear(3, 3) if isinstance(module, nn.Linear) else None


def test_the_network_itself_may_be_replaced() -> None:
    assert isinstance(replaced(nn.ReLU(), lambda _, m: nn.GELU() if isinstance(m, nn.ReLU) else None, "ReLU"), nn.GELU)
    assert isinstance(replaced_at(nn.ReLU(), "", lambda _: nn.GELU()), nn.GELU)


def test_names_are_those_of_named_modules() -> None:
    model, seen = SmallCnnNet(5, 3, 0.0), []
    with pytest.raises(SpecError):
        replaced(model, lambda name, _: seen.append(name), "unicorn")
    assert seen == [name for name, _ in model.named_modules()]


def test_nothing_to_replace_says_what_is_there() -> None:
    with pytest.raises(
        SpecError, match=r"SmallCnnNet has no unicorn, .* made of AdaptiveAvgPool2d, BatchNorm2d, Conv2d"
    ):
        replaced(SmallCnnNet(5, 3, 0.0), lambda *_: None, "unicorn")


def test_the_convolution_that_reads_the_image() -> None:
    assert first_conv(SmallCnnNet(5, 3, 0.0)) == "features.0"
    assert first_conv(nn.Linear(2, 2)) is None
