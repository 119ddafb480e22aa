import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline.tasks.patches import grid_fault, masked_mean, normalized, patches_of, random_mask


def test_patches_are_those_of_unfold() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 12, 8)
    # unfold: [N, C * p * p, P] with the channel slowest
    unfolded = functional.unfold(images, 4, stride=4).reshape(2, 3, 16, 6).permute(0, 3, 2, 1).reshape(2, 6, 48)
    assert torch.equal(patches_of(images, 4), unfolded)


@pytest.mark.parametrize(
    ("frac", "patches", "hidden"), [(0.75, 16, 12), (0.6, 16, 10), (0.01, 16, 1), (0.99, 16, 15), (0.5, 2, 1)]
)
def test_each_image_has_as_many_patches_hidden(frac: float, patches: int, hidden: int) -> None:
    mask = random_mask(np.random.default_rng(0), 200, patches, frac)
    assert mask.dtype == np.bool_
    assert mask.sum(axis=1).tolist() == [hidden] * 200


def test_every_patch_is_hidden_as_often() -> None:
    share = random_mask(np.random.default_rng(1), 4000, 16, 0.75).mean(axis=0)
    # Four standard errors of a binomial share.
    assert np.abs(share - 0.75).max() < 4 * np.sqrt(0.75 * 0.25 / 4000)


def test_normalized_patches_have_mean_0_and_variance_1() -> None:
    torch.manual_seed(2)
    patches = normalized(5 + 3 * torch.randn(4, 6, 48))
    torch.testing.assert_close(patches.mean(dim=2), torch.zeros(4, 6), atol=1e-5, rtol=0)
    torch.testing.assert_close(patches.var(dim=2), torch.ones(4, 6), atol=1e-4, rtol=0)
    assert torch.equal(normalized(torch.ones(1, 1, 8)), torch.zeros(1, 1, 8)), "a flat patch stays finite"


def test_only_hidden_patches_count() -> None:
    torch.manual_seed(3)
    errors, mask = torch.rand(3, 5, 7), torch.tensor(random_mask(np.random.default_rng(2), 3, 5, 0.4))
    slow = [errors[n, p].mean() for n in range(3) for p in range(5) if mask[n, p]]
    torch.testing.assert_close(masked_mean(errors, mask), torch.stack(slow).mean())
    assert torch.equal(masked_mean(torch.where(mask[:, :, None], errors, 99.0), mask), masked_mean(errors, mask))


@pytest.mark.parametrize(("size", "patch", "refused"), [(32, 8, False), (32, 16, False), (32, 32, True), (30, 8, True)])
def test_patches_must_fill_the_image(size: int, patch: int, refused: bool) -> None:
    fault = grid_fault("mae", size, patch)
    assert (fault is not None) is refused
    if fault:
        assert f"patch_px={patch}" in fault and f"image_size_px={size}" in fault
