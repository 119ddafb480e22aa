"""A trained stage for those that need an earlier one."""

import shutil
from pathlib import Path

from pipeline.data.handle import DataHandle
from pipeline.experiment import StageSpec
from pipeline.training.job import StageJob
from tests.pipeline.stages import digits_stage, stage_job, train_alone


def train_teacher(digits: DataHandle, folder: Path) -> StageJob:
    """A stage with the files that the recorder leaves."""
    spec = digits_stage(name="teacher", model={"kind": "small_cnn", "width": 6})
    job = stage_job(spec, folder)
    train_alone(job, digits)
    (job.runs_dir / job.key / "spec.json").write_text(spec.model_dump_json())
    return job


def job_in(folder: Path, spec: StageSpec, teacher: StageJob) -> StageJob:
    """A job whose ancestor is the teacher."""
    shutil.copytree(teacher.runs_dir, folder / "runs")
    return stage_job(spec, folder, ancestors={"teacher": teacher.key})
