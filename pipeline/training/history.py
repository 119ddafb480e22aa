"""What a stage remembers while it trains: curves, sums and its log. Plain values, so it goes into a checkpoint."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.spec.records import Curves

MAX_LR_POINTS = 500


@dataclass
class History:
    """Grows by one entry per epoch."""

    epoch: list[int] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)
    image_size_px: list[int] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    lr: list[float] = field(default_factory=list)  # one per step
    log: list[str] = field(default_factory=list)
    samples_seen: int = 0
    busy_s: float = 0.0
    wait_s: float = 0.0
    eval_s: float = 0.0
    strips: list[dict[str, Any]] = field(default_factory=list)  # of sheet.batch_strip, one for each image size
    num_parts: int = 1  # micro-batches that each shard was cut into

    def add_epoch(self, epoch: int, image_size_px: int, values: dict[str, float]) -> None:
        """Append one point to every curve."""
        self.epoch.append(epoch)
        self.elapsed_s.append(self.busy_s)
        self.image_size_px.append(image_size_px)
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)

    def curves(self) -> Curves:
        """As they are recorded; the learning rate is thinned."""
        stride = max(1, -(-len(self.lr) // MAX_LR_POINTS))
        return Curves(
            epoch=tuple(self.epoch),
            elapsed_s=tuple(self.elapsed_s),
            image_size_px=tuple(self.image_size_px),
            series={name: tuple(values) for name, values in self.series.items()},
            lr_step=tuple(range(0, len(self.lr), stride)),
            lr=tuple(self.lr[::stride]),
        )

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what a checkpoint remembers, and nothing else."""
        vars(self).update(state)
