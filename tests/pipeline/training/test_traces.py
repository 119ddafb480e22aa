"""Every strategy changes the training it is part of, and at its neutral limit changes nothing at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.handle import DataHandle
from pipeline.result import StageResult
from pipeline.strategies import CATALOGUE
from pipeline.training.job import StageJob
from tests.pipeline.stages import example, stage_for, stage_job, train_alone
from tests.pipeline.training.teachers import job_in

NEUTRAL = [kind for kind, config in CATALOGUE.items() if config.neutral() is not None]


class Bares:
    """Stages without a strategy, each trained once."""

    def __init__(self, digits: DataHandle, folder: Path) -> None:
        self._digits, self._folder = digits, folder
        self._known: dict[str, StageResult] = {}

    def beside(self, kind: str) -> StageResult:
        """The result to compare this kind's with."""
        job = stage_job(stage_for(kind), self._folder)
        if job.key not in self._known:
            self._known[job.key] = train_alone(job, self._digits)
        return self._known[job.key]


@pytest.fixture(scope="module")
def bare(digits: DataHandle, tmp_path_factory: pytest.TempPathFactory) -> Bares:
    return Bares(digits, tmp_path_factory.mktemp("bare"))


def trace(result: StageResult) -> dict[str, Any]:
    predictions = {name: column.tobytes() for name, column in result.predictions.items()}
    return {"loss": result.curves.series["train/loss"], "val": result.curves.series["val/nll"], **predictions}


@pytest.mark.parametrize("kind", CATALOGUE)
def test_switching_it_on_changes_the_trace(
    digits: DataHandle, teacher: StageJob, bare: Bares, tmp_path: Path, kind: str
) -> None:
    result = train_alone(job_in(tmp_path / "on", stage_for(kind, example(kind)), teacher), digits)
    assert trace(result) != trace(bare.beside(kind))
    assert all(np.isfinite(values).all() for values in result.curves.series.values())


@pytest.mark.parametrize("kind", NEUTRAL)
def test_at_its_neutral_limit_it_is_bare_bit_for_bit(
    digits: DataHandle, teacher: StageJob, bare: Bares, tmp_path: Path, kind: str
) -> None:
    neutral = CATALOGUE[kind].neutral()
    assert neutral is not None
    spec = stage_for(kind, neutral.model_dump(mode="json"))
    assert trace(train_alone(job_in(tmp_path / "on", spec, teacher), digits)) == trace(bare.beside(kind))
