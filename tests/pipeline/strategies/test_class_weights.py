from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from pipeline.data.index import TrainIndex
from pipeline.strategies import CATALOGUE
from pipeline.strategies.base import Rng
from pipeline.strategies.chain import Chain, overrides
from pipeline.strategies.class_weights import (
    ClassWeights,
    ClassWeightsConfig,
    EffectiveNumber,
    InverseFrequency,
    class_weights,
)
from pipeline.strategies.label_noise import LabelNoiseConfig
from pipeline.tasks.classify import cross_entropy
from pipeline.types import Batch
from tests.pipeline.strategies.contract import context, make_batch, make_index

LABELS = np.repeat([0, 1, 2, 3, 4], [100, 50, 10, 1, 239])
RNG = Rng.named(0)  # it draws nothing


def index_of(labels: np.ndarray = LABELS) -> TrainIndex:
    return replace(make_index(len(labels)), labels=labels)


def weighted(config: ClassWeightsConfig, batch: Batch) -> Batch:
    strategy = ClassWeights(config, context())
    strategy.edit_dataset(index_of())
    return strategy.edit_batch(batch, RNG)


def test_inverse_frequency_is_scikit_learns_balanced() -> None:
    theirs = compute_class_weight("balanced", classes=np.arange(5), y=LABELS)
    np.testing.assert_allclose(class_weights(LABELS, 5, InverseFrequency()), theirs)


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999])
def test_the_effective_number_is_a_sum_of_powers(beta: float) -> None:
    """Cui et al. 2019, proposition 1: E_n = 1 + beta E_(n-1), so E_n = 1 + beta + ... + beta^(n-1)."""
    effective = np.asarray([sum(beta**i for i in range(n)) for n in np.bincount(LABELS)])
    got = class_weights(LABELS, 5, EffectiveNumber(beta=beta))
    np.testing.assert_allclose(got * effective, (got * effective)[0])


@pytest.mark.parametrize("rule", [InverseFrequency(power=0.5), InverseFrequency(), EffectiveNumber()])
def test_the_mean_over_the_samples_is_one(rule: InverseFrequency | EffectiveNumber) -> None:
    assert class_weights(LABELS, 5, rule)[LABELS].mean() == pytest.approx(1.0)
    gaps = class_weights(np.asarray([0, 0, 3]), 5, rule)
    assert gaps[[1, 2, 4]].tolist() == [0, 0, 0], "no sample has this class"
    assert gaps[[0, 0, 3]].mean() == pytest.approx(1.0)


def test_large_counts_and_many_nines_stay_exact() -> None:
    counts = np.asarray([1.0, 1e6])
    got = EffectiveNumber(beta=1 - 1e-9).raw(counts)
    np.testing.assert_allclose(got, [1.0, 1e-6 * (1 + 0.5e-3)], rtol=1e-6)  # E_n is about n - n^2 (1 - beta) / 2


def test_the_loss_is_torchs_weighted_cross_entropy() -> None:
    batch = make_batch(64)
    logits = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
    by_class = torch.from_numpy(class_weights(LABELS, 5, InverseFrequency()).astype(np.float32))
    theirs = functional.cross_entropy(logits, batch.labels, weight=by_class, reduction="none").mean()
    got = cross_entropy(logits, weighted(ClassWeightsConfig(), batch))["cross_entropy"]
    torch.testing.assert_close(got, theirs)


def test_weights_that_are_there_already_are_multiplied() -> None:
    batch = make_batch()
    alone = weighted(ClassWeightsConfig(), batch).weights
    half = weighted(ClassWeightsConfig(), replace(batch, weights=torch.full((8,), 0.5))).weights
    assert alone is not None and half is not None and batch.weights is None
    torch.testing.assert_close(half, 0.5 * alone)


def test_equal_classes_have_no_weights() -> None:
    strategy = ClassWeights(ClassWeightsConfig(), context())
    batch, index = make_batch(), make_index()
    assert strategy.edit_dataset(index) is index
    assert strategy.edit_batch(batch, RNG) is batch


def test_labels_are_counted_as_they_are_trained_on() -> None:
    """After every strategy that edits the data set."""
    editing = [kind for kind, config in CATALOGUE.items() if overrides(config.runtime, "edit_dataset")]
    assert editing[-1] == "class_weights"
    chain = Chain([LabelNoiseConfig(frac=0.5), ClassWeightsConfig()], context())
    noisy = chain.edit_dataset(index_of()).labels
    batch = chain.edit_batch(make_batch(), 0, 0)
    assert batch.weights is not None
    expected = class_weights(noisy, 5, InverseFrequency())[batch.labels.numpy()]
    np.testing.assert_allclose(batch.weights.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "fault", [{"kind": "inverse_frequency", "power": 0}, {"kind": "effective_number", "beta": 1.0}, {"kind": "other"}]
)
def test_impossible_rules_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"rule"):
        ClassWeightsConfig.model_validate({"rule": fault})
