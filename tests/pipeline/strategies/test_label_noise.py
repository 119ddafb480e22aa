from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from pipeline.strategies.chain import Chain
from pipeline.strategies.label_noise import LabelNoiseConfig, flip_labels
from pipeline.strategies.placebo import PlaceboConfig
from tests.pipeline.strategies.contract import assert_same_index, context, make_index

INDEX = make_index(4000)


@pytest.mark.parametrize("frac", [0.05, 0.2, 0.9])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_share_of_wrong_labels(frac: float, seed: int) -> None:
    wrong = int((flip_labels(INDEX, frac, seed).labels != INDEX.labels).sum())
    assert stats.binomtest(wrong, 4000, frac).pvalue > 1e-3


def test_a_flipped_label_is_never_the_true_one_and_all_others_are_alike() -> None:
    noisy = flip_labels(INDEX, 0.999999, 0)
    shift = (noisy.labels - INDEX.labels) % 5
    assert (shift > 0).all()
    counts = np.zeros((5, 5))
    np.add.at(counts, (INDEX.labels, noisy.labels), 1)
    assert stats.chisquare(counts[~np.eye(5, dtype=bool)]).pvalue > 1e-3


def test_two_classes_swap() -> None:
    two = replace(INDEX, labels=INDEX.labels % 2, num_classes=2)
    noisy = flip_labels(two, 0.3, 0)
    flipped = noisy.labels != two.labels
    np.testing.assert_array_equal(noisy.labels[flipped], 1 - two.labels[flipped])
    assert 0.25 < flipped.mean() < 0.35


def test_a_sample_keeps_its_fate_wherever_it_stands() -> None:
    order = np.random.default_rng(0).permutation(4000)[:1500]
    picked = replace(INDEX, rows=INDEX.rows[order], keys=INDEX.keys[order], labels=INDEX.labels[order])
    np.testing.assert_array_equal(flip_labels(picked, 0.2, 3).labels, flip_labels(INDEX, 0.2, 3).labels[order])


def test_more_noise_contains_less_noise() -> None:
    some, more = (flip_labels(INDEX, frac, 0).labels for frac in (0.1, 0.3))
    flipped = some != INDEX.labels
    np.testing.assert_array_equal(more[flipped], some[flipped])


def test_seeds_flip_independently() -> None:
    one, other = (flip_labels(INDEX, 0.2, seed).labels != INDEX.labels for seed in (0, 1))
    table = [
        [int((one & other).sum()), int((one & ~other).sum())],
        [int((~one & other).sum()), int((~one & ~other).sum())],
    ]
    assert stats.fisher_exact(table).pvalue > 1e-3  # type: ignore[union-attr]


def test_only_labels_change() -> None:
    noisy = flip_labels(INDEX, 0.2, 0)
    assert_same_index(replace(noisy, labels=INDEX.labels), INDEX)


def test_a_vanishing_share_is_the_neutral_limit() -> None:
    assert_same_index(flip_labels(INDEX, 0.0, 0), INDEX)


def test_a_placebo_draws_other_noise() -> None:
    configs = [PlaceboConfig(), LabelNoiseConfig(frac=0.5)]
    alone = Chain(configs[1:], context()).edit_dataset(INDEX).labels
    beside = Chain(configs, context()).edit_dataset(INDEX).labels
    assert 0.3 < np.mean(alone != beside) < 0.8


@pytest.mark.parametrize("frac", [0.0, 1.0])
def test_impossible_shares_are_refused(frac: float) -> None:
    with pytest.raises(ValidationError, match="frac"):
        LabelNoiseConfig(frac=frac)
