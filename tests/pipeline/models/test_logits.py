import pytest
import timm
import torch
from torch import nn

from pipeline.models.build import build_model
from pipeline.models.logits import logit_layers, scaled_logits
from pipeline.spec.errors import SpecError
from pipeline.spec.model import SmallCnn

# Name, options and image size: heads that are a linear layer, one inside a head, a convolution, two that are averaged.
TIMM = {
    "resnet10t": ({}, 32),
    "resnet18": ({}, 32),
    "vit_tiny_patch16_224": ({"img_size": 32}, 32),
    "convnext_atto": ({}, 32),
    "mobilenetv3_small_050": ({}, 32),
    "deit_tiny_distilled_patch16_224": ({"img_size": 32}, 32),
    "fbnetv3_b": ({}, 32),
    "levit_128s": ({}, 224),
}


def assert_scaled(model: nn.Module, size_px: int, factor: float) -> None:
    images = torch.randn(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for parameter in model.parameters():  # heads start at zero in some networks
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        before, after = model.eval()(images), scaled_logits(model, factor).eval()(images)
        assert before.abs().max() > 1e-3
        torch.testing.assert_close(after, factor * before, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model(images), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", TIMM)
def test_the_logits_of_timms_networks(name: str) -> None:
    options, size_px = TIMM[name]
    torch.manual_seed(0)
    assert_scaled(timm.create_model(name, num_classes=5, **options), size_px, 0.4)


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_the_logits_of_the_small_network(factor: float) -> None:
    torch.manual_seed(0)
    model = build_model(SmallCnn(width=4), 5)
    assert_scaled(model, 16, factor)
    (layer,) = logit_layers(model)
    assert isinstance(layer, nn.Linear) and layer.out_features == 5


def test_a_head_with_a_rule_of_its_own() -> None:
    class CosineHead(nn.Linear):
        def __init__(self) -> None:
            super().__init__(12, 5, bias=False)
            self.register_buffer("scale", torch.tensor(30.0))

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            normalize = nn.functional.normalize
            return self.get_buffer("scale") * nn.functional.linear(normalize(features), normalize(self.weight))

        def scale_logits(self, factor: float) -> None:
            self.get_buffer("scale").mul_(factor)

    torch.manual_seed(0)
    assert_scaled(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), CosineHead()), 16, 0.4)


def test_a_network_whose_last_layer_is_something_else_is_refused() -> None:
    with pytest.raises(SpecError, match=r"the last layer of Sequential is BatchNorm1d, .* get_classifier"):
        logit_layers(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)))
    with pytest.raises(SpecError, match="is nothing with parameters"):
        scaled_logits(nn.Identity(), 2.0)
