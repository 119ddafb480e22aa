import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline.contract.lab import Lab
from pipeline.data.index import EpochPlan
from pipeline.data.transforms import ForView
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.fixmatch import FixMatch, FixMatchConfig, consistency_loss
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import context, make_batch

HALF = {"kind": "digits", "labeled_frac": 0.5}


def logits(seed: int) -> torch.Tensor:
    return 3 * torch.randn(20, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.95, 0.9999])
def test_the_loss_is_the_papers_written_out(threshold: float) -> None:
    """Sohn et al. 2020, equation 4: (1 / mu B) sum 1[max q >= tau] H(argmax q, p)."""
    weak, strong = logits(0), logits(1)
    total, num_sure = 0.0, 0
    for w, s in zip(weak.tolist(), strong.tolist(), strict=True):
        q = [math.exp(x) / sum(map(math.exp, w)) for x in w]
        if max(q) >= threshold:
            num_sure += 1
            total += math.log(sum(map(math.exp, s))) - s[q.index(max(q))]
    assert float(consistency_loss(weak, strong, threshold)) == pytest.approx(total / 20, rel=1e-9)
    assert 0 < num_sure < 20 or threshold in (0.3, 0.9999)


def test_nothing_is_learnt_through_the_weak_view() -> None:
    weak, strong = logits(0).requires_grad_(), logits(1).requires_grad_()
    consistency_loss(weak, strong, 0.5).backward()
    sure = weak.detach().softmax(1).max(1).values >= 0.5
    assert weak.grad is None
    assert strong.grad is not None
    assert (strong.grad.abs().sum(1) > 0).tolist() == sure.tolist(), "and only by images that it is sure of"


def test_labelled_and_unlabelled_images_are_shown_in_one_pass() -> None:
    batch = make_batch(num_unlabelled=24)
    network = SmallCnnNet(5, 4, 0.0).eval()
    strategy = FixMatch(FixMatchConfig(mu=3, threshold=0.1, weight=2.0), context())
    terms = strategy.wrap_loss(cross_entropy)(network(batch.shown), batch)
    weak, strong = (network(view) for view in batch.pool)
    torch.testing.assert_close(terms["cross_entropy"], cross_entropy(network(batch.images), batch)["cross_entropy"])
    torch.testing.assert_close(terms["fixmatch"], 2.0 * consistency_loss(weak, strong, 0.1))


def test_only_the_strong_view_is_distorted() -> None:
    strategy = FixMatch(FixMatchConfig(), context())
    assert strategy.plan_epoch(EpochPlan(0, 16, 8), 0.0).pool_ratio == 7
    transforms = strategy.row_transforms()
    assert [t.view for t in transforms if isinstance(t, ForView)] == ["strong", "strong"]
    image = np.full((16, 16, 3), 200, dtype=np.uint8)
    hole = transforms[1](image, np.random.default_rng(0), 1.0)
    assert (hole != image).any()


@pytest.mark.parametrize("others", [("mixup", "distill", "class_weights"), ("arcface", "pseudo_labels")])
def test_strategies_before_it_see_labelled_images_only(lab: Lab, others: tuple[str, ...]) -> None:
    result = lab.train(digits_stage(example("fixmatch"), *map(example, others), data=HALF))
    terms = {name for name in result.curves.series if name.startswith("train/")}
    assert {"train/fixmatch", "train/cross_entropy"} < terms


def test_unlabelled_images_count_as_seen(lab: Lab) -> None:
    result = lab.train(digits_stage(example("fixmatch") | {"mu": 3}, data=HALF))
    assert result.record.cost is not None
    assert result.record.cost.samples_seen == 3 * 2 * 64 * (1 + 3)  # epochs, steps, batch, and the pool's


def test_without_unlabelled_images_it_cannot_be() -> None:
    with pytest.raises(ValidationError, match="there are no unlabelled images"):
        digits_stage(example("fixmatch"))


def test_the_share_of_sure_images_is_a_curve_of_its_own(lab: Lab) -> None:
    """One point an epoch, no part of the loss; between what thresholds out of reach and below chance give."""
    series = {}
    for threshold in (0.05, 0.15, 0.99999):
        result = lab.train(digits_stage(example("fixmatch") | {"threshold": threshold}, data=HALF))
        series[threshold] = result.curves.series["train/fixmatch_sure_share"]
        terms = [result.curves.series[f"train/{name}"] for name in ("cross_entropy", "fixmatch")]
        sums = [sum(values) for values in zip(*terms, strict=True)]
        assert list(result.curves.series["train/loss"]) == pytest.approx(sums, rel=1e-5)
    assert series[0.05] == (1.0, 1.0, 1.0)
    assert series[0.99999] == (0.0, 0.0, 0.0)
    assert 0 < sum(series[0.15]) < 3, series[0.15]


def test_the_share_is_the_mean_over_the_steps_since_it_was_asked() -> None:
    batch = make_batch(num_unlabelled=24)
    strategy = FixMatch(FixMatchConfig(mu=3, threshold=0.5), context())
    loss_fn = strategy.wrap_loss(cross_entropy)
    shares = []
    for seed in (0, 3):
        said = 3 * torch.randn(len(batch.shown), 5, generator=torch.Generator().manual_seed(seed))
        loss_fn(said, batch)
        weak = said[8:32]
        shares.append(sum(max(row) >= 0.5 for row in weak.softmax(1).tolist()) / 24)
    assert 0 < shares[0] != shares[1]
    assert strategy.readings() == {"sure_share": pytest.approx(sum(shares) / 2)}
    loss_fn(said, batch)
    assert strategy.readings() == {"sure_share": pytest.approx(shares[1])}
