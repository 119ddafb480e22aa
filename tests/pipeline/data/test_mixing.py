from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from timm.data.mixup import cutmix_bbox_and_lam
from torchvision.transforms import v2

from pipeline.data import mixing
from pipeline.data.mixing import Box, blend_pairs, box_around, draw_box, paste_box
from tests.pipeline.strategies.contract import make_batch

BOXES = [Box(0, 0, 0, 0), Box(2, 7, 3, 16), Box(0, 16, 0, 16), Box(15, 16, 0, 1)]
PARTNER = torch.tensor([3, 0, 2, 5, 4, 1])


def weighted_batch(size: int = 6):
    return replace(make_batch(size), weights=torch.arange(1.0, size + 1))


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 1.0])
def test_blending_is_the_loop_over_samples(weight: float) -> None:
    batch = weighted_batch()
    got = blend_pairs(batch, weight, PARTNER)
    assert got.weights is not None and batch.weights is not None
    for i, j in enumerate(PARTNER.tolist()):
        torch.testing.assert_close(got.images[i], weight * batch.images[i] + (1 - weight) * batch.images[j])
        torch.testing.assert_close(got.weights[i], weight * batch.weights[i] + (1 - weight) * batch.weights[j])
        expected = torch.zeros(5)
        expected[batch.labels[i]] += weight
        expected[batch.labels[j]] += 1 - weight
        torch.testing.assert_close(got.targets[i], expected)


def test_a_weight_of_one_changes_nothing() -> None:
    batch = make_batch()
    got = blend_pairs(batch, 1.0, torch.arange(8).flip(0))
    assert torch.equal(got.images, batch.images)
    assert torch.equal(got.targets, batch.targets)


@pytest.mark.parametrize("box", BOXES)
def test_pasting_is_the_loop_over_pixels(box: Box) -> None:
    batch = weighted_batch()
    before = batch.images.clone()
    got = paste_box(batch, box, PARTNER)
    assert got.weights is not None and batch.weights is not None
    for i, j in enumerate(PARTNER.tolist()):
        taken = 0
        for y in range(16):
            for x in range(16):
                inside = box.top <= y < box.bottom and box.left <= x < box.right
                taken += inside
                source = before[j] if inside else before[i]
                assert torch.equal(got.images[i, :, y, x], source[:, y, x])
        share = taken / 256
        assert taken == box.area
        expected = torch.zeros(5)
        expected[batch.labels[i]] += 1 - share
        expected[batch.labels[j]] += share
        torch.testing.assert_close(got.targets[i], expected)
        torch.testing.assert_close(got.weights[i], (1 - share) * batch.weights[i] + share * batch.weights[j])
    assert torch.equal(batch.images, before)


def test_an_empty_box_changes_nothing() -> None:
    batch = weighted_batch()
    got = paste_box(batch, BOXES[0], PARTNER)
    assert torch.equal(got.images, batch.images) and torch.equal(got.targets, batch.targets)
    assert got.weights is not None and batch.weights is not None and torch.equal(got.weights, batch.weights)


@pytest.mark.parametrize("box", BOXES)
def test_pasting_is_torchvisions_cutmix_given_the_box(box: Box) -> None:
    batch = make_batch(6)
    theirs = v2.CutMix(num_classes=5)
    share = box.area / 256
    params = {
        "box": (box.left, box.top, box.right, box.bottom), "lam_adjusted": 1.0 - share, "labels": batch.labels,
        "batch_size": 6,
    }  # fmt: skip
    got = paste_box(batch, box, torch.arange(6).roll(1))
    assert torch.equal(got.images, theirs.transform(batch.images, params))
    torch.testing.assert_close(got.targets, theirs.transform(batch.labels, params))


class Fixed:
    """Stands for a numpy generator (or for numpy's global one): says what it is told to."""

    def __init__(self, draw: float, centre: tuple[int, int]) -> None:
        self.draw, self.centre = draw, list(centre)

    def beta(self, a: float, b: float) -> float:
        return self.draw

    def randint(self, low: int, high: int, size: None = None) -> int:
        value = self.centre.pop(0)
        assert low <= value < high
        return value

    integers = randint


@pytest.mark.parametrize("draw", [0.0, 0.1, 0.36, 0.75, 0.99, 1.0])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (9, 14), (1, 5)])
def test_the_box_is_timms(monkeypatch: pytest.MonkeyPatch, draw: float, height: int, width: int) -> None:
    for centre in [(0, 0), (height - 1, width - 1), (height // 2, width // 3)]:
        monkeypatch.setattr(np.random, "randint", Fixed(draw, centre).randint)
        (top, bottom, left, right), weight = cutmix_bbox_and_lam((3, height, width), draw)
        box = draw_box(Fixed(draw, centre), 1.0, height, width)  # type: ignore[arg-type] - as a generator speaks
        assert (box.top, box.bottom, box.left, box.right) == (top, bottom, left, right)
        assert 1.0 - box.area / (height * width) == weight


def test_the_box_is_torchvisions_where_its_sides_are_even(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs always has even sides before it is cut off: of odd ones it leaves out a pixel."""
    theirs, seen = v2.CutMix(num_classes=5), 0
    for number in range(60):
        rng = np.random.default_rng(number)
        draw, y, x = float(rng.uniform()), int(rng.integers(0, 16)), int(rng.integers(0, 16))
        side = int(16 * np.sqrt(1 - draw))
        if side % 2:
            continue
        draws = [torch.tensor([x]), torch.tensor([y])]
        monkeypatch.setattr(theirs._dist, "sample", lambda _, draw=draw: torch.tensor(draw, dtype=torch.float64))
        monkeypatch.setattr(torch, "randint", lambda *_, size, draws=draws: draws.pop(0))
        left, top, right, bottom = theirs.make_params([torch.zeros(3, 16, 16)])["box"]
        assert box_around(y, x, 1.0 - draw, 16, 16) == Box(top, bottom, left, right)
        seen += 1
    assert seen > 20


def test_shares_follow_the_beta_distribution_and_centres_are_even() -> None:
    """In a very large image almost no box is cut off by rounding; a tall one shows both centres."""
    shares, rows = [], []

    def around(y: int, x: int, share: float, height: int, width: int) -> Box:
        assert 0 <= y < height and 0 <= x < width
        shares.append(share)
        rows.append((y, x))
        return BOXES[0]

    original, mixing.box_around = mixing.box_around, around
    try:
        rng = np.random.default_rng(0)
        for _ in range(600):
            draw_box(rng, 0.7, 4, 6)
    finally:
        mixing.box_around = original
    assert stats.kstest(shares, stats.beta(0.7, 0.7).cdf).pvalue > 1e-3
    counts = np.bincount([6 * y + x for y, x in rows], minlength=24)
    assert stats.chisquare(counts).pvalue > 1e-3
