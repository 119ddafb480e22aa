from typing import Any

import pytest
import torch
from torch import nn

from pipeline.models.build import build_model
from pipeline.models.probe import probe
from pipeline.spec.model import SmallCnn, Timm


@pytest.mark.parametrize("size_px", [16, 24])
def test_flops_of_the_small_network_counted_by_hand(size_px: int) -> None:
    w, half, quarter = 5, size_px // 2, size_px // 4
    convolutions = 9 * (3 * w * half**2 + w * 2 * w * quarter**2 + 2 * w * 4 * w * quarter**2)
    found = probe(lambda: build_model(SmallCnn(width=w), 7), size_px)
    assert found.gflops == pytest.approx(2 * (convolutions + 4 * w * 7) / 1e9, rel=1e-12)
    assert found.output_shape == (1, 7)


def test_flops_of_a_vision_transformer_counted_by_hand() -> None:
    """Attention counts as its two matrix products."""
    model: Any = build_model(Timm(name="test_vit"), 7)
    found = probe(lambda: build_model(Timm(name="test_vit"), 7), 160)
    patch, width = model.patch_embed.proj.kernel_size[0], model.embed_dim
    hidden = model.blocks[0].mlp.fc1.out_features
    tokens = (160 // patch) ** 2 + 1
    block = tokens * width * (3 * width + width + 2 * hidden) + 2 * tokens**2 * width
    expected = (tokens - 1) * 3 * patch**2 * width + len(model.blocks) * block + width * 7
    assert found.gflops == pytest.approx(2 * expected / 1e9, rel=1e-12)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_parameters_are_those_of_the_real_network(name: str) -> None:
    found = probe(lambda: build_model(Timm(name=name), 7), 64)
    assert found.num_parameters == sum(p.numel() for p in build_model(Timm(name=name), 7).parameters())


def test_a_network_that_needs_numbers_is_counted_on_the_cpu() -> None:
    class Picky(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pooled = x.mean((2, 3))
            return super().forward(pooled if float(pooled.sum()) == 0 else pooled * 2)

    found = probe(lambda: Picky(3, 4), 8)
    assert found.gflops == pytest.approx(2 * 3 * 4 / 1e9)


def test_random_generators_stay_where_they_are() -> None:
    before = torch.random.get_rng_state()
    probe(lambda: build_model(SmallCnn(), 7), 16)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_the_network_raises_comes_through() -> None:
    with pytest.raises(AssertionError, match="doesn't match model"):
        probe(lambda: build_model(Timm(name="vit_tiny_patch16_224"), 7), 64)
