import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.training.network import Network, placed
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, stage_job, train_alone

HEAD = frozenset({"head.3.weight", "head.3.bias"})


def network() -> Network:
    torch.manual_seed(0)
    return Network(SmallCnnNet(5, 4, 0.0), Team.alone(), "off")


def step(net: Network, optimizer: torch.optim.Optimizer) -> None:
    net.train_mode()
    optimizer.zero_grad(set_to_none=True)
    net.wrapped(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    optimizer.step()


def test_only_the_named_parameters_learn_and_frozen_norms_keep_their_statistics() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    net.train_only(HEAD)
    before = {name: value.clone() for name, value in net.model.state_dict().items()}
    step(net, optimizer)
    changed = {name for name, value in net.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == HEAD
    assert len(optimizer.state) == 2, "no momentum is kept of what does not learn"
    net.train_only(None)
    step(net, optimizer)
    changed = {name for name, value in net.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == set(before), "thawed, everything moves again, statistics too"


def test_a_norm_that_is_part_of_what_learns_keeps_learning_its_statistics() -> None:
    net = network()
    net.train_only(HEAD | {"features.7.weight", "features.7.bias"})
    net.train_mode()
    norms = [module for module in net.model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [norm.training for norm in norms] == [False, False, True]


def test_what_was_frozen_from_the_start_stays_so() -> None:
    model = SmallCnnNet(5, 4, 0.0)
    model.features[0].requires_grad_(False)
    net = Network(model, Team.alone(), "off")
    net.train_only(HEAD)
    for names in (frozenset({"features.0.weight", *HEAD}), None):  # also when it is named among those that learn
        net.train_only(names)
        assert not model.get_parameter("features.0.weight").requires_grad
        assert model.get_parameter("head.3.weight").requires_grad
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["features.0.weight"]


def test_a_name_that_is_no_parameter_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match=r"no parameters of the network: .*neck\.weight"):
        network().train_only(frozenset({"neck.weight"}))


@pytest.mark.parametrize(("name", "last"), [("channels_last", True), ("contiguous", False)])
def test_kernels_lie_in_memory_as_asked(name: str, last: bool) -> None:
    model = placed(SmallCnnNet(5, 4, 0.0), torch.device("cpu"), name)  # type: ignore[arg-type]
    kernel = model.get_parameter("features.3.weight")
    assert kernel.is_contiguous(memory_format=torch.channels_last) is last


def test_both_memory_formats_train_alike(digits: DataHandle, tmp_path: Path) -> None:
    series = [
        train_alone(stage_job(digits_stage(memory_format=name), tmp_path / name), digits).curves.series
        for name in ("channels_last", "contiguous")
    ]
    np.testing.assert_allclose(series[0]["train/loss"], series[1]["train/loss"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler, and there is no g++")
def test_a_compiled_network_trains_as_the_plain_one(digits: DataHandle, tmp_path: Path) -> None:
    plain, compiled = (
        train_alone(stage_job(digits_stage(compile=mode), tmp_path / mode), digits) for mode in ("off", "default")
    )
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "something was compiled"
    np.testing.assert_allclose(
        compiled.curves.series["train/loss"], plain.curves.series["train/loss"], rtol=1e-4, atol=0
    )
    weights = torch.load(next((tmp_path / "default").rglob("model.pt")), weights_only=True)["model"]
    assert weights.keys() == SmallCnnNet(10, 4, 0.0).state_dict().keys(), "no prefix of the compiler is saved"
