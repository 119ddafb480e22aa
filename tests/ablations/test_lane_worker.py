"""What a worker of a lane hands in for a stage that fails, without a cluster."""

from pathlib import Path
from typing import Any

import pytest

from ablations.records import store
from ablations.records.home import Home
from ablations.running.lane_worker import LaneConfig, _Worker
from pipeline.contract.stages import digits_in
from pipeline.data.handle import DataHandle
from pipeline.spec.records import Status
from pipeline.training.job import StageJob
from pipeline.training.team import Team
from reports.records.load import HomeFiles, StudyData
from tests.ablations.kept_results import study_plan
from tests.pipeline.stages import SHARE, digits_stage, stage_job


class Queue:
    """Takes what it is told, until the epoch at which it breaks."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.call = self
        self._breaks_at = breaks_at

    def remote(self, method: str, lane: str, incarnation: str, *told: Any) -> None:
        if told[0].number == self._breaks_at:
            raise RuntimeError("the cable came out")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataHandle:
    return digits_in(tmp_path_factory.mktemp("digits"))


def attempt(job: StageJob, data: DataHandle, queue: Queue) -> Any:
    worker = _Worker(LaneConfig("lane 0", queue, None, {}, SHARE, 1, 1800.0), Team.alone())
    worker._handles[job.data_key] = data
    return worker._attempt(job, 1)


def test_a_stage_that_fails_in_its_third_epoch_leaves_the_curves_of_all_before(
    digits: DataHandle, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    job = stage_job(digits_stage(budget={"epochs": 5, "batch_size": 64}), tmp_path)
    result = attempt(job, digits, Queue(breaks_at=3))
    assert result.record.status is Status.FAILED and "the cable came out" in result.record.failure.message
    store.write_run(home, result)
    kept = StudyData(study_plan(), {}, [], HomeFiles(home.root)).curves((job.stage_hash, job.seed))
    assert kept is not None
    assert kept.epoch == (0, 1, 2)
    assert {len(values) for values in kept.series.values()} == {3}
    assert kept.lr == (0.05,) * 12
    epochs = [line for line in result.log.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 3 and "Traceback" in result.log


def test_one_that_diverges_in_its_first_epoch_leaves_the_learning_rates_of_its_steps(
    digits: DataHandle, tmp_path: Path
) -> None:
    job = stage_job(digits_stage(optimizer={"kind": "sgd", "lr": 1e15}), tmp_path)
    result = attempt(job, digits, Queue())
    assert result.record.failure.type == "Diverged"
    assert result.curves.epoch == () and result.curves.series == {}
    assert result.curves.lr == pytest.approx((1e15,) * 4)
