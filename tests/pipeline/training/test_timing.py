from pathlib import Path

import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.training import timing
from pipeline.training.job import TimingJob
from pipeline.training.team import Team
from pipeline.training.timing import PeakMemory, Phase, ReadyStage, time_stages, weighted_step_ms
from tests.pipeline.stages import SHARE, TASKS, digits_stage, example, stage_job


def test_every_stage_is_timed_once_per_round_in_changing_order(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "MAX_STEPS", 3)
    specs = [digits_stage(), digits_stage(example("mixup")), digits_stage(example("progressive_resizing"))]
    jobs = tuple(stage_job(spec, tmp_path) for spec in specs)
    block = TimingJob("block", jobs, rounds=4, seconds_per_size=0.001)
    records = list(time_stages(block, lambda key: digits, Team.alone(), SHARE))
    hashes = [job.stage_hash for job in jobs]
    orders = set()
    for number in range(4):
        inside = [record.stage_hash for record in records if record.round == number]
        assert sorted(inside) == sorted(hashes)
        orders.add(tuple(inside))
    assert len(orders) > 1
    for record in records:
        assert record.step_ms > 0
        assert record.images_per_s == pytest.approx(64 / (record.step_ms / 1000))
        assert record.block == "block"


def test_timing_leaves_no_trace(digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "MAX_STEPS", 3)
    job = stage_job(digits_stage(), tmp_path)
    list(time_stages(TimingJob("b", (job,), 1, 0.001), lambda key: digits, Team.alone(), SHARE))
    assert not list(tmp_path.rglob("*.pt"))


def test_each_size_counts_by_its_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    def step_ms(setup: object, phase: Phase, seconds: float, team: Team) -> float:
        return {8: 10.0, 16: 40.0}[phase.plan.image_size_px]

    monkeypatch.setattr(timing, "_time_steps", step_ms)
    phases = tuple(Phase(EpochPlan(0, size, 64), [], num_steps) for size, num_steps in ((8, 12), (16, 4)))
    ready = ReadyStage(None, None, phases)  # type: ignore[arg-type] - only the phases are asked for
    assert weighted_step_ms(ready, 1.0, Team.alone()) == pytest.approx((12 * 10 + 4 * 40) / 16)


def test_peak_memory_sees_what_was_used_inside() -> None:
    with PeakMemory(torch.device("cpu")) as peak:
        block = bytearray(200 << 20)
        block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])  # touch every page
        del block
    if peak.megabytes is None:
        pytest.skip("this kernel does not reset the peak of the resident set")
    assert 150 < peak.megabytes < 400


@pytest.mark.ray
def test_a_block_with_pixels_from_ray_data(digits: DataHandle, tmp_path: Path) -> None:
    job = stage_job(digits_stage(example("progressive_resizing")), tmp_path)
    (record,) = time_stages(TimingJob("b", (job,), 1, 0.01), lambda key: digits, Team.alone(), TASKS)
    assert record.step_ms > 0
    assert record.stage_hash == job.stage_hash
