"""Trained networks that another one learns from: in eval mode, without gradients, and part of no checkpoint."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from pipeline.spec.data import Colours
from pipeline.types import Batch

MAX_CACHE_BYTES = 512 << 20  # of logits, on the device

RefT = TypeVar("RefT")


class Teachers(Generic[RefT]):
    """One teacher or an ensemble, loaded when it is first asked.

    Args:
        refs: who they are.
        load: gives the network of one of them.
        num_rows: images of the data, if every image is always seen in one and the same view: then each is shown to
            the teachers once, and their answers are kept. 0: views differ, so nothing is ever kept.
    """

    def __init__(self, refs: Sequence[RefT], load: Callable[[RefT], nn.Module], num_rows: int) -> None:
        self._refs, self._load, self._num_rows = refs, load, num_rows
        self._kept: Tensor | None = None  # [num_rows, M, K], NaN where nobody has asked yet

    @cached_property
    def networks(self) -> list[nn.Module]:
        """The networks; whoever only evaluates the student never loads them."""
        return [self._load(ref) for ref in self._refs]

    def logits(self, batch: Batch) -> Tensor:
        """[N, M, K] float32: what each of the M teachers says about the batch's images as they are."""
        if not self._num_rows or batch.rows is None:
            return self._ask(batch.images)
        kept = self._kept
        if kept is None:
            found = self._ask(batch.images)
            kept = found.new_full((self._num_rows, *found.shape[1:]), torch.nan)
            if kept.nbytes > MAX_CACHE_BYTES:
                self._num_rows = 0
                return found
            self._kept = kept
            kept[batch.rows] = found
            return found
        found = kept[batch.rows]
        if found.isnan().any():
            found = self._ask(batch.images)
            kept[batch.rows] = found
        return found

    @property
    def remarks(self) -> tuple[str, ...]:
        """Whether answers were kept."""
        return ("the teacher's logits were cached: every image has one view",) if self._kept is not None else ()

    @torch.no_grad()
    def _ask(self, images: Tensor) -> Tensor:
        return torch.stack([network(images).float() for network in self.networks], dim=1)


def shown_as_trained(network: nn.Module, shown: Colours, own: Colours) -> nn.Module:
    """The same network, which from now on sees images normalized by `shown` as if they were by its `own`.

    A student's batch serves all its teachers, whatever each was trained with.
    """
    if shown == own:
        return network

    def as_own(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        images, *others = inputs
        mean, std, own_mean, own_std = (
            images.new_tensor(triple)[:, None, None] for triple in (shown.mean, shown.std, own.mean, own.std)
        )
        return ((images * std + mean - own_mean) / own_std, *others)

    network.register_forward_pre_hook(as_own)
    return network


def mean_log_probs(logits_NMK: Tensor, temperature: float) -> Tensor:
    """[N, K]: log of the mean over teachers of their class probabilities at this temperature.

    The arithmetic mean, as Hinton et al. 2015 (arXiv:1503.02531) combine an ensemble.
    """
    each = (logits_NMK / temperature).log_softmax(dim=2)
    if each.shape[1] == 1:
        return each[:, 0]
    return each.logsumexp(dim=1) - torch.log(torch.tensor(float(each.shape[1])))
