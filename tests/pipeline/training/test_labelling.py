from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from pipeline.contract.lab import Lab
from pipeline.contract.stages import train_alone
from pipeline.data.prepared import PixelReader
from pipeline.training.evaluate import normalize
from pipeline.training.initial import load_run_model
from pipeline.training.job import StageJob
from tests.pipeline.stages import digits_stage, example

DATA = {"kind": "digits", "labeled_frac": 0.3}


def student(lab: Lab, **how: object) -> StageJob:
    return lab.job(digits_stage(example("pseudo_labels") | how, data=DATA))


def table_of(job: StageJob, teacher: StageJob) -> Path:
    (path,) = (job.runs_dir / teacher.key).glob("pseudo_labels-*.parquet")
    return path


@pytest.mark.parametrize("soft", [False, True])
def test_the_teacher_labels_the_pool_and_nothing_else(lab: Lab, teacher: StageJob, soft: bool) -> None:
    job = student(lab, soft=soft)
    data = lab.data_of(job.spec)
    result = train_alone(job, data)
    rows = {row["sample_id"]: row for row in pq.read_table(table_of(job, teacher)).to_pylist()}
    assert list(rows) == [data.ids[row] for row in data.pool.rows]
    judged = {data.ids[row] for split in data.evals.values() for row in split.rows}
    assert not judged & rows.keys()
    assert not {data.ids[row] for row in data.train.rows} & rows.keys()

    model = load_run_model(job, teacher.key, 10, torch.device("cpu"))  # one image at a time
    spec = teacher.spec.data
    images = PixelReader(data.prepared).images(data.pool.rows[:20])
    for row, image in zip(data.pool.rows[:20], images, strict=True):
        large = torch.nn.functional.interpolate(
            torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float(), (16, 16), mode="bilinear"
        )
        pixels = large.round().to(torch.uint8)[0].permute(1, 2, 0).numpy()[None]
        shown = normalize(pixels, torch.device("cpu"), torch.tensor(spec.mean), torch.tensor(spec.std))
        probs = model(shown).softmax(1)[0].detach().numpy()
        said = rows[data.ids[row]]
        assert said["label"] == int(probs.argmax())
        assert said["confidence"] == pytest.approx(float(probs.max()), abs=0.01)
        if soft:
            np.testing.assert_allclose(said["probabilities"], probs, atol=0.01)
    num = len(data.pool.rows)
    assert f"pseudo_labels: {num} of {num} unlabelled images got a label" in result.log
    assert result.record.cost is not None
    steps = (len(data.train.rows) + num) // 64
    assert result.record.cost.samples_seen == 3 * 64 * steps


def test_the_table_is_written_once_and_then_believed(lab: Lab, teacher: StageJob) -> None:
    job = student(lab)
    data = lab.data_of(job.spec)
    first = train_alone(job, data)
    path = table_of(job, teacher)
    written = path.stat().st_mtime_ns
    again = train_alone(job, data)
    assert path.stat().st_mtime_ns == written
    assert again.curves.series == first.curves.series, "read or just asked: the same training"
    table = pq.read_table(path)
    place = table.schema.get_field_index("label")
    spoilt = (table.column("label").to_numpy() + 1) % 10
    pq.write_table(table.set_column(place, table.schema.field(place), [spoilt.astype(np.int32)]), path)
    assert train_alone(job, data).curves.series != first.curves.series
