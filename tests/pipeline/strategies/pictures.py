"""Images to augment, and torchvision's own transforms driven by our random numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from torch import Tensor


def picture(size_px: int = 48, seed: int = 0) -> np.ndarray:
    """[size, size, 3] uint8: coloured shapes with edges, gradients, noise, and some pure black and white."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (size_px // 8 + 2, size_px // 8 + 2, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    smooth[size_px // 3 : size_px // 2, size_px // 4 : size_px // 2] = (250, 20, 128)
    image = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    image[: size_px // 8, : size_px // 8], image[-size_px // 8 :, : size_px // 8] = 0, 255
    return image


def as_tensor(image: np.ndarray) -> Tensor:
    """[H, W, 3] -> [3, H, W], as torchvision takes it."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1).contiguous()


def as_array(image: Tensor) -> np.ndarray:
    """[3, H, W] -> [H, W, 3]."""
    return image.permute(1, 2, 0).numpy()


@contextmanager
def torch_draws_from(rng: np.random.Generator) -> Iterator[None]:
    """Whatever torchvision asks torch's global generator for comes from a numpy generator, in the order of asking."""

    def randint(*args: Any, low: int = 0, high: int | None = None, size: tuple[int, ...] = ()) -> Tensor:
        *bounds, shape = args if args and isinstance(args[-1], tuple) else (*args, size)
        low, high = (low, high) if not bounds else (0, *bounds)[-2:]
        return torch.tensor(rng.integers(low, high)).expand(shape)

    def uniform(tensor: Tensor, low: float, high: float) -> Tensor:
        return tensor.to(torch.float64).fill_(rng.uniform(float(low), float(high)))

    def dirichlet(params: Tensor) -> Tensor:
        return torch.from_numpy(rng.dirichlet(params[0].tolist())).to(params.dtype)[None]

    with (
        mock.patch.object(torch, "rand", lambda shape: torch.tensor(rng.random()).expand(shape)),
        mock.patch.object(torch, "randint", randint),
        mock.patch.object(torch, "randperm", lambda n: torch.from_numpy(rng.permutation(n))),
        mock.patch.object(torch, "_sample_dirichlet", dirichlet),
        mock.patch.object(torch.Tensor, "uniform_", uniform),
    ):
        yield
