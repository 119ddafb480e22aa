"""What `ablate report --final` scores is the network that was kept, asked in the way that was validated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.handle import DataHandle
from pipeline.data.listing import Role
from pipeline.data.stream import open_stream
from pipeline.result import StageResult
from pipeline.training.feed import Feed
from pipeline.training.initial import load_run_model
from pipeline.training.job import StageJob
from pipeline.training.predict import planned_eval
from pipeline.training.score import score_run
from pipeline.training.team import Team
from tests.pipeline.stages import SHARE, digits_stage, stage_job, train_alone

ALONE = Team.alone()


def trained(digits: DataHandle, folder: Path, *strategies: dict[str, Any]) -> tuple[StageJob, StageResult]:
    """A finished run with the files that the recorder leaves."""
    spec = digits_stage(*strategies)
    job = stage_job(spec, folder)
    result = train_alone(job, digits)
    (job.runs_dir / job.key / "spec.json").write_text(spec.model_dump_json())
    return job, result


def score(job: StageJob, digits: DataHandle, role: Role) -> dict[str, float]:
    return score_run(job, digits, role, ALONE, SHARE)


def on_val(result: StageResult) -> dict[str, float]:
    return {name.removeprefix("val/"): v for name, v in result.record.metrics.items() if name.startswith("val/")}


def pictures(job: StageJob, digits: DataHandle, role: Role) -> tuple[Tensor, Tensor]:
    """All images of a split and their labels."""
    planned = planned_eval(digits.evals[role], 0, job, ALONE)
    stream = open_stream(planned, job.spec.data, (), 0, digits.prepared, SHARE)
    feed = Feed(stream, job.spec, digits.num_classes, ALONE)
    batches = [feed.take(role, 0)[1] for _ in planned]
    stream.close()
    return torch.cat([batch.images for batch in batches]), torch.cat([batch.labels for batch in batches])


def by_hand(job: StageJob, digits: DataHandle, role: Role, answer: Callable[[nn.Module, Tensor], Tensor]) -> float:
    """NLL of the stored weights."""
    images, labels = pictures(job, digits, role)
    with torch.inference_mode():
        return float(functional.cross_entropy(answer(load_run_model(job, job.key, 10, ALONE.device), images), labels))


def plain(model: nn.Module, images: Tensor) -> Tensor:
    return model(images)


def mirrored(model: nn.Module, images: Tensor) -> Tensor:
    return (model(images) + model(images.flip(-1))) / 2


WAYS: dict[str, tuple[tuple[dict[str, Any], ...], Callable[[nn.Module, Tensor], Tensor]]] = {
    "bare": ((), plain),
    "ema": (({"kind": "ema", "decay": 0.7},), plain),
    "swa": (({"kind": "swa", "start_frac": 0.3},), plain),
    "tta": (({"kind": "tta"},), mirrored),
    "ema and tta": (({"kind": "ema", "decay": 0.7}, {"kind": "tta"}), mirrored),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_finished_run_scores_as_it_was_validated(digits: DataHandle, tmp_path: Path, name: str) -> None:
    strategies, answer = WAYS[name]
    job, result = trained(digits, tmp_path, *strategies)
    assert score(job, digits, "val") == pytest.approx(on_val(result), rel=1e-5)
    on_test = score(job, digits, "test")
    assert on_test["nll"] == pytest.approx(by_hand(job, digits, "test", answer), rel=1e-5)
    assert on_test["nll"] != pytest.approx(on_val(result)["nll"], rel=1e-5)
    if answer is not plain:
        assert on_test["nll"] != pytest.approx(by_hand(job, digits, "test", plain), rel=1e-5)


@pytest.mark.parametrize("beside", [(), ({"kind": "ema", "decay": 0.7},), ({"kind": "tta"},)])
def test_the_temperature_is_in_the_stored_weights(
    digits: DataHandle, tmp_path: Path, beside: tuple[dict[str, Any], ...]
) -> None:
    """Beside the same training without it: the weights are those, the logits are divided, on any split."""
    answer = mirrored if {"kind": "tta"} in beside else plain
    job, result = trained(digits, tmp_path / "scaled", *beside, {"kind": "temperature_scaling"})
    other, without = trained(digits, tmp_path / "plain", *beside)
    temperature = result.record.metrics["final/temperature"]
    assert not 0.95 < temperature < 1.05, "otherwise nothing could be seen"
    for role in ("val", "test"):
        expected = by_hand(other, digits, role, lambda model, images: answer(model, images) / temperature)
        assert score(job, digits, role)["nll"] == pytest.approx(expected, rel=1e-5)
    for name in ("top1", "top5", "balanced_accuracy", "macro_f1"):
        assert on_val(result)[name] == on_val(without)[name]
    fitted, cross_fitted, unscaled = score(job, digits, "val")["nll"], on_val(result)["nll"], on_val(without)["nll"]
    assert fitted < cross_fitted < unscaled, "the split that it was fitted on flatters it: the record does not"
    assert result.curves.series == without.curves.series
