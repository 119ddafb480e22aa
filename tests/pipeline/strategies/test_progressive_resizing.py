import pytest

from pipeline.strategies.chain import Chain
from pipeline.strategies.progressive_resizing import ProgressiveResizingConfig, size_at
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
    stage = context()
    stage = type(stage)(stage.seed, stage.num_classes, num_epochs, stage.device, stage.load_stage_model)
    chain = Chain([ProgressiveResizingConfig.model_validate(fields)], stage)
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


def test_starting_at_full_size_is_the_neutral_limit() -> None:
    assert {size_at(progress / 10, 96, 96, 0.25, 4) for progress in range(10)} == {96}
