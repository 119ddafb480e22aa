import numpy as np
import pytest
import torch
from sklearn import metrics
from torchvision.transforms.functional import normalize as their_normalize

from pipeline.training.evaluate import (
    all_metrics,
    expected_calibration_error,
    merge_in_order,
    normalize,
    quick_metrics,
    summarize_probs,
)

# Ten predictions and four distributions with published values of their scores.
CONFIDENCE = np.asarray([0.95, 0.9, 0.85, 0.8, 0.72, 0.68, 0.55, 0.51, 0.99, 0.61])
CORRECT = np.asarray([1, 1, 0, 1, 1, 0, 1, 0, 1, 0], dtype=np.float64)
PROBS = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.9, 0.05, 0.05]]
LABELS = [0, 1, 1, 2]


def random_probs(num: int = 500, num_classes: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, num_classes, (num,), generator=generator)
    logits = torch.randn(num, num_classes, generator=generator) + 1.5 * torch.nn.functional.one_hot(labels, num_classes)
    return (2 * logits).softmax(dim=1), labels


@pytest.mark.parametrize(("num_bins", "expected"), [(5, 0.156), (10, 0.264)])
def test_calibration_error_of_a_published_case(num_bins: int, expected: float) -> None:
    assert expected_calibration_error(CONFIDENCE, CORRECT, num_bins) == pytest.approx(expected, abs=1e-9)


def test_calibration_error_is_the_sum_over_right_closed_bins() -> None:
    rng = np.random.default_rng(0)
    confidence = np.append(rng.uniform(size=300), [0.0, 0.2, 0.4, 1.0])
    correct = (rng.uniform(size=304) < confidence).astype(float)
    slow = 0.0
    for i in range(15):
        inside = [j for j, c in enumerate(confidence) if (i / 15 < c <= (i + 1) / 15) or (i == 0 and c == 0)]
        if inside:
            slow += len(inside) / 304 * abs(correct[inside].mean() - confidence[inside].mean())
    assert expected_calibration_error(confidence, correct) == pytest.approx(slow)


def test_a_calibrated_network_has_no_error() -> None:
    assert expected_calibration_error(np.full(10, 0.6), np.asarray([1] * 6 + [0] * 4, float)) == pytest.approx(0)
    assert expected_calibration_error(np.ones(4), np.zeros(4)) == 1


def test_brier_and_nll_of_a_published_case() -> None:
    predictions = summarize_probs(torch.tensor(PROBS), torch.tensor(LABELS))
    assert all_metrics(predictions)["brier"] == pytest.approx(0.72375, abs=1e-6)
    assert all_metrics(predictions)["nll"] == pytest.approx(1.266801, abs=1e-5)
    # Two classes: the sum form is twice the binary score, 0.21506 in the published case above.
    binary = torch.from_numpy(np.stack([1 - CONFIDENCE, CONFIDENCE], axis=1))
    both = summarize_probs(binary, torch.from_numpy(CORRECT).long())
    assert both["brier"].mean() == pytest.approx(2 * 0.21506, abs=1e-9)


@pytest.mark.parametrize("num_classes", [2, 4, 7, 12])
def test_metrics_are_scikit_learns(num_classes: int) -> None:
    probs, labels = random_probs(num_classes=num_classes)
    got = all_metrics(summarize_probs(probs, labels))
    p, y, every = probs.double().numpy(), labels.numpy(), list(range(num_classes))
    p = p / p.sum(axis=1, keepdims=True)
    predicted = p.argmax(axis=1)
    one_hot = np.eye(num_classes)[y]
    expected = {
        "top1": metrics.accuracy_score(y, predicted),
        "top5": metrics.top_k_accuracy_score(y, p, k=5, labels=every) if num_classes > 5 else 1.0,
        "nll": metrics.log_loss(y, p, labels=every),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
        "macro_f1": metrics.f1_score(y, predicted, average="macro"),
        "brier": ((p - one_hot) ** 2).sum(axis=1).mean(),
        "ece": expected_calibration_error(p.max(axis=1), (predicted == y).astype(float)),
    }
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert {name: got[name] for name in ("top1", "nll")} == quick_metrics(summarize_probs(probs, labels))


def test_a_hopeless_prediction_stays_finite() -> None:
    predictions = summarize_probs(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert quick_metrics(predictions) == {"top1": 0.0, "nll": pytest.approx(-np.log(1e-12))}
    assert predictions["brier"].tolist() == [2.0]


def test_parts_are_joined_in_the_order_of_the_split() -> None:
    probs, labels = random_probs(100)
    whole = summarize_probs(probs, labels)
    pieces = {i: summarize_probs(probs[i * 30 : i * 30 + 30], labels[i * 30 : i * 30 + 30]) for i in range(4)}
    merged = merge_in_order([{3: pieces[3], 1: pieces[1]}, {}, {2: pieces[2], 0: pieces[0]}])
    assert merged.keys() == whole.keys()
    for name, column in whole.items():
        np.testing.assert_array_equal(merged[name], column, err_msg=name)


def test_normalizing_is_torchvisions() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)
    pixels.flags.writeable = False
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    got = normalize(pixels, torch.device("cpu"), torch.tensor(mean), torch.tensor(std))
    scaled = torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(got, their_normalize(scaled, list(mean), list(std)))
    assert got.is_contiguous(memory_format=torch.channels_last)
