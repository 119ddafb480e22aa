"""What features are worth before anybody trains them further, and whether they have collapsed.

k nearest neighbours (Wu et al. 2018, arXiv:1805.01978, section 3.4), a linear probe, and two numbers that fall when a
task without labels has found the trivial answer: the same features for every image.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

KNN_NEIGHBOURS = 20  # Caron et al. 2021 (arXiv:2104.14294) find 20 best throughout; Wu et al. use 200 on ImageNet
KNN_TEMPERATURE = 0.07  # Wu et al., section 3.4
QUERIES_AT_ONCE = 1024  # no more memory than a few training batches, however large the split
PROBE_L2 = 1e-3  # times half the squared weights, beside the mean cross-entropy, on standardized features
PROBE_STEPS = 200  # of L-BFGS, at most
# Below these, features are called collapsed. With random weights, small_cnn, three ResNets, ConvNeXt, a ViT and a
# MobileNet have spreads of 0.1 to 1 and ranks of 15 to 170 on CIFAR-10.
LEAST_SPREAD = 0.02
LEAST_RANK = 1.05


@dataclass(frozen=True, slots=True)
class Spread:
    """How much features differ between images."""

    feature_spread: float  # 1: in all directions alike; 0: every image has the same features
    effective_rank: float  # from 1 to the number of features

    @property
    def collapsed(self) -> bool:
        """Whether nothing can be told from them."""
        return self.feature_spread < LEAST_SPREAD or self.effective_rank < LEAST_RANK

    def warnings(self) -> tuple[str, ...]:
        """For people; empty where all is well."""
        if not self.collapsed:
            return ()
        return (
            f"COLLAPSED: almost every image has the same features (spread {self.feature_spread:.3f} of 1, effective "
            f"rank {self.effective_rank:.2f}); what starts from them starts from little. Try a lower learning rate, "
            "stronger augmentation, or a larger batch",
        )


def spread_of(features_nD: Tensor) -> Spread:
    """Of features as they are read by a classifier.

    `feature_spread`: the standard deviation of each feature over the images, their rows scaled to length 1, on average,
    times sqrt(D): rows spread evenly over the sphere have a standard deviation of 1 / sqrt(D) (Chen and He 2021,
    arXiv:2011.10566, section 4.1).
    `effective_rank`: exp of the entropy of the singular values' shares (Roy and Vetterli 2007, EUSIPCO), of the rows
    scaled to length 1.

    features_nD: [n, D] float32.
    """
    rows = functional.normalize(features_nD.double(), dim=1)
    num_features = rows.shape[1]
    deviation = rows.std(dim=0, correction=0).mean().item()
    values = torch.linalg.svdvals(rows)
    shares = values / values.sum().clamp_min(torch.finfo(values.dtype).tiny)
    entropy = -torch.special.xlogy(shares, shares).sum().item()
    return Spread(deviation * num_features**0.5, torch.tensor(entropy).exp().item())


def knn_probs(
    queries_nD: Tensor, features_mD: Tensor, labels_m: Tensor, num_classes: int, neighbours: int = KNN_NEIGHBOURS
) -> Tensor:
    """Class probabilities of queries by the votes of the nearest labelled features, each weighted by exp(cosine / t).

    Args:
        queries_nD: [n, D] float32.
        features_mD: [m, D] float32.
        labels_m: [m] int64, theirs.
        num_classes: K.
        neighbours: that vote; all if there are fewer.

    Returns:
        [n, K] float32, rows sum to 1.
    """
    known_Dm = functional.normalize(features_mD, dim=1).T
    parts = []
    for queries in functional.normalize(queries_nD, dim=1).split(QUERIES_AT_ONCE):
        nearest = (queries @ known_Dm).topk(min(neighbours, len(features_mD)), dim=1)
        # Relative to the nearest one: exp(1 / 0.07) is large, and only ratios count.
        weights = ((nearest.values - nearest.values[:, :1]) / KNN_TEMPERATURE).exp()
        votes = torch.zeros(len(queries), num_classes).scatter_add(1, labels_m[nearest.indices], weights)
        parts.append(votes / votes.sum(dim=1, keepdim=True))
    return torch.cat(parts)


def probe_logits(queries_nD: Tensor, features_mD: Tensor, labels_m: Tensor, num_classes: int) -> Tensor:
    """Logits of queries by multinomial logistic regression on the labelled features; the same numbers every time.

    Features are standardized by the mean and deviation of the labelled ones. The bias is not decayed.

    Args and shapes: as `knn_probs`.  Returns: [n, K] float64.
    """
    mean, deviation = features_mD.double().mean(dim=0), features_mD.double().std(dim=0, correction=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)
    inputs = (features_mD.double() - mean) / deviation
    weight = torch.zeros(num_classes, inputs.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(num_classes, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=PROBE_STEPS, tolerance_grad=1e-7, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        solver.zero_grad()
        logits = functional.linear(inputs, weight, bias)
        value = functional.cross_entropy(logits, labels_m) + 0.5 * PROBE_L2 * weight.square().sum()
        value.backward()
        return value.item()

    with torch.enable_grad():
        solver.step(loss)
    return functional.linear((queries_nD.double() - mean) / deviation, weight.detach(), bias.detach())
