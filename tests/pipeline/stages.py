"""Small stages on the digits, and the shortest way to train one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.data.handle import DataHandle
from pipeline.data.stream import StreamShare
from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.spec.records import run_key
from pipeline.strategies import CATALOGUE
from pipeline.training.job import StageJob
from pipeline.training.loop import EpochReport, train_stage
from pipeline.training.team import Team

SHARE = StreamShare(timeout_s=60.0)
TASKS = StreamShare(task_cpus=1.0, timeout_s=60.0)


def example(kind: str) -> dict[str, Any]:
    """The smallest valid config of a strategy, as it is written in YAML."""
    return CATALOGUE[kind].example().model_dump(mode="json")


# What a stage must have for a strategy to find work in it, beyond what `digits_stage` gives.
MIRRORED = {"augment": {"crop": {"kind": "random_resized_crop"}, "horizontal_flip_prob": 0.5}}
NEEDS: dict[str, dict[str, Any]] = {"alternating_flip": {"data": {"kind": "digits", **MIRRORED}}}


def stage_for(kind: str, *strategies: dict[str, Any], **changes: Any) -> StageSpec:
    """A stage with these strategies in which this kind would find work."""
    return digits_stage(*strategies, **(NEEDS.get(kind, {}) | changes))


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
