"""What a strategy is trained with to see what it does: the digits, a trained teacher, and a folder for the runs."""

from itertools import count
from pathlib import Path
from typing import Any

from pipeline.contract.stages import digits_in, digits_stage, job_in, train_alone, train_teacher
from pipeline.data.handle import DataHandle
from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.training.job import StageJob


class Lab:
    """Every job it hands out has files of its own."""

    def __init__(self, data: DataHandle, teacher: StageJob, folder: Path) -> None:
        self.data = data
        self.teacher = teacher
        self.folder = folder
        self._numbers = count()
        self._bare: dict[str, StageResult] = {}

    @classmethod
    def open(cls, folder: Path) -> "Lab":
        """Prepare the digits and train the teacher; takes a second or two."""
        (folder / "digits").mkdir()
        data = digits_in(folder / "digits")
        return cls(data, train_teacher(data, folder / "teacher"), folder)

    def job(self, spec: StageSpec) -> StageJob:
        """The stage, ready to train."""
        return job_in(self.folder / f"run-{next(self._numbers)}", spec, self.teacher)

    def train(self, spec: StageSpec) -> StageResult:
        """The stage from start to end, in this process."""
        return train_alone(self.job(spec), self.data)

    def bare(self, setting: dict[str, Any]) -> StageResult:
        """The stage without any strategy, trained once for each setting."""
        spec = digits_stage(**setting)
        key = spec.model_dump_json()
        if key not in self._bare:
            self._bare[key] = self.train(spec)
        return self._bare[key]


def trace(result: StageResult) -> dict[str, Any]:
    """What two runs have in common exactly if they trained bit for bit alike."""
    predictions = {name: column.tobytes() for name, column in result.predictions.items()}
    return {"loss": result.curves.series["train/loss"], "val": result.curves.series["val/nll"], **predictions}
