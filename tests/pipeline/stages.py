"""Small stages on the digits: what the contract trains, and what only tests need beside it."""

from typing import Any

from pipeline.contract.stages import SHARE, digits_stage, nobody, stage_job, train_alone
from pipeline.data.stream import StreamShare
from pipeline.strategies import CATALOGUE

__all__ = ["SHARE", "TASKS", "digits_stage", "example", "nobody", "stage_job", "train_alone"]

TASKS = StreamShare(task_cpus=1.0, timeout_s=60.0)


def example(kind: str) -> dict[str, Any]:
    """The smallest valid config of a strategy, as it is written in YAML."""
    return CATALOGUE[kind].example().model_dump(mode="json")
