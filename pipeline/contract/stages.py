"""Small stages on the digits, and the shortest way to train one: in this process, without Ray."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.listing import Listing
from pipeline.data.prepare import decode_to_file, locate
from pipeline.data.prepared import Prepared, save_index
from pipeline.data.sources import scan
from pipeline.data.stream import StreamShare
from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.spec.data import AnyData, Digits
from pipeline.spec.records import run_key
from pipeline.training.job import StageJob
from pipeline.training.loop import EpochReport, train_stage
from pipeline.training.team import Team

SHARE = StreamShare(timeout_s=60.0)


def prepared_here(spec: AnyData, listing: Listing, folder: Path) -> Prepared:
    """What `prepare` makes, in this process: one file for each chunk."""
    tables = [decode_to_file(spec, [chunk], folder, number) for number, chunk in enumerate(listing.chunks)]
    prepared = locate(pa.concat_tables(tables), listing, folder)
    save_index(prepared)
    return prepared


def digits_in(folder: Path) -> DataHandle:
    """The digits of scikit-learn, prepared in this folder."""
    spec = Digits()
    listing = scan(spec)
    return make_handle(listing, prepared_here(spec, listing, folder))


def digits_stage(*strategies: dict[str, Any], **changes: Any) -> StageSpec:
    """A tiny network on the digits, three epochs of four steps, in float32 on any machine."""
    fields = {
        "data": {"kind": "digits"},
        "model": {"kind": "small_cnn", "width": 4},
        "optimizer": {"kind": "sgd", "lr": 0.05},
        "budget": {"epochs": 3, "batch_size": 64},
        "precision": "fp32",
        "strategies": strategies,
    }
    return StageSpec.model_validate(fields | changes)


def stage_job(spec: StageSpec, folder: Path, seed: int = 0, ancestors: dict[str, str] | None = None) -> StageJob:
    """A job whose files lie below `folder`, with a checkpoint after every epoch."""
    stage_hash = spec.identity("digits", {name: name for name in spec.needs()})
    return StageJob(
        stage=spec.name,
        spec_json=spec.model_dump_json(),
        stage_hash=stage_hash,
        seed=seed,
        data_key="digits",
        ancestors=ancestors or {},
        runs_dir=folder / "runs",
        checkpoint=folder / "stages" / run_key(stage_hash, seed) / "last.pt",
        checkpoint_interval_s=0.0,
    )


def nobody(_: EpochReport) -> None:
    """Watches nothing."""


def train_alone(
    job: StageJob,
    data: DataHandle,
    watch: Callable[[EpochReport], None] = nobody,
    share: StreamShare = SHARE,
) -> StageResult:
    """Train with one worker in this process."""
    return train_stage(job, data, Team.alone(), share, watch)


def train_teacher(digits: DataHandle, folder: Path) -> StageJob:
    """A stage for those that need an earlier one, with the files that the recorder leaves."""
    spec = digits_stage(name="teacher", model={"kind": "small_cnn", "width": 6})
    job = stage_job(spec, folder)
    train_alone(job, digits)
    (job.runs_dir / job.key / "spec.json").write_text(spec.model_dump_json())
    return job


def job_in(folder: Path, spec: StageSpec, teacher: StageJob) -> StageJob:
    """A job whose ancestors are all the teacher."""
    shutil.copytree(teacher.runs_dir, folder / "runs")
    return stage_job(spec, folder, ancestors={name: teacher.key for name in spec.needs()})
