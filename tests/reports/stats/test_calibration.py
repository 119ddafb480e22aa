import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reports.stats.calibration import NUM_BINS, Bins, by_confidence, equal_mass_bins, equal_width_bins, null_level

CASE = by_confidence(
    np.array([0.95, 0.9, 0.85, 0.8, 0.72, 0.68, 0.55, 0.51, 0.99, 0.61]), np.array([1, 1, 0, 1, 1, 0, 1, 0, 1, 0])
)


def test_reference_case() -> None:
    five = equal_width_bins(CASE, 5)
    assert five.ece == pytest.approx(0.156, abs=1e-9)
    assert five.mce == pytest.approx(0.2025, abs=1e-9)
    assert five.squared_l2 == pytest.approx(0.028485, abs=1e-6)
    assert five.debiased_squared_l2 == pytest.approx(-0.079848, abs=1e-6)
    assert equal_width_bins(CASE, 10).ece == pytest.approx(0.264, abs=1e-9)


@given(arrays(np.float64, st.integers(1, 80), elements=st.floats(0, 1)), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_equal_width_agrees_with_the_loop_over_bins(confidence: np.ndarray, num_bins: int, seed: int) -> None:
    correct = np.random.default_rng(seed).integers(0, 2, len(confidence))
    edges, slow, largest = np.linspace(0, 1, num_bins + 1), 0.0, 0.0
    for b in range(num_bins):
        inside = (confidence > edges[b]) & (confidence <= edges[b + 1]) | ((b == 0) & (confidence == 0))
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            slow += inside.mean() * gap
            largest = max(largest, gap)
    found = equal_width_bins(by_confidence(confidence, correct), num_bins)
    assert found.ece == pytest.approx(slow, abs=1e-12)
    assert found.mce == pytest.approx(largest, abs=1e-12)
    assert found.counts.sum() == len(confidence)


@given(st.integers(1, 100), st.integers(1, 20))
def test_equal_mass_bins_are_those_of_array_split(num_images: int, num_bins: int) -> None:
    confidence = np.random.default_rng(num_images).random(num_images)
    found = equal_mass_bins(by_confidence(confidence, np.ones(num_images)), num_bins)
    parts = [part for part in np.array_split(np.sort(confidence), num_bins) if len(part)]
    assert found.counts.tolist() == [len(part) for part in parts]
    assert found.confidence == pytest.approx([part.mean() for part in parts])


def test_debiasing_takes_off_what_sampling_adds() -> None:
    rng = np.random.default_rng(0)
    plain, debiased = [], []
    for _ in range(300):
        confidence = rng.beta(6, 0.6, 500)
        bins = equal_mass_bins(by_confidence(confidence, rng.random(500) < confidence))
        plain.append(bins.squared_l2)
        debiased.append(bins.debiased_squared_l2)
    assert np.mean(plain) > 1.5e-3
    assert abs(np.mean(debiased)) < 1e-4


def test_a_bin_of_one_image_is_left_as_it_is() -> None:
    assert Bins(np.array([1]), np.array([0.8]), np.array([1.0])).debiased_squared_l2 == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("num_images", "equal_width", "equal_mass"),
    [(500, 0.0273, 0.0326), (1000, 0.0186, 0.0222), (2000, 0.0138, 0.0162), (10_000, 0.0060, 0.0071)],
)
def test_null_level_of_a_model_right_in_91_of_100(num_images: int, equal_width: float, equal_mass: float) -> None:
    """The levels were simulated elsewhere with another spread of confidences, hence the tolerance."""
    rng = np.random.default_rng(5)
    confidence = rng.beta(6, 0.6, num_images)
    found = null_level(by_confidence(confidence, np.ones(num_images)), rng, repeats=300)
    assert confidence.mean() == pytest.approx(0.91, abs=0.012)
    assert found.equal_width == pytest.approx(equal_width, rel=0.1)
    assert found.equal_mass == pytest.approx(equal_mass, rel=0.1)


def test_null_level_agrees_with_the_normal_limit() -> None:
    """With many images, a bin's count is normal around its expectation, and E|N(0, v)| is sqrt(2 v / pi)."""
    confidence = np.sort(np.random.default_rng(6).uniform(0.3, 1, 6000))
    found = null_level(by_confidence(confidence, np.ones(6000)), np.random.default_rng(7), repeats=1000)
    limit = sum(
        np.sqrt(2 * (part * (1 - part)).sum() / np.pi) for part in np.array_split(confidence, NUM_BINS)
    ) / len(confidence)  # fmt: skip
    assert found.equal_mass == pytest.approx(limit, rel=0.02)


def test_null_level_is_drawn_from_the_generator_alone() -> None:
    one, other = (null_level(CASE, np.random.default_rng(3), repeats=50) for _ in range(2))
    assert one == other
