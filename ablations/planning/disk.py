"""How much disk a plan takes in its home, and whether that is free."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ablations.planning.planned import Planned
from ablations.records.home import Home
from pipeline.data.decode import KEEP_RATIO
from pipeline.data.prepare import prepared_key
from pipeline.experiment import StageSpec
from pipeline.models.build import build_model
from pipeline.spec.data import DataSpec
from pipeline.training.footprint import footprint

# Of a run, with what MLflow keeps of it: four homes of real studies had 130 to 350 kB a run besides weights.
BYTES_PER_RUN = 150_000
BYTES_PER_VAL_IMAGE = 60  # predictions, and MLflow's copy of them
BYTES_PER_PARAMETER = 4
# A checkpoint holds weights, averages or momenta: three times the weights for most; the next is written beside it.
CHECKPOINT_COPIES = 6
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Disk:
    """Megabytes (2**20 bytes) that a plan takes."""

    total_mb: float  # when all its runs are done
    prepared_mb: float  # of it, at most: prepared images; can be deleted afterwards
    checkpoints_mb: float  # beside it, while runs are under way
    to_write_mb: float  # what is not there yet, checkpoints included
    free_mb: float

    @property
    def fits(self) -> bool:
        """Whether what is to be written is free."""
        return self.to_write_mb <= self.free_mb

    @property
    def warning(self) -> str:
        """What to do where it does not fit; else empty."""
        if self.fits:
            return ""
        return (
            f"up to {self.to_write_mb:.0f} MB are still to be written and {self.free_mb:.0f} are free: free some "
            "(`ablate clean` says what may go) or choose another home with --home"
        )


def disk_of(planned: Planned, home: Home, finished: frozenset[str], lanes: int = 1) -> Disk:
    """An estimate: weights by their number, images by their size, the rest by what real studies took.

    Args:
        planned: the plan.
        home: where it runs.
        finished: keys of runs that are kept already.
        lanes: that work side by side, each with a checkpoint of its own.
    """
    weights_mb: dict[str, float] = {}
    total_mb, new_mb = 0.0, 0.0
    for run in planned.runs:
        listing = planned.data[run.data_key].listing
        key = run.spec.model.model_dump_json()
        if key not in weights_mb:
            weights_mb[key] = _num_parameters(run.spec, len(listing.class_names)) * BYTES_PER_PARAMETER / MIB
        run_mb = weights_mb[key] + (BYTES_PER_RUN + BYTES_PER_VAL_IMAGE * len(listing.rows("val"))) / MIB
        total_mb += run_mb
        new_mb += run_mb if run.key not in finished else 0.0
    prepared = {
        home.cache / "prepared" / prepared_key(data.spec, data.listing): prepared_mb_of(
            data.spec, len(data.listing.ids)
        )
        for data in planned.data.values()
    }
    checkpoints_mb = lanes * CHECKPOINT_COPIES * max(weights_mb.values(), default=0.0) if new_mb else 0.0
    return Disk(
        total_mb=total_mb + sum(prepared.values()),
        prepared_mb=sum(prepared.values()),
        checkpoints_mb=checkpoints_mb,
        to_write_mb=new_mb
        + checkpoints_mb
        + (sum(size for folder, size in prepared.items() if not folder.is_dir()) if new_mb else 0.0),
        free_mb=shutil.disk_usage(_existing(home.root)).free / MIB,
    )


def prepared_mb_of(spec: DataSpec, num_images: int) -> float:
    """Prepared images at their largest: the short side is kept up to KEEP_RATIO times too large, the aspect is 4:3."""
    return num_images * 3 * (KEEP_RATIO * spec.short_side_px) ** 2 * (4 / 3) / MIB


def _num_parameters(spec: StageSpec, num_classes: int) -> int:
    """Counted without making the numbers where the network can be counted so."""
    counted = footprint(spec.model, (), num_classes, spec.data.image_size_px).bare
    if counted is not None:
        return counted.num_parameters
    return sum(p.numel() for p in build_model(spec.model, num_classes).parameters())


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)
