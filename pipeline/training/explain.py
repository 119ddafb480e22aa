"""Grad-CAM: where in an image the evidence for the predicted class lies (Selvaraju et al. 2017, arXiv:1610.02391).

Written at the end of a run for a fixed sample of validation images, because reports have no network to ask. The part of
the network up to its last feature maps runs once, and gradients flow through what comes after them only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from pipeline.data.handle import DataHandle
from pipeline.data.plan import EvalRows, PlannedBatch
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.data.thumbnails import sample_positions
from pipeline.experiment import StageSpec
from pipeline.spec.errors import ProjectError
from pipeline.training.evaluate import normalize

MAX_IMAGES = 64
IMAGES_AT_ONCE = 16  # no more memory than a small training batch


class NoHeatMap(ProjectError):
    """The network has no feature maps whose places are places in the image."""


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """The layer whose output is weighed, and how its output becomes [N, C, h, w]."""

    layer: nn.Module
    num_prefix_tokens: int = 0
    grid: tuple[int, int] | None = None  # rows and columns of tokens [N, prefix + rows * columns, C]
    channels_last: bool = False  # [N, h, w, C]

    def as_maps(self, output: Tensor) -> Tensor:
        """The layer's output, or a gradient of its shape, as [N, C, h, w]."""
        if self.grid is not None:
            rows, columns = self.grid
            tokens = output[:, self.num_prefix_tokens :]
            return tokens.reshape(len(tokens), rows, columns, -1).permute(0, 3, 1, 2)
        return output.permute(0, 3, 1, 2) if self.channels_last else output


def feature_maps(model: nn.Module, image: Tensor) -> FeatureMaps:
    """The last feature maps of a network.

    Of a convolutional network: the last module to answer with [N, C, h, w], more than one place. Of timm's
    VisionTransformer: the input of the last block's attention; what is behind it no longer reaches the class token.

    Args:
        model: in evaluation mode.
        image: [1, 3, H, W], on its device.

    Raises:
        NoHeatMap: there are none; with the reason.
    """
    for module in model.modules():
        if isinstance(module, VisionTransformer):
            grid = module.patch_embed.grid_size
            return FeatureMaps(cast(nn.Module, module.blocks[-1].norm1), module.num_prefix_tokens, (grid[0], grid[1]))
    answers: list[tuple[nn.Module, torch.Size]] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            answers.append((module, output.shape))

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with torch.no_grad():
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    channels_last = any(str(getattr(module, "output_fmt", "")).endswith("NHWC") for module in model.modules())
    space = slice(1, 3) if channels_last else slice(2, 4)
    places = [len(shape) == 4 and min(shape[space]) > 1 for _, shape in answers]
    if not any(places):
        raise NoHeatMap("no layer answers with feature maps of more than one place")
    last = len(places) - 1 - places[::-1].index(True)
    if any(len(shape) == 3 for _, shape in answers[last + 1 :]):
        raise NoHeatMap("its last layers work on tokens, and which token is which place is known for ViTs of timm only")
    return FeatureMaps(answers[last][0], channels_last=channels_last)


@contextmanager
def _watched(layer: nn.Module) -> Iterator[list[Tensor]]:
    """The layer's outputs, cut from what came before and ready for gradients."""
    found: list[Tensor] = []

    def cut(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        found.append(output.detach().requires_grad_())
        return found[-1].clone()  # what follows may work in place, which a leaf does not allow

    handle = layer.register_forward_hook(cut)
    try:
        yield found
    finally:
        handle.remove()


def grad_cam(model: nn.Module, maps: FeatureMaps, images: Tensor, classes: Tensor) -> Tensor:
    """ReLU of the feature maps' sum, each weighed by the mean of the class score's gradient over its places.

    Args:
        model: in evaluation mode.
        maps: of this network.
        images: [N, 3, H, W].
        classes: [N] int64, whose logit is explained.

    Returns:
        [N, h, w] float32, at least 0.
    """
    with torch.enable_grad(), _watched(maps.layer) as found:
        logits = model(images)
        score = logits.float().gather(1, classes[:, None]).sum()
        (gradient,) = torch.autograd.grad(score, found[-1])
    weights = maps.as_maps(gradient).float().mean(dim=(2, 3), keepdim=True)
    return (weights * maps.as_maps(found[-1].detach()).float()).sum(dim=1).relu()


def as_bytes(heat: Tensor) -> np.ndarray:
    """Each map scaled so that its largest value is 255; one without any evidence stays 0.  [N, h, w] -> uint8."""
    top = heat.amax(dim=(1, 2), keepdim=True)
    scaled = torch.where(top > 0, heat / top.clamp_min(torch.finfo(heat.dtype).tiny), 0)
    return (255 * scaled).round().to(torch.uint8).cpu().numpy()


def explain(
    model: nn.Module, spec: StageSpec, data: DataHandle, predictions: dict[str, np.ndarray], device: torch.device
) -> dict[str, np.ndarray]:
    """Heat maps of the final network for the predicted class of each sampled validation image.

    The network is asked once about the plain evaluation image in float32, whatever it predicts with (test-time
    augmentation, a number format), and the random generators stay where they are.

    Args:
        model: the final network.
        spec: of its stage.
        data: of its stage.
        predictions: about all of val, in its order.
        device: of the network.

    Returns:
        Arrays of HEAT_FIELDS.

    Raises:
        NoHeatMap: the network has no feature maps; with the reason.
    """
    split = data.evals["val"]
    sample = sample_positions(split, MAX_IMAGES)
    classes = torch.from_numpy(predictions["predicted"][sample].copy()).to(device)
    mean, std = (torch.tensor(values, device=device) for values in (spec.data.mean, spec.data.std))
    reader, parts = PixelReader(data.prepared), []
    maps: FeatureMaps | None = None
    model.eval()
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards), torch.autocast(device.type, enabled=False):
        for start in range(0, len(sample), IMAGES_AT_ONCE):
            part = slice(start, start + IMAGES_AT_ONCE)
            pixels = render(_planned(split, sample[part], spec.data.eval_size_px), spec.data, (), 0, reader)
            images = normalize(pixels, device, mean, std)
            maps = maps or feature_maps(model, images[:1])
            parts.append(as_bytes(grad_cam(model, maps, images, classes[part])))
    return {
        "id": np.asarray([data.ids[row] for row in split.rows[sample]]),
        "label": split.labels[sample],
        "predicted": predictions["predicted"][sample],
        "confidence": predictions["confidence"][sample],
        "heat": np.concatenate(parts),
        "crop_frac": np.asarray(spec.data.eval_crop_frac),
    }


def _planned(split: EvalRows, positions: np.ndarray, size_px: int) -> PlannedBatch:
    return PlannedBatch(
        split.role, 0, 0, 0, split.rows[positions], split.keys[positions], split.labels[positions], size_px
    )


def explain_or_say_why(
    model: nn.Module, spec: StageSpec, data: DataHandle, predictions: dict[str, np.ndarray], device: torch.device
) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of `explain`, or none and the reason for the log: a picture must not cost a finished run."""
    try:
        return explain(model, spec, data, predictions, device), ""
    except Exception as error:  # a network of one's own may do anything when asked for gradients in evaluation mode
        return {}, f"no heat maps: {error}" if isinstance(error, NoHeatMap) else f"no heat maps: {error!r}"
