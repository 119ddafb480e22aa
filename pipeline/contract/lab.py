"""What a strategy is trained with to see what it does: the digits, a trained teacher, and a folder for the runs."""

from itertools import count
from pathlib import Path
from typing import Any

from pipeline.contract.stages import digits_in, digits_stage, job_in, train_alone, train_teacher
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.sources import scan
from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.training.job import StageJob


class Lab:
    """Every job it hands out has files of its own."""

    def __init__(self, data: DataHandle, teacher: StageJob, folder: Path) -> None:
        self.teacher = teacher
        self.folder = folder
        self._numbers = count()
        self._bare: dict[str, StageResult] = {}
        self._by_frac: dict[float, DataHandle] = {1.0: data}

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
        return train_alone(self.job(spec), self.data_of(spec))

    def data_of(self, spec: StageSpec) -> DataHandle:
        """The digits, with as many labels as the stage asks for; their pixels are prepared once."""
        frac = spec.data.labeled_frac
        if frac not in self._by_frac:
            self._by_frac[frac] = make_handle(scan(spec.data), self._by_frac[1.0].prepared)
        return self._by_frac[frac]

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
