"""Masked autoencoder: a vision transformer reads a quarter of the patches, and a small decoder paints the others.

He et al. 2022, arXiv:2111.06377. The encoder's position embedding is timm's, which learns; the paper's is fixed. The
decoder's is fixed (sines and cosines of both axes).
"""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.spec.errors import SpecError
from pipeline.tasks.base import PretrainingNet, freeze_unreached
from pipeline.tasks.patches import MaskedPatches

HEAD_WIDTH = 32  # of the decoder's attention: 512 / 16 in the paper


class Mae(MaskedPatches):
    """Hidden patches, painted from the visible ones; the mean squared error counts on hidden patches only."""

    kind: Literal["mae"] = "mae"
    patch_px: int = Field(16, ge=2, le=64, description="side of a patch: the transformer's own")
    mask_frac: float = Field(0.75, gt=0, lt=1, description="share of the patches that is hidden; the paper: 0.75")
    normalize_patches: bool = Field(True, description="paint each patch with mean 0 and variance 1, as the paper does")
    # The paper's decoder has 8 blocks of 512 for a ViT-L; its table 1 finds a shallow one as good for fine-tuning.
    decoder_dim: int = Field(128, ge=HEAD_WIDTH, le=1024, multiple_of=HEAD_WIDTH)
    decoder_depth: int = Field(2, ge=1, le=12)

    def network(self, plain: nn.Module, image_size_px: int) -> nn.Module:  # noqa: D102 - as its base
        return MaeNet(plain, self, image_size_px)

    def error(self, difference: Tensor) -> Tensor:  # noqa: D102 - as its base
        return difference.square()


class MaeNet(PretrainingNet):
    """A timm vision transformer as the encoder, and the decoder.

    Raises:
        SpecError: the network is none, or has other patches.
    """

    def __init__(self, plain: nn.Module, spec: Mae, image_size_px: int) -> None:
        from timm.layers import build_sincos2d_pos_embed
        from timm.models.vision_transformer import Block, VisionTransformer

        super().__init__(plain)
        if type(plain) is not VisionTransformer:
            raise SpecError(
                f"task mae needs timm's VisionTransformer (vit_*, deit_*), not a {type(plain).__name__}; choose such a "
                "model, or task simmim for convolutional networks"
            )
        vit: Any = plain
        if tuple(vit.patch_embed.patch_size) != (spec.patch_px, spec.patch_px):
            raise SpecError(
                f"task.patch_px={spec.patch_px}, but the model's patches have {vit.patch_embed.patch_size[0]} px; set "
                "it to that"
            )
        device, side, width = vit.pos_embed.device, image_size_px // spec.patch_px, spec.decoder_dim
        self.embed = nn.Linear(vit.embed_dim, width)
        self.hidden = nn.Parameter(torch.empty(1, 1, width))
        nn.init.normal_(self.hidden, std=0.02)  # as the paper's code
        self.places: Tensor
        self.register_buffer("places", build_sincos2d_pos_embed([side, side], width)[None])
        self.blocks = nn.Sequential(*(Block(width, width // HEAD_WIDTH) for _ in range(spec.decoder_depth)))
        self.norm = nn.LayerNorm(width)
        self.paint = nn.Linear(width, 3 * spec.patch_px**2)
        self.to(device)
        probe = torch.zeros(2, 3, image_size_px, image_size_px, device=device)
        mask = torch.arange(side**2, device=device).expand(2, -1) % 2 == 1
        freeze_unreached(self, lambda: self(probe, mask))

    def forward(self, images: Tensor, mask_NP: Tensor) -> Tensor:
        """[N, 3, H, W] and [N, P] bool, as many hidden in each row -> [N, P, pixels of a patch]."""
        vit: Any = self.plain
        num_prefix = vit.num_prefix_tokens
        tokens = vit.norm_pre(vit._pos_embed(vit.patch_embed(images)))
        prefix, patches = tokens[:, :num_prefix], tokens[:, num_prefix:]
        visible = patches[~mask_NP].reshape(len(images), -1, patches.shape[2])
        read = self.embed(vit.norm(vit.blocks(torch.cat([prefix, visible], dim=1))))
        canvas = self.hidden.to(read.dtype).repeat(*mask_NP.shape, 1)
        canvas[~mask_NP] = read[:, num_prefix:].reshape(-1, read.shape[2])
        painted = self.blocks(torch.cat([read[:, :num_prefix], canvas + self.places], dim=1))
        return self.paint(self.norm(painted))[:, num_prefix:]
