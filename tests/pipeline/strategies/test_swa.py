from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import timm
import torch
from pydantic import ValidationError
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.swa import Swa, SwaConfig, measure_statistics
from pipeline.training import checkpoint
from pipeline.types import Batch
from tests.pipeline.stages import digits_stage, stage_job, train_alone
from tests.pipeline.strategies.contract import context, make_batch


def network(drop_rate: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return SmallCnnNet(5, 4, drop_rate)


def learn(model: nn.Module, epoch: int) -> None:
    generator = torch.Generator().manual_seed(epoch)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def images(num_batches: int = 3) -> list[Tensor]:
    return [make_batch(8, seed).images for seed in range(num_batches)]


def batches() -> Iterator[Batch]:
    return (make_batch(8, seed) for seed in range(3))


def assert_same_state(ours: nn.Module, theirs: nn.Module) -> None:
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_it_is_torchs_averaged_model_and_update_bn() -> None:
    model = network()
    swa = Swa(SwaConfig(start_frac=0.5), context())  # epochs 2 and 3 of 4
    theirs = AveragedModel(model)
    for epoch in range(4):
        learn(model, epoch)
        swa.after_epoch(model, epoch)
        if epoch >= 2:
            theirs.update_parameters(model)
    update_bn(images(), theirs)
    before = deepcopy(model)
    assert_same_state(swa.finish(model, batches()), theirs.module)
    assert_same_state(model, before)


def test_statistics_are_the_mean_over_the_batches() -> None:
    norm = nn.BatchNorm2d(3)
    measure_statistics(norm, images())
    means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in images()]).mean(dim=0)
    variances = torch.stack([batch.var(dim=(0, 2, 3)) for batch in images()]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, means)
    torch.testing.assert_close(norm.running_var, variances)
    assert norm.momentum == 0.1 and not norm.training


def test_norms_that_are_also_activations() -> None:
    """timm's own layer, in a network without dropout: torch's update_bn gives the same."""
    torch.manual_seed(0)
    ours = timm.create_model("mobilenetv3_small_050", num_classes=5)
    theirs = deepcopy(ours)
    measure_statistics(ours, images())
    update_bn(images(), theirs)
    assert any(isinstance(module, BatchNormAct2d) for module in ours.modules())
    assert_same_state(ours, theirs)


def test_dropout_does_not_disturb_the_statistics() -> None:
    """torch's update_bn draws dropout's masks: from the global generator, and after it no layer is evaluated so."""
    dropping, plain = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(3)), nn.BatchNorm2d(3)
    measure_statistics(dropping, images())
    measure_statistics(plain, images())
    assert torch.equal(dropping.get_buffer("1.running_mean"), plain.get_buffer("running_mean"))


def test_frozen_layers_keep_their_statistics() -> None:
    frozen, learning = nn.BatchNorm2d(3).requires_grad_(False), nn.BatchNorm2d(3)
    measure_statistics(nn.Sequential(frozen, learning), images())
    assert torch.equal(frozen.get_buffer("running_mean"), torch.zeros(3))
    assert not torch.equal(learning.get_buffer("running_mean"), torch.zeros(3))


@pytest.mark.parametrize(("start_frac", "averaged"), [(0.0, [0, 1, 2, 3]), (0.3, [1, 2, 3]), (0.75, [3]), (0.99, [3])])
def test_which_epochs_are_averaged_at_which_rate(start_frac: float, averaged: list[int]) -> None:
    swa = Swa(SwaConfig(start_frac=start_frac, lr_scale=0.5), context())
    plans = [swa.plan_epoch(EpochPlan(epoch, 16, 64, lr_scale=0.8), epoch / 4) for epoch in range(4)]
    assert [plan.lr_scale for plan in plans] == [0.4 if epoch in averaged else 0.8 for epoch in range(4)]
    model, seen = network(), []
    for epoch in range(4):
        learn(model, epoch)
        swa.after_epoch(model, epoch)
        if epoch in averaged:
            seen.append(model.get_parameter("head.3.weight").detach().clone())
    kept = swa.finish(model, batches()).get_parameter("head.3.weight")
    torch.testing.assert_close(kept, torch.stack(seen).mean(dim=0))


def test_a_training_that_ended_before_the_first_averaged_epoch_keeps_its_network() -> None:
    model = network()
    assert Swa(SwaConfig(), context()).finish(model, batches()) is model


def weights_after(digits: DataHandle, folder: Path, epochs: int, *strategies: dict[str, object]) -> dict[str, Tensor]:
    budget = {"epochs": epochs, "batch_size": 64}
    job = stage_job(digits_stage(*strategies, budget=budget), folder)
    train_alone(job, digits)
    return checkpoint.load(job.model_path(job.key), torch.device("cpu"))["model"]


def test_the_kept_network_is_the_mean_of_shorter_trainings(digits: DataHandle, tmp_path: Path) -> None:
    """At a constant rate a training of two epochs is the beginning of one of three."""
    two, three = (weights_after(digits, tmp_path / str(n), n) for n in (2, 3))
    kept = weights_after(digits, tmp_path / "swa", 3, {"kind": "swa", "start_frac": 0.34})
    for name, value in kept.items():
        if "running" in name or "num_batches" in name:
            assert not torch.equal(value, three[name]), f"{name} is measured anew"
        else:
            torch.testing.assert_close(value, (two[name] + three[name]) / 2, msg=name)
    assert int(kept["features.1.num_batches_tracked"]) == 4, "one pass over 300 images in batches of 64"


def test_the_record_judges_the_average_and_the_curve_the_network_that_learns(
    digits: DataHandle, tmp_path: Path
) -> None:
    bare = train_alone(stage_job(digits_stage(), tmp_path / "bare"), digits)
    swa = train_alone(stage_job(digits_stage({"kind": "swa", "start_frac": 0.34}), tmp_path / "swa"), digits)
    assert swa.curves.series == bare.curves.series
    assert swa.record.metrics["val/nll"] != bare.record.metrics["val/nll"] == bare.curves.series["val/nll"][-1]


def test_it_wants_the_epochs_that_early_stopping_leaves_out() -> None:
    with pytest.raises(ValidationError, match="swa clashes with early_stopping: the epochs that it averages"):
        digits_stage({"kind": "swa"}, {"kind": "early_stopping"})


@pytest.mark.parametrize("fault", [{"start_frac": 1.0}, {"start_frac": -0.1}, {"lr_scale": 0.0}])
def test_impossible_values_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        SwaConfig.model_validate(fault)
