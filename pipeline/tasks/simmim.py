"""SimMIM on a convolutional network: hidden patches of the image are painted over, and one layer restores them.

Xie et al. 2022, arXiv:2111.09886. Hidden pixels get one learned colour, since a convolution has no tokens to drop.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.spec.errors import SpecError
from pipeline.tasks.base import PretrainingNet, freeze_unreached
from pipeline.tasks.patches import MaskedPatches, patches_of


class SimMim(MaskedPatches):
    """Hidden patches, restored from what is around them; the mean absolute error counts on hidden patches only."""

    kind: Literal["simmim"] = "simmim"
    # The paper's 32 px at 192 px are a sixth of the side; small images have patches as small.
    patch_px: int = Field(8, ge=2, le=64, description="side of a patch; it need not be the network's stride")
    mask_frac: float = Field(0.6, gt=0, lt=1, description="share of the patches that is hidden; the paper: 0.6")
    normalize_patches: bool = Field(False, description="restore each patch with mean 0 and variance 1")

    def network(self, plain: nn.Module, image_size_px: int) -> nn.Module:  # noqa: D102 - as its base
        return SimMimNet(plain, self.patch_px, image_size_px)

    def error(self, difference: Tensor) -> Tensor:  # noqa: D102 - as its base
        return difference.abs()


class SimMimNet(PretrainingNet):
    """A network with feature maps, and the one layer that turns each place of the last map into its pixels.

    Raises:
        SpecError: its features are no maps [N, D, H / stride, W / stride].
    """

    def __init__(self, plain: nn.Module, patch_px: int, image_size_px: int) -> None:
        super().__init__(plain)
        self.patch_px = patch_px
        device, mode = next(plain.parameters()).device, plain.training
        probe = torch.zeros(2, 3, image_size_px, image_size_px, device=device)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            shape = tuple(self.eval().maps(probe).shape)
        if len(shape) != 4 or shape[2] != shape[3] or image_size_px % shape[2]:
            raise SpecError(
                f"task simmim needs a network whose features are maps [N, D, side, side] with a side that divides "
                f"data.image_size_px={image_size_px}, but {type(plain).__name__} gives {list(shape)}; change the size, "
                "or choose a convolutional network (task mae is for vision transformers)"
            )
        stride = image_size_px // shape[2]
        self.colour = nn.Parameter(torch.zeros(1, 3, 1, 1))  # 0 is the data's mean colour
        self.restore = nn.Conv2d(shape[1], 3 * stride**2, 1)
        self.to(device)
        self._stride = stride
        mask = torch.arange((image_size_px // patch_px) ** 2, device=device).expand(2, -1) % 2 == 1
        freeze_unreached(self, lambda: self(probe, mask))
        self.train(mode)

    def forward(self, images: Tensor, mask_NP: Tensor) -> Tensor:
        """[N, 3, H, W] and [N, P] bool -> [N, P, pixels of a patch]."""
        side = images.shape[-1] // self.patch_px
        holes = mask_NP.reshape(-1, 1, side, side).repeat_interleave(self.patch_px, 2)
        holes = holes.repeat_interleave(self.patch_px, 3)
        seen = torch.where(holes, self.colour.to(images.dtype), images)
        restored = functional.pixel_shuffle(self.restore(self.maps(seen)), self._stride)
        return patches_of(restored, self.patch_px)
