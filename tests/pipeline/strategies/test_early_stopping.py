import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.data.handle import DataHandle
from pipeline.data.stream import StreamShare
from pipeline.strategies.base import Decision
from pipeline.strategies.early_stopping import EarlyStopping, EarlyStoppingConfig
from pipeline.training.loop import EpochReport
from tests.pipeline.stages import SHARE, TASKS, digits_stage, example, stage_job, train_alone
from tests.pipeline.strategies.contract import context


def epochs_until_stop(values: list[float], **fields: object) -> int:
    """How many evaluations it sees before it says stop; 0: it never does."""
    config = EarlyStoppingConfig.model_validate(fields)
    stopping = EarlyStopping(config, context())
    for number, value in enumerate(values, start=1):
        if stopping.after_eval({f"val/{config.metric}": value, "val/other": -value}) is Decision.STOP:
            return number
    return 0


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        ([3, 2, 1, 0.5], {"patience": 1}, 0),
        ([3, 2, 2], {"patience": 1}, 3),  # as good as the best is no improvement
        ([3, 2, 2.5, 1.9, 2, 2, 2], {"patience": 2}, 6),  # one bad epoch in between is forgiven, and forgotten
        ([3, 2, 2.5, 2.4, 2.3], {"patience": 3}, 5),  # better than the last, but not than the best
        ([3, 2.95, 2.92, 2.85], {"patience": 2, "min_delta": 0.1}, 3),
        ([3, 2.95, 2.89, 2.85], {"patience": 2, "min_delta": 0.1}, 0),  # slow progress adds up against the best
        ([0.1, 0.2, 0.2, 0.2], {"metric": "top1", "patience": 2}, 4),
        ([0.9, 0.5, 0.6], {"metric": "top1", "patience": 2}, 3),
        ([1, float("nan"), float("nan")], {"patience": 2}, 3),
    ],
)
def test_when_it_stops(values: list[float], fields: dict[str, object], expected: int) -> None:
    assert epochs_until_stop(values, **fields) == expected


def test_another_one_goes_on_from_its_state() -> None:
    config = EarlyStoppingConfig(patience=2)
    first, second = (EarlyStopping(config, context()) for _ in range(2))
    for value in (1.0, 2.0):
        assert first.after_eval({"val/nll": value}) is Decision.GO_ON
    second.load_state_dict(first.state_dict())
    assert second.after_eval({"val/nll": 1.5}) is Decision.STOP


def stopped(digits: DataHandle, folder: Path, share: StreamShare = SHARE) -> None:
    """Stops after 2 of 40 epochs; the stream has batches of later ones ready."""
    budget = {"epochs": 40, "batch_size": 64}
    before = set(threading.enumerate())
    reports: list[EpochReport] = []
    job = stage_job(digits_stage(example("early_stopping"), budget=budget), folder / "stopped")
    result = train_alone(job, digits, reports.append, share)
    left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith(("pixel", "checkpoint"))]
    assert left == [], "threads of the stream and of the checkpoint have ended"
    record, curves = result.record, result.curves
    assert record.cost is not None
    assert (record.cost.num_epochs, record.cost.samples_seen) == (2, 2 * 4 * 64)
    assert curves.epoch == (0, 1) and len(curves.lr) == 8
    assert result.log.splitlines()[-1] == "stopped after epoch 2 of 40"
    assert len(reports) == 2
    # At a constant rate it is the training that was planned for two epochs: the last network, not the best one.
    two = train_alone(stage_job(digits_stage(budget={"epochs": 2, "batch_size": 64}), folder / "two"), digits)
    assert record.metrics == two.record.metrics
    for name, column in two.predictions.items():
        np.testing.assert_array_equal(result.predictions[name], column, err_msg=name)


def test_the_rest_of_the_plan_is_let_go(digits: DataHandle, tmp_path: Path) -> None:
    stopped(digits, tmp_path)


@pytest.mark.ray
def test_the_rest_of_the_plan_is_let_go_by_ray_data(ray_session: None, digits: DataHandle, tmp_path: Path) -> None:
    stopped(digits, tmp_path, TASKS)


def test_after_the_last_epoch_there_is_nothing_to_stop(digits: DataHandle, tmp_path: Path) -> None:
    job = stage_job(digits_stage(example("early_stopping"), budget={"epochs": 2, "batch_size": 64}), tmp_path)
    assert "stopped" not in train_alone(job, digits).log


@pytest.mark.parametrize("fault", [{"patience": 0}, {"min_delta": -0.1}, {"metric": "ece"}])
def test_impossible_values_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        EarlyStoppingConfig.model_validate(fault)
