"""A step in several portions is the step of the whole batch, where nothing looks at more than one image."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.data.handle import DataHandle
from pipeline.data.plan import stage_batches
from pipeline.data.stream import open_stream
from pipeline.experiment import StageSpec
from pipeline.strategies import CATALOGUE
from pipeline.training.examine import examiner_of
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob
from pipeline.training.micro_batches import micro_batches, more_parts
from pipeline.training.setup import build_setup
from pipeline.training.step import train_step
from pipeline.training.team import Team
from pipeline.types import Batch
from tests.pipeline.stages import SHARE, digits_stage, stage_job, train_alone


def made_up(num: int, pool_ratio: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(num) % 3
    pool = tuple(torch.rand(num * pool_ratio, 1, 2, 2, generator=generator) for _ in range(2)) if pool_ratio else ()
    return Batch(
        torch.rand(num, 1, 2, 2, generator=generator), labels, torch.eye(3)[labels], rows=torch.arange(num), pool=pool
    )


@pytest.mark.parametrize(("num", "parts", "sizes"), [(8, 4, [2] * 4), (7, 2, [4, 3]), (5, 4, [3, 2]), (3, 2, [3])])
def test_parts_are_about_equal_and_hold_each_row_once(num: int, parts: int, sizes: list[int]) -> None:
    batch = replace(made_up(num, 3), weights=torch.rand(num), mask=torch.rand(num, 4) > 0.5)
    found = micro_batches(batch, parts)
    assert [len(part.batch.images) for part in found] == sizes
    assert sum(part.share for part in found) == pytest.approx(1.0)
    for name in ("images", "labels", "targets", "weights", "rows", "mask"):
        assert torch.equal(torch.cat([getattr(part.batch, name) for part in found]), getattr(batch, name)), name
    for view in range(2):
        assert torch.equal(torch.cat([part.batch.pool[view] for part in found]), batch.pool[view])
    assert all(len(part.batch.pool[0]) == 3 * len(part.batch.images) for part in found)


def test_whole_is_the_batch_itself() -> None:
    batch = made_up(8)
    (part,) = micro_batches(batch, 1)
    assert part.batch is batch and part.share == 1.0


@pytest.mark.parametrize(
    ("budget", "parts", "expected"),
    [
        ({"batch_size": 64}, 1, 2),
        ({"batch_size": 64}, 16, 32),
        ({"batch_size": 64}, 32, None),
        ({"batch_size": 64, "num_shards": 16}, 1, 2),
        ({"batch_size": 64, "num_shards": 16}, 2, None),
        ({"batch_size": 5}, 1, 2),
    ],
)
def test_twice_as_many_parts_until_two_images_are_left(budget: dict, parts: int, expected: int | None) -> None:
    assert more_parts(digits_stage(budget={"epochs": 1, **budget}), parts) == expected


def test_a_loss_that_compares_images_is_not_divided() -> None:
    fields = digits_stage().model_dump(mode="json") | {"task": {"kind": "simclr"}, "strategies": []}
    assert more_parts(StageSpec.model_validate(fields), 1) is None


def gradients(spec: StageSpec, digits: DataHandle, folder: Path, num_parts: int) -> dict[str, Tensor]:
    """Of the first step; batch norm is in eval mode, so that it treats every image alone."""
    job = replace(stage_job(spec, folder), num_parts=num_parts)
    return gradients_of(job, digits)


def gradients_of(job: StageJob, digits: DataHandle) -> dict[str, Tensor]:
    spec, team = job.spec, Team.alone()
    setup = build_setup(job, digits, team)
    splits = examiner_of(job, digits, setup, team).splits
    planned = stage_batches(
        setup.index, splits, setup.plans, spec.budget, spec.data.eval_size_px, setup.chain.seed, 0, 1
    )
    stream = open_stream(planned, spec.data, setup.chain.row_transforms(), setup.chain.seed, digits.prepared, SHARE)
    feed = Feed(stream, spec, digits.num_classes, team)
    batches = [feed.take("train", 0)[1] for _ in setup.my_shards]
    stream.close()
    norms = [m for m in setup.network.model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:  # what it learns does not matter here, what it sees would
        norm.track_running_stats, norm.train = True, lambda mode=True, norm=norm: norm
        norm.training = False
    terms = train_step(setup, batches, setup.plans[0], 0, team)
    found = {name: p.grad for name, p in setup.network.model.named_parameters() if p.grad is not None}
    return {**found, **{f"loss {name}": term for name, term in terms.items()}}


@pytest.mark.parametrize("num_parts", [2, 3, 8])
def test_gradients_add_up_to_the_whole_batchs(digits: DataHandle, tmp_path: Path, num_parts: int) -> None:
    whole = gradients(digits_stage(), digits, tmp_path / "whole", 1)
    divided = gradients(digits_stage(), digits, tmp_path / "divided", num_parts)
    assert whole.keys() == divided.keys() and len(whole) > 4
    for name, value in whole.items():
        assert torch.allclose(divided[name], value, rtol=0, atol=1e-6), name
    assert any(not torch.equal(divided[name], value) for name, value in whole.items()), "they were computed apart"


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_strategy_sees_the_same_step(lab: Lab, kind: str) -> None:
    spec = Subject.of(kind).stage()
    jobs = [replace(lab.job(spec), num_parts=parts) for parts in (1, 4)]
    whole, divided = (gradients_of(job, lab.data_of(spec)) for job in jobs)
    for name, value in whole.items():
        assert torch.allclose(divided[name], value, rtol=1e-4, atol=1e-5), name


def test_the_record_says_so_and_a_checkpoint_is_gone_on_from_alike(digits: DataHandle, tmp_path: Path) -> None:
    job = replace(stage_job(digits_stage(), tmp_path / "a"), num_parts=4)
    record = train_alone(job, digits).record
    assert record.cost is not None and record.cost.micro_batches == 4
    (warning,) = record.warnings
    assert "64 images did not fit" in warning and "4 micro-batches of 16" in warning
    assert "batch norm saw 16 images at a time" in warning
    # The last checkpoint is still there: as if another invocation, which knows of no division, went on.
    again = train_alone(replace(job, num_parts=1), digits)
    assert "resumed after epoch 2" in again.log and again.record.metrics == record.metrics
    assert again.record.warnings == record.warnings
    finer = train_alone(replace(job, num_parts=8), digits)
    assert "resumed" not in finer.log and "8 micro-batches of 8" in finer.record.warnings[0]


def test_an_undivided_run_has_no_warning(digits: DataHandle, tmp_path: Path) -> None:
    record = train_alone(stage_job(digits_stage(), tmp_path / "a"), digits).record
    assert record.warnings == () and record.cost is not None and record.cost.micro_batches == 1
