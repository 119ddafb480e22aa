"""The batch-size finder: the search on devices whose limit is known, and one that measures this process."""

from pathlib import Path

import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.spec.errors import ResourceError, SpecError
from pipeline.training import batch_finder
from pipeline.training.batch_finder import (
    DoesNotFit,
    Limits,
    MicroBatch,
    cut,
    find_micro_batch,
    largest_that_fits,
    shard_counts,
)
from pipeline.training.team import Team
from tests.pipeline.stages import SHARE, digits_stage, example, stage_job


def on_a_gpu_of(images: int):
    """A step that runs out of memory above so many images, as torch says it; and what was asked of it."""
    asked: list[int] = []

    def attempt(size: int) -> float:
        asked.append(size)
        if size > images:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return 10.0 * size

    return attempt, asked


@pytest.mark.parametrize("limit", [2, 3, 4, 5, 17, 31, 100, 777, 1000])
def test_the_largest_is_found_to_a_sixteenth_below_the_limit(limit: int) -> None:
    attempt, asked = on_a_gpu_of(limit)
    tries = largest_that_fits(4096, attempt)
    largest = max(one.images for one in tries if one.fits)
    assert limit * 16 / 17 - 1 <= largest <= limit
    assert [one.fits for one in tries] == [size <= limit for size in asked]
    assert len(asked) == len(set(asked)) <= 16, "none is tried twice"
    assert all(one.peak_mb == (10.0 * one.images if one.fits else None) for one in tries)


@pytest.mark.parametrize("limit", [2, 3, 7, 15])
def test_small_limits_are_found_exactly(limit: int) -> None:
    assert max(one.images for one in largest_that_fits(64, on_a_gpu_of(limit)[0]) if one.fits) == limit


def test_nothing_may_fit_and_nothing_above_the_ceiling_is_tried() -> None:
    assert [(one.images, one.fits) for one in largest_that_fits(64, on_a_gpu_of(1)[0])] == [(2, False)]
    attempt, asked = on_a_gpu_of(10_000)
    assert largest_that_fits(300, attempt)[-1].images == max(asked) == 300
    assert largest_that_fits(2, attempt)[-1].images == 2


def test_another_fault_of_a_step_is_not_taken_for_a_full_device() -> None:
    def attempt(size: int) -> float:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        largest_that_fits(8, attempt)


@pytest.mark.parametrize(
    ("batch", "workers", "largest", "expected"),
    [
        (64, 1, 64, [1, 2, 4, 8, 16, 32]),
        (64, 1, 20, [4, 8, 16, 32]),
        (96, 1, 40, [3, 4, 6, 8, 12, 16, 24, 32, 48]),
        (64, 2, 64, [2, 4, 8, 16, 32]),
        (62, 1, 20, [31]),
        (64, 1, 1, []),
    ],
)
def test_shards_cut_a_batch_equally(batch: int, workers: int, largest: int, expected: list[int]) -> None:
    assert list(shard_counts(batch, workers, largest)) == expected


def found_on(
    device_holds: int,
    digits: DataHandle,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *strategies: dict,
    batch: int = 64,
    workers: int = 1,
) -> tuple[MicroBatch, list[tuple[int, int]]]:
    """On a CPU where an image at once takes 10 MB of 10 * device_holds, and each image of the batch a tenth more."""
    seen: list[tuple[int, int]] = []

    def peak(job, data, team, share) -> float:
        budget = job.spec.budget
        seen.append((budget.batch_size, budget.num_shards))
        return 10.0 * budget.batch_size / budget.num_shards + (0.1 * budget.batch_size if budget.num_shards > 1 else 0)

    monkeypatch.setattr(batch_finder, "step_peak_mb", peak)
    monkeypatch.setattr(batch_finder, "available_mb", lambda: 1e6)
    job = stage_job(digits_stage(*strategies, budget={"epochs": 4, "batch_size": batch}), folder)
    limits = Limits(4096, 10.0 * device_holds)
    return find_micro_batch(job, digits, Team.alone(), SHARE, limits, workers), seen


def test_a_batch_that_fits_needs_no_shards(digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = found_on(100, digits, tmp_path, monkeypatch)
    assert (found.largest, found.num_shards) == (100, 1)


def test_a_batch_that_does_not_fit_is_cut_and_tried_as_a_whole(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shards of 32 would fit one by one; with the images of both on the device they do not."""
    found, seen = found_on(32, digits, tmp_path, monkeypatch)
    assert found.largest == 32
    assert seen[-2:] == [(64, 2), (64, 4)]
    assert found.num_shards == 4


def test_each_worker_holds_its_part_of_the_batch(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, seen = found_on(32, digits, tmp_path, monkeypatch, workers=2)
    assert seen[-1] == (32, 1)
    assert found.num_shards == 2


def test_there_are_only_so_many_images(digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = found_on(9999, digits, tmp_path, monkeypatch)
    assert found.largest == found.ceiling == found.num_train == 300
    half, _ = found_on(9999, digits, tmp_path, monkeypatch, {"kind": "data_fraction", "frac": 0.5})
    assert half.largest == 150


def test_a_machine_is_never_filled_to_see_whether_it_was_too_much(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 GB left, all of it allowed: 64 images took 640 MB, so 128 are not begun; 96 are."""
    monkeypatch.setattr(batch_finder, "available_mb", lambda: 1000.0)
    sizes: list[int] = []

    def peak(job, data, team, share) -> float:
        sizes.append(job.spec.budget.batch_size)
        return 10.0 * sizes[-1]

    monkeypatch.setattr(batch_finder, "step_peak_mb", peak)
    job = stage_job(digits_stage(), tmp_path)
    found = find_micro_batch(job, digits, Team.alone(), SHARE, Limits(4096, 1000.0), 1)
    assert found.largest is not None and 94 <= found.largest <= 100 and max(sizes) <= 100
    with pytest.raises(ResourceError, match=r"this machine has 1\.0 GB left"):
        find_micro_batch(job, digits, Team.alone(), SHARE, Limits(4096, 2048.0), 1)


def test_a_system_that_does_not_tell_is_named(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_finder, "step_peak_mb", lambda *_: None)
    with pytest.raises(ResourceError, match="does not tell the peak memory"):
        find_micro_batch(stage_job(digits_stage(), tmp_path), digits, Team.alone(), SHARE, Limits(8), 1)


def test_a_strategy_that_allows_no_other_batch_says_so(tmp_path: Path) -> None:
    job = stage_job(digits_stage({"kind": "repeated_augmentation", "num_repeats": 4}), tmp_path)
    with pytest.raises(SpecError, match=r"a batch of 2 in 1 shards cannot be tried: .*num_repeats=4"):
        cut(job, 2, 1)


def test_real_steps_take_more_memory_with_more_images(digits: DataHandle, tmp_path: Path) -> None:
    """A network wide enough that its activations, not the interpreter, are what grows."""
    spec = digits_stage(example("mixup"), model={"kind": "small_cnn", "width": 48})
    job = stage_job(spec, tmp_path)
    left = batch_finder.available_mb()
    if left is None or left < 2000:
        pytest.skip("this machine has too little memory left, or does not tell")
    try:
        found = find_micro_batch(job, digits, Team.alone(), SHARE, Limits(256, 0.4 * left), 1)
    except ResourceError:
        pytest.skip("this kernel does not reset the peak of the resident set")
    peaks = {one.images: one.peak_mb for one in found.tries}
    assert found.largest == 256 and found.num_shards == 1
    assert peaks[256] > 1.5 * peaks[64]  # type: ignore[operator] - all of them fit, so all have a peak


def test_a_size_that_does_not_fit_keeps_its_peak() -> None:
    def attempt(size: int) -> float:
        if size > 2:
            raise DoesNotFit(123.0)
        return 1.0

    assert largest_that_fits(4, attempt)[1].peak_mb == 123.0
