"""SimCLR: two views of an image shall lie close together, and far from the views of every other image.

Chen et al. 2020, arXiv:2002.05709. What makes the views is the stage's crop and strategies; the recipe `ssl_pretrain`
brings those of the paper.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.spec.training import TrainingFields
from pipeline.tasks.base import Peers, Pretraining, PretrainingNet, freeze_unreached
from pipeline.types import Batch, LossFn, LossTerms


def nt_xent(anchors_MD: Tensor, candidates_CD: Tensor, first: int, temperature: float) -> Tensor:
    """The paper's loss: cross-entropy of finding an anchor's other view among all candidates but itself, by cosine.

    Args:
        anchors_MD: [M, D] float32 of unit length, M = 2 N: all samples' first views before all second ones.
        candidates_CD: [C, D] likewise; the anchors are rows `first` to `first + M` of it.
        first: the row where the anchors start.
        temperature: of the cosines.

    Returns:
        The mean over the anchors.
    """
    num_anchors, device = len(anchors_MD), anchors_MD.device
    place = torch.arange(num_anchors, device=device)
    partner = first + (place + num_anchors // 2) % num_anchors
    with torch.autocast(device.type, enabled=False):  # cosines near 1 differ by less than bf16 can tell
        logits = anchors_MD @ candidates_CD.T / temperature
        itself = torch.zeros_like(logits, dtype=torch.bool).scatter(1, (first + place)[:, None], True)
        return functional.cross_entropy(logits.masked_fill(itself, float("-inf")), partner)


class SimClr(Pretraining):
    """Matched views, told apart from all others (NT-Xent)."""

    kind: Literal["simclr"] = "simclr"
    # Appendix B.9 of the paper finds 0.5 best on CIFAR-10 (0.1 on ImageNet, where batches have thousands of images).
    temperature: float = Field(0.5, gt=0, description="of the cosines between views")
    projection_dim: int = Field(128, ge=2, le=4096, description="outputs of the head, which is thrown away")
    negatives: Literal["shard", "global"] = Field(
        "shard",
        description="other images to tell a view from: those of its shard, or of the whole batch across all workers",
    )
    num_views: ClassVar[int] = 2

    def team_fault(self, training: TrainingFields, num_workers: int) -> str | None:  # noqa: D102 - as its base
        shards = training.budget.num_shards
        if self.negatives == "shard" or shards == num_workers:
            return None
        return (
            f"task simclr with negatives: global compares the whole batch in one pass, so each worker must hold one "
            f"shard, but there are {shards} shards for {num_workers} worker{'s' if num_workers != 1 else ''}: "
            f"set budget.num_shards to {num_workers}, or negatives: shard (then the number of workers changes nothing)"
        )

    def network(self, plain: nn.Module, image_size_px: int) -> nn.Module:  # noqa: D102 - as its base
        return SimClrNet(plain, self.projection_dim, image_size_px)

    def loss_fn(self, peers: Peers) -> LossFn:  # noqa: D102 - as its base
        def loss(outputs: Tensor, batch: Batch) -> LossTerms:
            assert batch.num_views == self.num_views, batch.num_views
            mine = functional.normalize(outputs, dim=1)
            if self.negatives == "shard":
                return {"nt_xent": nt_xent(mine, mine, 0, self.temperature)}
            return {"nt_xent": nt_xent(mine, peers.join(mine), peers.rank * len(mine), self.temperature)}

        return loss


class SimClrNet(PretrainingNet):
    """A backbone and the paper's projection: one hidden layer as wide as the features, ReLU, a linear layer."""

    def __init__(self, plain: nn.Module, projection_dim: int, image_size_px: int) -> None:
        super().__init__(plain)
        device = next(plain.parameters()).device
        probe = torch.zeros(2, 3, image_size_px, image_size_px, device=device)
        mode = plain.training
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            width = int(self.eval().features(probe).shape[1])
        self.projector = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, projection_dim)).to(device)
        freeze_unreached(self, lambda: self(probe))
        self.train(mode)

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, P]."""
        return self.projector(self.features(images))
