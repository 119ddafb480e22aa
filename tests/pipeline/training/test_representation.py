import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from pipeline.training import representation
from pipeline.training.representation import (
    KNN_TEMPERATURE,
    PROBE_L2,
    knn_probs,
    probe_logits,
    spread_of,
)


def blobs(num: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three overlapping clouds in 6 dimensions, and which cloud each point is of."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    centres = np.random.default_rng(99).normal(size=(3, 6))
    points = centres[labels] + 0.9 * rng.normal(size=(num, 6))
    return torch.from_numpy(points.astype(np.float32)), torch.from_numpy(labels)


@pytest.mark.parametrize("neighbours", [1, 5, 20, 500])
def test_nearest_neighbours_vote_as_those_of_scikit_learn(neighbours: int) -> None:
    features, labels = blobs(150, 1)
    queries, _ = blobs(40, 2)
    reference = KNeighborsClassifier(
        n_neighbors=min(neighbours, 150),
        metric="cosine",
        weights=lambda far: np.exp((1 - far) / KNN_TEMPERATURE),  # type: ignore[arg-type] - its stub knows names only
    ).fit(features.numpy(), labels.numpy())
    got = knn_probs(queries, features, labels, 3, neighbours)
    torch.testing.assert_close(
        got.double(), torch.from_numpy(reference.predict_proba(queries.numpy())).double(), atol=1e-4, rtol=1e-3
    )


def test_large_splits_are_asked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = blobs(60, 7)
    whole = knn_probs(features, features, labels, 3)
    monkeypatch.setattr(representation, "QUERIES_AT_ONCE", 7)
    torch.testing.assert_close(knn_probs(features, features, labels, 3), whole)


def test_a_class_without_a_neighbour_has_no_probability() -> None:
    features, labels = blobs(60, 3)
    got = knn_probs(features, features, labels, 7)
    assert got.shape == (60, 7)
    assert got[:, 3:].max() == 0
    torch.testing.assert_close(got.sum(dim=1), torch.ones(60))


def test_the_linear_probe_is_the_logistic_regression_of_scikit_learn() -> None:
    features, labels = blobs(200, 4)
    queries, _ = blobs(50, 5)
    scaler = StandardScaler().fit(features.double().numpy())
    # scikit-learn: half the squared weights plus C times the sum of the losses.
    reference = LogisticRegression(C=1 / (PROBE_L2 * 200), tol=1e-10, max_iter=5000)
    reference.fit(scaler.transform(features.double().numpy()), labels.numpy())
    expected = torch.from_numpy(reference.predict_proba(scaler.transform(queries.double().numpy())))
    torch.testing.assert_close(
        probe_logits(queries, features, labels, 3).softmax(dim=1), expected, atol=1e-4, rtol=1e-3
    )


def test_a_feature_that_never_changes_does_no_harm_to_the_probe() -> None:
    features, labels = blobs(100, 6)
    with_constant = torch.cat([features, torch.full((100, 1), 3.0)], dim=1)
    torch.testing.assert_close(
        probe_logits(with_constant, with_constant, labels, 3), probe_logits(features, features, labels, 3)
    )


def test_features_spread_evenly_have_spread_1_and_full_rank() -> None:
    torch.manual_seed(0)
    spread = spread_of(torch.randn(20_000, 8))
    assert spread.feature_spread == pytest.approx(1.0, abs=0.01)
    assert spread.effective_rank == pytest.approx(8.0, abs=0.01)
    assert not spread.collapsed
    assert spread.warnings() == ()


def test_the_effective_rank_of_known_singular_values() -> None:
    """Rows along two axes, 3 and 1 of them: singular values sqrt(3) and 1."""
    rows = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.3, 0.0]])
    a = math.sqrt(3) / (math.sqrt(3) + 1)
    expected = math.exp(-a * math.log(a) - (1 - a) * math.log(1 - a))
    assert spread_of(rows).effective_rank == pytest.approx(expected, rel=1e-6)


def test_the_spread_of_known_rows() -> None:
    """(1, 0) and (0, 1): each feature has a standard deviation of 1/2."""
    assert spread_of(torch.tensor([[3.0, 0.0], [0.0, 7.0]])).feature_spread == pytest.approx(
        0.5 * math.sqrt(2), rel=1e-6
    )


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_the_same_features_for_every_image_are_called_collapsed(noise: float) -> None:
    torch.manual_seed(1)
    spread = spread_of(torch.randn(1, 64).expand(300, -1) + noise * torch.randn(300, 64))
    assert spread.feature_spread < 0.01
    assert spread.effective_rank == pytest.approx(1.0, abs=0.2)
    (warning,) = spread.warnings()
    assert warning.startswith("COLLAPSED: almost every image has the same features (spread 0.00")


def test_features_on_a_line_are_called_collapsed_however_far_apart() -> None:
    line = torch.linspace(1, 5, 50)[:, None] * torch.tensor([[1.0, 2.0, 3.0]])
    assert spread_of(line).collapsed
