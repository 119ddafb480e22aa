from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.data.handle import DataHandle
from pipeline.spec.errors import SpecError
from pipeline.strategies.chain import Chain
from pipeline.strategies.progressive_resizing import ProgressiveResizingConfig, batch_factor, size_at
from tests.pipeline.stages import digits_stage, stage_job, train_alone
from tests.pipeline.strategies.contract import context


# By hand: from + (full - from) * epoch / epochs / (1 - final), rounded to the multiple.
@pytest.mark.parametrize(
    ("fields", "num_epochs", "full_px", "expected"),
    [
        ({"from_px": 64, "final_frac": 0.25, "multiple_px": 4}, 4, 128, [64, 84, 108, 128]),
        ({"from_px": 64, "final_frac": 0.0, "multiple_px": 32}, 8, 128, [64, 64, 64, 96, 96, 96, 128, 128]),
        ({"from_px": 64, "final_frac": 0.5, "multiple_px": 4}, 4, 128, [64, 96, 128, 128]),
        ({"from_px": 8, "final_frac": 0.25, "multiple_px": 4}, 3, 16, [8, 12, 16]),
        ({"from_px": 10, "final_frac": 0.25, "multiple_px": 16}, 4, 50, [16, 16, 32, 50]),
        ({"from_px": 100, "final_frac": 0.25, "multiple_px": 64}, 4, 130, [128, 128, 128, 130]),
        ({"from_px": 16, "final_frac": 0.25, "multiple_px": 4}, 3, 16, [16, 16, 16]),
        ({"from_px": 8, "final_frac": 0.25, "multiple_px": 4}, 1, 16, [8]),
    ],
)
def test_table_of_sizes(fields: dict[str, float], num_epochs: int, full_px: int, expected: list[int]) -> None:
    chain = Chain([ProgressiveResizingConfig.model_validate(fields)], replace(context(), num_epochs=num_epochs))
    plans = chain.plan_epochs(full_px, 64)
    assert [plan.image_size_px for plan in plans] == expected
    assert [plan.epoch for plan in plans] == list(range(num_epochs))


@pytest.mark.parametrize("final_frac", [0.0, 0.25, 0.9])
@pytest.mark.parametrize("multiple_px", [1, 4, 32])
@pytest.mark.parametrize(("from_px", "full_px"), [(64, 128), (33, 97), (50, 50), (4, 500)])
def test_sizes_grow_to_full_size_and_never_leave_the_range(
    final_frac: float, multiple_px: int, from_px: int, full_px: int
) -> None:
    sizes = [size_at(epoch / 50, from_px, full_px, final_frac, multiple_px) for epoch in range(50)]
    assert sizes == sorted(sizes)
    assert min(sizes) >= from_px
    assert max(sizes) <= full_px
    assert sizes[50 - round(50 * final_frac) :] == [full_px] * round(50 * final_frac)
    for size in set(sizes) - {from_px, full_px}:
        assert size % multiple_px == 0


# By hand: stairs of equal length below the full size; 12 epochs, of which the last quarter at full size.
@pytest.mark.parametrize(
    ("num_steps", "expected"),
    [
        (1, [64] * 9 + [128] * 3),
        (2, [64] * 5 + [96] * 4 + [128] * 3),
        (3, [64] * 3 + [84] * 3 + [108] * 3 + [128] * 3),
        (9, [64, 72, 80, 84, 92, 100, 108, 112, 120, 128, 128, 128]),
    ],
)
def test_table_of_stairs(num_steps: int, expected: list[int]) -> None:
    config = ProgressiveResizingConfig(from_px=64, shape="steps", num_steps=num_steps)
    plans = Chain([config], replace(context(), num_epochs=12)).plan_epochs(128, 64)
    assert [plan.image_size_px for plan in plans] == expected
    assert {plan.batch_size for plan in plans} == {64}
    assert {plan.lr_scale for plan in plans} == {1.0}


@pytest.mark.parametrize(
    ("fields", "sizes", "factors"),
    [
        ({"from_px": 64}, [64, 84, 108, 128], [4, 2, 1, 1]),  # (128 / 84)^2 = 2.3, (128 / 108)^2 = 1.4
        ({"from_px": 64, "max_batch_factor": 3}, [64, 84, 108, 128], [3, 2, 1, 1]),
        ({"from_px": 32, "max_batch_factor": 100}, [32, 64, 96, 128], [16, 4, 1, 1]),
        ({"from_px": 128}, [128] * 4, [1] * 4),
    ],
)
def test_batches_grow_as_pixels_shrink_and_the_rate_with_them(
    fields: dict[str, int], sizes: list[int], factors: list[int]
) -> None:
    config = ProgressiveResizingConfig.model_validate(fields | {"batch": "by_pixels"})
    plans = Chain([config], context()).plan_epochs(128, 24)
    assert [plan.image_size_px for plan in plans] == sizes
    assert [plan.batch_size for plan in plans] == [24 * factor for factor in factors]
    assert [plan.lr_scale for plan in plans] == factors
    assert all(plan.batch_size * plan.image_size_px**2 <= 24 * 128**2 for plan in plans), "never more memory"


@pytest.mark.parametrize("size_px", range(1, 129, 7))
def test_the_factor_is_the_largest_that_fits(size_px: int) -> None:
    fitting = [factor for factor in range(1, 2**14 + 1) if factor * size_px**2 <= 128**2]
    assert batch_factor(size_px, 128, 2**14) == max(fitting)


@pytest.mark.parametrize("fields", [{"shape": "steps"}, {"num_steps": 3}], ids=str)
def test_stairs_are_counted_and_ramps_are_not(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="num_steps goes with shape: steps, but got"):
        ProgressiveResizingConfig.model_validate({"from_px": 64} | fields)


def test_the_rate_is_scaled_in_training_and_samples_are_counted(digits: DataHandle, tmp_path: Path) -> None:
    fields = {"kind": "progressive_resizing", "from_px": 8, "batch": "by_pixels", "final_frac": 0.5, "multiple_px": 8}
    result = train_alone(stage_job(digits_stage(fields), tmp_path), digits)
    # Three epochs of 8, 16 and 16 pixels on 300 images: one step of 256, then four of 64 each.
    assert result.curves.image_size_px == (8, 16, 16)
    assert list(result.curves.lr) == pytest.approx([0.2] + [0.05] * 8)
    assert result.record.cost is not None
    assert result.record.cost.samples_seen == 256 + 2 * 256


def test_a_batch_that_grows_beyond_the_data_is_refused(digits: DataHandle, tmp_path: Path) -> None:
    fields = {"kind": "progressive_resizing", "from_px": 4, "batch": "by_pixels", "max_batch_factor": 16}
    with pytest.raises(SpecError, match=r"batch_size=64, which grows to 1024 with these strategies, is larger than"):
        train_alone(stage_job(digits_stage(fields), tmp_path), digits)


def test_starting_at_full_size_is_the_neutral_limit() -> None:
    assert {size_at(progress / 10, 96, 96, 0.25, 4) for progress in range(10)} == {96}
