"""Normalization: another layer in the place of batch norm."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from pipeline.models.norms import NormKind, with_norm
from pipeline.spec.card import ANY_TASK, Card, Paper
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="Normalization",
    family="architecture",
    tasks=ANY_TASK,
    idea="Replace batch norm: by group or layer norm, by nothing but its affine part, by fixed statistics, or by "
    "statistics over all workers.",
    formula="group: y = w (x - m_g) / sqrt(v_g + eps) + b, mean and variance over a group of channels of one image",
    paper=Paper(title="Group Normalization", year=2018, arxiv="1803.08494"),
    helps_when="group: shards of a batch hold few images (below about 8). frozen: weights come from an earlier stage. "
    "sync: many workers with few images each.",
    pitfalls=(
        "Batch norm also regularises: with larger batches group norm is often a little worse.",
        "none: without normalization the usual learning rates are often too high, and deep networks diverge.",
        "frozen from random weights: the statistics are 0 and 1 for ever, and no affine part learns.",
        "A group has at least 2 channels, so narrow layers get fewer groups than num_groups.",
        "layer: over all channels and pixels of an image, as in the paper; ConvNeXt's is over the channels of a pixel.",
    ),
    defaults_from="num_groups 32: the paper.",
)


class Normalization(Strategy["NormalizationConfig"]):
    """All is done in the network."""


class NormalizationConfig(StrategyConfig):
    """Switches another normalization on."""

    kind: Literal["normalization"] = "normalization"
    to: NormKind = "group"
    num_groups: int = Field(32, ge=1, description="of group norm")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Normalization

    def fault(self, training: TrainingFields) -> str | None:
        """One shard has one set of statistics."""
        if self.to == "sync" and training.budget.num_shards == 1:
            return (
                "to=sync with budget.num_shards=1 changes nothing: batch statistics are over the whole batch already. "
                "Set budget.num_shards to the number of workers (resources.workers_per_trial), or leave it out"
            )
        return None

    def team_fault(self, training: TrainingFields, num_workers: int, device_type: str | None = None) -> str | None:
        """A worker runs its shards one after the other, so only those of different workers can be joined."""
        shards = training.budget.num_shards
        if self.to != "sync":
            return None
        if device_type == "cpu":
            return "to=sync needs GPUs: torch's SyncBatchNorm does not join workers that train on CPUs; use to=group"
        if num_workers != shards:
            return (
                f"to=sync joins the batch statistics of workers, so {num_workers} of them with budget.num_shards="
                f"{shards} would not give those of the whole batch; use {shards} GPU workers "
                "(resources.workers_per_trial), or budget.num_shards=1 without sync, which is the same on one worker"
            )
        return None

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """In every place where the network has batch norm."""
        return with_norm(model, self.to, self.num_groups)
