import json

import pytest

from pipeline.training.history import History


@pytest.mark.parametrize(
    ("num_steps", "num_points"), [(0, 0), (1, 1), (500, 500), (501, 251), (1000, 500), (1001, 334), (123_456, 500)]
)
def test_the_learning_rate_is_thinned_evenly(num_steps: int, num_points: int) -> None:
    curves = History(lr=[float(step) for step in range(num_steps)]).curves()
    assert len(curves.lr) == num_points <= 500
    assert [float(step) for step in curves.lr_step] == list(curves.lr), "each point keeps its step"
    gaps = {b - a for a, b in zip(curves.lr_step, curves.lr_step[1:], strict=False)}
    assert len(gaps) <= 1


def test_curves_have_a_point_per_epoch() -> None:
    history = History()
    for epoch in range(3):
        history.busy_s = 10.0 * (epoch + 1)
        history.add_epoch(epoch, 8 + epoch, {"train/loss": 1 / (epoch + 1), "val/top1": 0.1 * epoch})
    curves = history.curves()
    assert curves.epoch == (0, 1, 2)
    assert curves.elapsed_s == (10.0, 20.0, 30.0)
    assert curves.image_size_px == (8, 9, 10)
    assert curves.series == {"train/loss": (1, 0.5, 1 / 3), "val/top1": (0, 0.1, 0.2)}


def test_it_is_made_of_plain_values() -> None:
    history = History(epoch=[0], series={"a": [1.0]}, log=["x"], samples_seen=3)
    assert History(**json.loads(json.dumps(history.state_dict()))) == history
