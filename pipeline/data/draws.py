"""Random numbers that belong to a sample, whoever draws them and in whatever order.

A counter-based generator: the i-th number of a sample is a mix of (stream seed, sample key, i). Nothing is
stored, so any worker, lane or resumed run draws the same crop for the same sample.
"""

import hashlib

import numpy as np

# Constants of SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def sample_key(sample_id: str) -> int:
    """The 64-bit key of a stable sample id."""
    return int.from_bytes(hashlib.blake2b(sample_id.encode(), digest_size=8).digest(), "big")


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def uniforms(seed: int, keys: np.ndarray, count: int) -> np.ndarray:
    """`count` numbers in [0, 1) for each key.  keys: [n] uint64 -> [n, count] float64."""
    # Mixing the seed first keeps neighbouring seeds from giving shifted copies of one sequence.
    start = _mix(keys ^ _mix(np.asarray([seed], dtype=np.uint64)))
    counter = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    bits = _mix(start[:, None] + counter[None, :])
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
