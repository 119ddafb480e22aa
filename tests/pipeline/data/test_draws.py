import hashlib

import numpy as np
import pytest
from scipy import stats

from pipeline.data.draws import sample_key, uniforms

KEYS = np.asarray([sample_key(f"cat/{i}.jpg") for i in range(20_000)], dtype=np.uint64)
ALPHA = 1e-3  # of one test; the draws are fixed, so a pass stays a pass


def test_a_key_is_blake2b_of_the_id() -> None:
    assert sample_key("cat/é.jpg") == int(hashlib.blake2b("cat/é.jpg".encode(), digest_size=8).hexdigest(), 16)


def mix(x: int) -> int:
    """The finalizer of SplitMix64 in Python's own integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_draws_are_splitmix64_of_the_counter(seed: int) -> None:
    keys = [0, 1, 2**64 - 1, sample_key("a")]
    slow = [
        [(mix((mix(key ^ mix(seed)) + n * 0x9E3779B97F4A7C15) % 2**64) >> 11) / 2**53 for n in (1, 2, 3)]
        for key in keys
    ]
    np.testing.assert_array_equal(uniforms(seed, np.asarray(keys, dtype=np.uint64), 3), slow)


def test_golden_values() -> None:
    """Other values here mean that every crop of every recorded run would be another one today."""
    drawn = uniforms(42, np.asarray([1, sample_key("cat/0.jpg")], dtype=np.uint64), 2)
    np.testing.assert_array_equal(
        drawn, [[0.09933483127031417, 0.9756279334222653], [0.26205399972611154, 0.9456388991902815]]
    )


def test_draws_belong_to_the_sample_not_to_the_call() -> None:
    alone = uniforms(5, KEYS[7:8], 4)
    np.testing.assert_array_equal(uniforms(5, KEYS[::-1], 4)[-8], alone[0])
    np.testing.assert_array_equal(uniforms(5, KEYS[7:8], 9)[:, :4], alone)


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_uniform_over_samples_and_over_counters(seed: int) -> None:
    over_samples = uniforms(seed, KEYS, 2)
    assert 0 <= over_samples.min() < over_samples.max() < 1
    for column in over_samples.T:
        assert stats.kstest(column, "uniform").pvalue > ALPHA
    assert stats.kstest(uniforms(seed, KEYS[:1], 20_000)[0], "uniform").pvalue > ALPHA
    neighbours = uniforms(seed, np.arange(20_000, dtype=np.uint64), 1)[:, 0]
    assert stats.kstest(neighbours, "uniform").pvalue > ALPHA, "keys that are small numbers work as well"


def test_neighbouring_seeds_keys_and_counters_are_independent() -> None:
    limit = stats.norm.isf(ALPHA / 2) / np.sqrt(len(KEYS))  # of a correlation of independent pairs

    def correlation(x: np.ndarray, y: np.ndarray) -> float:
        return abs(float(np.corrcoef(x, y)[0, 1]))

    first, second = uniforms(8, KEYS, 2).T
    assert correlation(first, second) < limit, "counters"
    assert correlation(first, uniforms(9, KEYS, 1)[:, 0]) < limit, "seeds"
    assert correlation(first, uniforms(8, KEYS + np.uint64(1), 1)[:, 0]) < limit, "keys"
    assert correlation(first, uniforms(8, KEYS ^ np.uint64(1 << 63), 1)[:, 0]) < limit, "keys that differ in one bit"
    assert stats.ks_2samp(np.abs(first - second), 1 - np.sqrt(1 - (np.arange(20_000) + 0.5) / 20_000))[1] > ALPHA  # type: ignore[operator]
    # No stream is a shifted copy of another: the same number never turns up twice.
    assert len(np.unique(np.concatenate([uniforms(s, KEYS[:2000], 4).ravel() for s in range(4)]))) == 4 * 2000 * 4
