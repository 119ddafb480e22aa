from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pipeline.data.index import TrainIndex
from pipeline.data.plan import train_batches
from pipeline.strategies.chain import Chain
from pipeline.strategies.class_balanced_sampling import ClassBalancedSamplingConfig
from tests.pipeline.strategies.contract import context, make_index

COUNTS = np.asarray([240, 100, 40, 15, 5])


def unequal() -> TrainIndex:
    return replace(make_index(400), labels=np.repeat(np.arange(5), COUNTS))


# Kang et al. 2019, equation 1: p_j = n_j^q / sum_i n_i^q, with q = 1 - power.
@pytest.mark.parametrize("power", [1.0, 0.5, 0.25])
def test_classes_are_seen_as_the_paper_says(power: float) -> None:
    seen = np.zeros(5)
    context_of_many = replace(context(), num_epochs=30)
    for plan in Chain([ClassBalancedSamplingConfig(power=power)], context_of_many).plan_epochs(16, 40):
        for batch in train_batches(unequal(), plan, 1, 1, 0, 1):
            seen += np.bincount(batch.labels, minlength=5)
    assert seen.sum() == 30 * 400
    expected = COUNTS.astype(float) ** (1 - power)
    assert stats.chisquare(seen, expected / expected.sum() * seen.sum()).pvalue > 1e-3


def test_within_a_class_all_samples_are_alike_and_copies_draw_on_their_own() -> None:
    counts = np.zeros(400, dtype=int)
    for plan in Chain([ClassBalancedSamplingConfig()], replace(context(), num_epochs=30)).plan_epochs(16, 400):
        (batch,) = train_batches(unequal(), plan, 1, 1, 0, 1)
        counts += np.bincount(batch.rows, minlength=400)
        assert len(np.unique(batch.keys)) == 400, "the same image, but another crop"
    for label in range(5):
        assert stats.chisquare(counts[unequal().labels == label]).pvalue > 1e-3


@pytest.mark.parametrize("power", [0.0, 1.5])
def test_impossible_powers_are_refused(power: float) -> None:
    with pytest.raises(ValidationError, match="power"):
        ClassBalancedSamplingConfig(power=power)
