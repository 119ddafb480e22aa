from dataclasses import replace

import pytest
from pydantic import ValidationError

from pipeline.data.index import EpochPlan
from pipeline.data.plan import train_batches
from pipeline.strategies.chain import Chain
from pipeline.strategies.gradual_augmentation import GradualAugmentation, GradualAugmentationConfig
from tests.pipeline.strategies.contract import context, make_index


# By hand: from + (1 - from) * min(1, (epoch / epochs) / until).
@pytest.mark.parametrize(
    ("fields", "num_epochs", "expected"),
    [
        ({}, 4, [0.0, 0.5, 1.0, 1.0]),
        ({"from_strength": 0.5}, 4, [0.5, 0.75, 1.0, 1.0]),
        ({"until_frac": 1.0}, 4, [0.0, 0.25, 0.5, 0.75]),
        ({"from_strength": 0.2, "until_frac": 0.25}, 8, [0.2, 0.6, *[1.0] * 6]),
        ({"from_strength": 1.0}, 3, [1.0, 1.0, 1.0]),
        ({}, 1, [0.0]),
    ],
)
def test_table_of_strengths(fields: dict[str, float], num_epochs: int, expected: list[float]) -> None:
    chain = Chain([GradualAugmentationConfig.model_validate(fields)], replace(context(), num_epochs=num_epochs))
    plans = chain.plan_epochs(16, 64)
    assert [plan.augment_strength for plan in plans] == pytest.approx(expected)
    for plan in plans:
        batch = next(train_batches(make_index(), plan, 1, 0, 0, 1))
        assert batch.augment_strength == plan.augment_strength, "it reaches whoever renders"


def test_it_weakens_what_is_already_weak() -> None:
    strategy = GradualAugmentation(GradualAugmentationConfig(from_strength=0.5), context())
    assert strategy.plan_epoch(EpochPlan(0, 16, 64, augment_strength=0.4), 0.0).augment_strength == pytest.approx(0.2)


@pytest.mark.parametrize("fields", [{"from_strength": 1.1}, {"from_strength": -0.1}, {"until_frac": 0.0}])
def test_impossible_values_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        GradualAugmentationConfig.model_validate(fields)
