"""From class probabilities to stored predictions, and from those to metrics."""

import numpy as np
import torch
from torch import Tensor

ECE_BINS = 15  # Guo et al. 2017 (arXiv:1706.04599)
TINY = 1e-12  # keeps log finite where a true class got probability 0


def summarize_probs(probs_NK: Tensor, labels_N: Tensor) -> dict[str, np.ndarray]:
    """Per sample: label, predicted class, confidence, probability of the truth, top-5 hit, Brier score.

    probs_NK: [N, K] float32, rows sum to 1.  labels_N: [N] int64.  Each returned array is [N].
    """
    confidence, predicted = probs_NK.max(dim=1)
    true_prob = probs_NK.gather(1, labels_N[:, None])[:, 0]
    top = probs_NK.topk(min(5, probs_NK.shape[1]), dim=1).indices
    # Brier over all classes, sum form: sum_k p_k^2 - 2 p_true + 1 (Brier 1950); 0 is best, 2 is worst.
    brier = probs_NK.square().sum(dim=1) - 2 * true_prob + 1
    columns = {
        "label": labels_N,
        "predicted": predicted,
        "confidence": confidence,
        "true_class_prob": true_prob,
        "top5_hit": (top == labels_N[:, None]).any(dim=1),
        "brier": brier,
    }
    return {name: column.cpu().numpy() for name, column in columns.items()}


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, num_bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy over equal-width, right-closed bins, weighted by their counts."""
    edges = np.linspace(0, 1, num_bins + 1)
    bins = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    gaps = np.abs(np.bincount(bins, correct, num_bins) - np.bincount(bins, confidence, num_bins))
    return float(gaps[counts > 0].sum() / len(confidence))


def quick_metrics(predictions: dict[str, np.ndarray]) -> dict[str, float]:
    """What is worth a point on a curve every epoch."""
    return {
        "top1": float(np.mean(predictions["predicted"] == predictions["label"])),
        "nll": float(-np.log(np.maximum(predictions["true_class_prob"], TINY)).mean()),
    }


def all_metrics(predictions: dict[str, np.ndarray]) -> dict[str, float]:
    """Every metric of a split, fractions in 0..1 (NLL in nats)."""
    # Imported at the end of a worker's first stage: a second that would delay its first step.
    from sklearn.metrics import balanced_accuracy_score, f1_score

    label, predicted = predictions["label"], predictions["predicted"]
    return {
        **quick_metrics(predictions),
        "top5": float(predictions["top5_hit"].mean()),
        "balanced_accuracy": float(balanced_accuracy_score(label, predicted)),
        "macro_f1": float(f1_score(label, predicted, average="macro", zero_division=0)),  # type: ignore[arg-type] - a number is allowed
        "brier": float(predictions["brier"].mean()),
        "ece": expected_calibration_error(predictions["confidence"], (predicted == label).astype(np.float64)),
    }


def merge_in_order(parts: list[dict[int, dict[str, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Join the ranks' evaluation batches in the order of the split.  Each part: batch number -> columns."""
    batches: dict[int, dict[str, np.ndarray]] = {}
    for part in parts:
        batches.update(part)
    ordered = [batches[number] for number in sorted(batches)]
    return {name: np.concatenate([columns[name] for columns in ordered]) for name in ordered[0]}


@torch.no_grad()
def normalize(pixels: np.ndarray, device: torch.device, mean: Tensor, std: Tensor) -> Tensor:
    """[N, H, W, 3] uint8 -> [N, 3, H, W] float32, channels last in memory.  mean, std: [3] on the device, of 0..1."""
    own = pixels if pixels.flags.writeable else pixels.copy()  # Ray Data's are read-only, which torch warns of
    images = torch.from_numpy(own).to(device, non_blocking=True)
    return ((images.to(torch.float32) / 255.0 - mean) / std).permute(0, 3, 1, 2)
