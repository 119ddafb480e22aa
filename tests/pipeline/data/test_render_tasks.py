import threading
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.data import render_tasks
from pipeline.data.handle import DataHandle
from pipeline.data.plan import PlannedBatch
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.data.render_tasks import TaskStream, legs, tasks
from pipeline.spec.errors import StreamStalled
from tests.pipeline.data.test_stream import SEED, SPEC, batch, planned


def opened(plan: Iterator[PlannedBatch], digits: DataHandle, timeout_s: float = 60.0) -> TaskStream:
    return TaskStream(plan, SPEC, (), SEED, digits.prepared, 0.5, None, timeout_s)


@pytest.mark.ray
def test_many_small_legs_and_tasks_make_the_same_stream(digits: DataHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_tasks, "LEG_BYTES", 700 * 3 * 16**2)
    monkeypatch.setattr(render_tasks, "TASK_PIXELS", 1)
    plan = planned(digits, 8)
    assert len(list(legs(plan))) >= 2
    reader = PixelReader(digits.prepared)
    got = list(opened(iter(plan), digits))
    assert [id(item) for item, _ in got] == [id(item) for item in plan]
    for item, pixels in got:
        np.testing.assert_array_equal(pixels, render(item, SPEC, (), SEED, reader))


def test_a_stalled_stream_says_why(digits: DataHandle) -> None:
    release = threading.Event()

    def plan() -> Iterator[PlannedBatch]:
        release.wait(30)
        yield from ()

    stream = opened(plan(), digits, timeout_s=0.1)
    with pytest.raises(StreamStalled, match=r"no batch arrived .*share: 0.5 CPU.* raise resources.data_cpus"):
        next(iter(stream))
    release.set()
    stream.close()


def test_tasks_are_consecutive_and_of_the_stated_size() -> None:
    plan = [batch(64, 128) for _ in range(40)]  # 2^20 pixels each
    groups = list(tasks(plan))
    assert [len(group) for group in groups] == [1, 1, *[4] * 9, 2], "two short ones first"
    assert [id(item) for group in groups for item in group] == [id(item) for item in plan]


def test_legs_are_consecutive_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_tasks, "LEG_BYTES", 100 * 3 * 8**2)
    plan = [batch(30, 8) for _ in range(10)]
    parts = list(legs(plan))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert [id(item) for part in parts for item in part] == [id(item) for item in plan]
