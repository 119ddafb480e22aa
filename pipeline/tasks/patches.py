"""Square patches of images: cut, hidden at random, and compared with a reconstruction. What masked tasks share."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.spec.training import TrainingFields
from pipeline.tasks.base import Peers, Pretraining
from pipeline.types import Batch, LossFn, LossTerms

EPSILON = 1e-6  # of the variance inside a patch: that of He et al. 2022 (arXiv:2111.06377), section 4


def patches_of(images: Tensor, patch_px: int) -> Tensor:
    """[N, C, H, W] -> [N, P, patch_px * patch_px * C], patches row by row, each pixel's channels side by side."""
    n, c, h, w = images.shape
    rows, columns = h // patch_px, w // patch_px
    cells = images.reshape(n, c, rows, patch_px, columns, patch_px)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(n, rows * columns, patch_px * patch_px * c)


def random_mask(rng: np.random.Generator, num_images: int, num_patches: int, mask_frac: float) -> np.ndarray:
    """[num_images, num_patches] bool: of each image as many patches hidden, at least one and never all."""
    num_masked = min(max(1, round(mask_frac * num_patches)), num_patches - 1)
    place = np.argsort(np.argsort(rng.random((num_images, num_patches)), axis=1), axis=1)
    return place < num_masked


def normalized(patches_NPE: Tensor) -> Tensor:
    """Each patch with mean 0 and variance 1, so that its contrast does not decide how much it counts."""
    mean = patches_NPE.mean(dim=2, keepdim=True)
    return (patches_NPE - mean) / (patches_NPE.var(dim=2, keepdim=True) + EPSILON).sqrt()


def masked_mean(errors_NPE: Tensor, mask_NP: Tensor) -> Tensor:
    """Mean over the pixels of hidden patches; what the network could see does not count."""
    by_patch = errors_NPE.mean(dim=2)
    return (by_patch * mask_NP).sum() / mask_NP.sum()


def grid_fault(kind: str, image_size_px: int, patch_px: int) -> str | None:
    """Why images of this size cannot be cut into such patches."""
    if image_size_px % patch_px == 0 and image_size_px > patch_px:
        return None
    return (
        f"task {kind} cuts images into patches of patch_px={patch_px}, which must divide data.image_size_px="
        f"{image_size_px} and be smaller; change one of the two"
    )


def drawn_mask(rng: np.random.Generator, images: Tensor, patch_px: int, mask_frac: float) -> Tensor:
    """[N, P] bool on the images' device, drawn on the host, so that a CPU and a GPU hide the same patches."""
    num_patches = (images.shape[-2] // patch_px) * (images.shape[-1] // patch_px)
    return torch.from_numpy(random_mask(rng, len(images), num_patches, mask_frac)).to(images.device)


class MaskedPatches(Pretraining):
    """Patches that the network does not see, restored by it; only they count."""

    patch_px: int
    mask_frac: float
    normalize_patches: bool

    def error(self, difference: Tensor) -> Tensor:
        """What a pixel's difference from its target costs, element by element."""
        raise NotImplementedError

    def fault(self, training: TrainingFields) -> str | None:  # noqa: D102 - as its base
        return super().fault(training) or grid_fault(self.kind, training.data.image_size_px, self.patch_px)

    def prepare(self, batch: Batch, rng: np.random.Generator) -> Batch:  # noqa: D102 - as its base
        return replace(batch, mask=drawn_mask(rng, batch.images, self.patch_px, self.mask_frac))

    def forward(self, network: nn.Module, batch: Batch) -> Tensor:  # noqa: D102 - as its base
        return network(batch.images, batch.mask)

    def loss_fn(self, peers: Peers) -> LossFn:  # noqa: D102 - as its base
        del peers  # each image counts for itself

        def loss(outputs: Tensor, batch: Batch) -> LossTerms:
            target = patches_of(batch.images, self.patch_px)
            if self.normalize_patches:
                target = normalized(target)
            assert batch.mask is not None, "prepare has drawn one"
            return {"hidden_patches": masked_mean(self.error(outputs - target), batch.mask)}

        return loss
