"""A contact sheet of a batch as the network saw it."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

COLUMNS, ROWS, GAP_PX = 8, 2, 2
MAX_TILE_PX = 128


def contact_sheet(images: Tensor, mean: Tensor, std: Tensor) -> bytes:
    """PNG of the first images, normalization undone.  images: [N, 3, H, W]."""
    count = min(len(images), COLUMNS * ROWS)
    picked = images[:count].detach().float()
    restored = picked * std[:, None, None] + mean[:, None, None]
    pixels = (restored.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    height, width = pixels.shape[1:3]
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 3), 255, dtype=np.uint8)
    for i in range(count):
        top, left = (i // columns) * (height + GAP_PX), (i % columns) * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = pixels[i]
    image = Image.fromarray(sheet)
    if max(height, width) > MAX_TILE_PX:
        scale = MAX_TILE_PX / max(height, width)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
