import torch
from torch import nn

from pipeline.models.build import build_model
from pipeline.spec.model import SmallCnn
from pipeline.strategies.depthwise_separable import DepthwiseSeparableConfig
from tests.pipeline.stages import digits_stage


def test_every_convolution_but_the_first_is_split() -> None:
    edited = DepthwiseSeparableConfig().edit_model(build_model(SmallCnn(width=4), 5), 5)
    kernels = [(m.kernel_size[0], m.groups) for m in edited.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [(3, 1), (3, 4), (1, 1), (3, 8), (1, 1)]


def test_behind_blur_pooling_it_splits_what_runs_at_stride_one() -> None:
    spec = digits_stage({"kind": "depthwise_separable"}, {"kind": "blur_pool"})
    assert [s.kind for s in spec.strategies] == ["blur_pool", "depthwise_separable"]
    model = build_model(SmallCnn(width=4), 5)
    for strategy in spec.strategies:
        model = strategy.edit_model(model, 5)
    assert [m.stride for m in model.modules() if isinstance(m, nn.Conv2d)] == [(2, 2)] + [(1, 1)] * 4
    assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 5)
