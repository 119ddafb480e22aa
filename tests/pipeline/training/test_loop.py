from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.spec.errors import Diverged, SpecError
from pipeline.spec.records import PREDICTION_FIELDS, Status
from pipeline.training import checkpoint
from pipeline.training.evaluate import all_metrics
from pipeline.training.loop import EpochReport
from tests.pipeline.stages import SHARE, TASKS, digits_stage, stage_job, train_alone
from tests.pipeline.training.plain import plain_training

EPOCH_STEPS = 4  # 300 digits in batches of 64


def epoch_means(losses: list[float]) -> list[float]:
    return np.asarray(losses).reshape(-1, EPOCH_STEPS).mean(axis=1).tolist()


@pytest.mark.parametrize("seed", [0, 3])
def test_one_worker_is_a_plain_loop(digits: DataHandle, tmp_path: Path, seed: int) -> None:
    plain = plain_training(digits, seed, lr=0.05)
    result = train_alone(stage_job(digits_stage(), tmp_path, seed), digits)
    series = result.curves.series
    np.testing.assert_allclose(series["train/loss"], epoch_means(plain.losses), atol=1e-5, rtol=0)
    np.testing.assert_allclose(series["val/nll"], plain.val_nll, atol=1e-4, rtol=0)
    np.testing.assert_array_equal(result.predictions["val/predicted"], plain.val_probs.argmax(dim=1).numpy())
    assert plain.losses[0] - plain.losses[-1] > 0.1, "it learns, so later epochs depend on earlier ones"


def test_shards_are_gradient_accumulation(digits: DataHandle, tmp_path: Path) -> None:
    spec = digits_stage(budget={"epochs": 3, "batch_size": 64, "num_shards": 2})
    result = train_alone(stage_job(spec, tmp_path), digits)
    plain = plain_training(digits, 0, lr=0.05, num_shards=2)
    np.testing.assert_allclose(result.curves.series["train/loss"], epoch_means(plain.losses), atol=1e-5, rtol=0)
    whole = plain_training(digits, 0, lr=0.05)
    assert abs(whole.losses[-1] - plain.losses[-1]) > 1e-3, "batch statistics of a shard are its own"


def test_divergence_names_the_first_bad_step(digits: DataHandle, tmp_path: Path) -> None:
    lr = 1e15
    expected = plain_training(digits, 0, lr=lr).first_bad_step()
    assert expected > 0, "otherwise any answer would do"
    job = stage_job(digits_stage(optimizer={"kind": "sgd", "lr": lr}), tmp_path)
    with pytest.raises(Diverged, match=f"not finite at step {expected}$") as caught:
        train_alone(job, digits)
    assert caught.value.step == expected
    assert not job.model_path(job.key).exists()


def test_what_a_run_leaves_behind(digits: DataHandle, tmp_path: Path) -> None:
    job = stage_job(digits_stage(schedule={"kind": "cosine"}), tmp_path, seed=5)
    reports: list[EpochReport] = []
    result = train_alone(job, digits, reports.append)
    record, curves, val = result.record, result.curves, digits.evals["val"]
    assert (record.key, record.status, record.stage) == (job.key, Status.FINISHED, "main")
    assert record.data_fingerprint == digits.fingerprint
    assert record.cost is not None
    assert record.cost.samples_seen == 3 * 4 * 64
    weights = checkpoint.load(job.model_path(job.key), torch.device("cpu"))["model"]
    floats = {name: value for name, value in weights.items() if "running" not in name and "num_batches" not in name}
    assert record.cost.num_parameters == sum(value.numel() for value in floats.values())
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert curves.epoch == (0, 1, 2)
    assert curves.lr_step == tuple(range(12))
    np.testing.assert_allclose(curves.lr, 0.025 * (1 + np.cos(np.pi * np.arange(12) / 12)), rtol=1e-6)
    assert curves.series["train/loss"] == curves.series["train/cross_entropy"]
    # Predictions: every validation sample once, in order; the stored metrics follow from them.
    assert result.predictions["val/id"].tolist() == [digits.ids[row] for row in val.rows]
    np.testing.assert_array_equal(result.predictions["val/label"], val.labels)
    metrics = all_metrics({name: result.predictions[f"val/{name}"] for name in PREDICTION_FIELDS})
    assert {f"val/{name}": value for name, value in metrics.items()} == {
        name: value for name, value in record.metrics.items() if name.startswith("val/")
    }
    assert record.metrics["train/loss"] == curves.series["train/loss"][-1]
    assert len(result.log.splitlines()) == 3
    assert result.batches is not None
    assert [sheet.image_size_px for sheet in result.batches.sheets.sheets] == [16]


def test_the_size_of_an_epoch_reaches_the_batches(digits: DataHandle, tmp_path: Path) -> None:
    spec = digits_stage({"kind": "progressive_resizing", "from_px": 8})
    result = train_alone(stage_job(spec, tmp_path), digits)
    assert result.curves.image_size_px == (8, 12, 16)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": {"epochs": 1, "batch_size": 512}}, r"batch_size=512 is larger than the training split \(300"),
        ({"model": {"kind": "small_cnn", "num_classes": 5}}, "num_classes=5, but the data has 10"),
    ],
)
def test_what_only_shows_with_the_data(
    digits: DataHandle, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        train_alone(stage_job(digits_stage(**change), tmp_path), digits)


@pytest.mark.ray
def test_pixels_from_ray_data_train_the_same_network(digits: DataHandle, tmp_path: Path) -> None:
    """Twice from threads and once from Ray Data: bit for bit the same."""
    spec = digits_stage({"kind": "mixup"}, {"kind": "progressive_resizing", "from_px": 8})
    jobs = [stage_job(spec, tmp_path / name) for name in "abc"]
    results = [train_alone(job, digits, share=share) for job, share in zip(jobs, (SHARE, SHARE, TASKS), strict=True)]
    first = results[0]
    weights = [checkpoint.load(job.model_path(job.key), torch.device("cpu"))["model"] for job in jobs]
    for result, model in zip(results[1:], weights[1:], strict=True):
        assert result.record.metrics == first.record.metrics
        assert result.curves.series == first.curves.series
        assert all(torch.equal(model[name], weights[0][name]) for name in weights[0])
        for name, column in first.predictions.items():
            np.testing.assert_array_equal(result.predictions[name], column, err_msg=name)
    assert first.record.cost is not None
    assert first.record.cost.data_wait_s > 0
