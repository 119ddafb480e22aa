from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.strategies.swa import Swa
from pipeline.types import Batch
from tests.pipeline.stages import digits_stage, stage_job, train_alone


@pytest.mark.parametrize("num_taken", [0, 1])
def test_batches_that_nobody_takes_do_not_get_into_the_evaluation(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_taken: int
) -> None:
    """A strategy that looks at a part of the pass, or at none of it, and leaves the network alone."""
    taken: list[int] = []

    def finish(self: Swa, model: nn.Module, batches: Iterator[Batch]) -> nn.Module:
        taken.extend(len(next(batches).images) for _ in range(num_taken))
        return model

    monkeypatch.setattr(Swa, "finish", finish)
    got = train_alone(stage_job(digits_stage({"kind": "swa"}), tmp_path / "on"), digits)
    bare = train_alone(stage_job(digits_stage(), tmp_path / "bare"), digits)
    assert taken == [64] * num_taken
    assert got.record.metrics == bare.record.metrics
    for name, column in bare.predictions.items():
        np.testing.assert_array_equal(got.predictions[name], column, err_msg=name)
