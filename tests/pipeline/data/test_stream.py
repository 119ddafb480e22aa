import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import ray

from pipeline.data import stream as stream_module
from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.data.plan import PlannedBatch, stage_batches
from pipeline.data.prepare import BlockPixels, Prepared
from pipeline.data.render import render
from pipeline.data.stream import PixelStream, StreamShare, legs, tasks
from pipeline.spec.data import Digits
from pipeline.spec.errors import StreamStalled
from pipeline.spec.optim import Budget
from tests.pipeline.stages import SHARE

SPEC = Digits()
SEED = 11


def planned(digits: DataHandle, *sizes_px: int) -> list[PlannedBatch]:
    plans = [EpochPlan(epoch, size_px) for epoch, size_px in enumerate(sizes_px)]
    budget = Budget(batch_size=60, num_shards=2, eval_batch_size=200)
    return list(stage_batches(digits.train, [digits.evals["val"]], plans, budget, 16, SEED, 0, 1))


def renderer(digits: DataHandle) -> Callable[[PlannedBatch], np.ndarray]:
    prepared: Prepared = ray.get(digits.prepared)
    blocks = [BlockPixels(ray.get(ref)) for ref in prepared.blocks]
    return lambda batch: render(batch, SPEC, SEED, prepared, blocks.__getitem__)


def batch(num_rows: int, size_px: int) -> PlannedBatch:
    rows = np.arange(num_rows)
    return PlannedBatch("train", 0, 0, 0, rows, rows.astype(np.uint64), rows, size_px)


@pytest.mark.ray
def test_the_stream_is_rendering_in_the_order_of_the_plan(digits: DataHandle) -> None:
    plan = planned(digits, 8, 12, 16)
    rendered = renderer(digits)
    stream = PixelStream(iter(plan), SPEC, SEED, digits.prepared, SHARE)
    num_seen = 0
    for expected, (got, pixels) in zip(plan, stream, strict=True):
        assert got is expected
        np.testing.assert_array_equal(pixels, rendered(expected))
        num_seen += len(pixels)
    stream.close()
    assert num_seen == 3 * (300 // 60 * 60 + len(digits.evals["val"].rows))


@pytest.mark.ray
def test_samples_do_not_depend_on_their_batch(digits: DataHandle) -> None:
    first = planned(digits, 16)[0]
    rendered = renderer(digits)
    together = rendered(first)
    for i in range(0, len(first.rows), 7):
        one = slice(i, i + 1)
        alone = PlannedBatch("train", 0, 0, 0, first.rows[one], first.keys[one], first.labels[one], 16)
        np.testing.assert_array_equal(rendered(alone)[0], together[i])


@pytest.mark.ray
def test_many_small_legs_and_tasks_make_the_same_stream(digits: DataHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "LEG_BYTES", 700 * 3 * 16**2)
    monkeypatch.setattr(stream_module, "TASK_PIXELS", 1)
    plan = planned(digits, 8)
    assert len(list(legs(plan))) >= 2
    rendered = renderer(digits)
    got = list(PixelStream(iter(plan), SPEC, SEED, digits.prepared, SHARE))
    assert [id(item) for item, _ in got] == [id(item) for item in plan]
    for item, pixels in got:
        np.testing.assert_array_equal(pixels, rendered(item))


def stream_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "pixel-stream" or "StreamingExecutor" in t.name]


@pytest.mark.ray
def test_closing_early_leaves_no_thread(digits: DataHandle) -> None:
    stream = PixelStream(iter(planned(digits, *[16] * 30)), SPEC, SEED, digits.prepared, SHARE)
    next(iter(stream))
    assert "pixel-stream" in stream_threads()
    stream.close()
    deadline = time.monotonic() + 20  # Ray Data's own thread ends a moment later
    while stream_threads() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stream_threads() == []


@pytest.mark.ray
def test_an_exception_in_a_task_reaches_the_consumer(digits: DataHandle) -> None:
    good, bad = planned(digits, 16)[0], batch(4, 16)
    bad.rows[2] = 10**6  # no such row
    with pytest.raises(Exception, match="index 1000000 is out of bounds"):
        list(PixelStream(iter([good, bad]), SPEC, SEED, digits.prepared, SHARE))


@pytest.mark.ray
def test_an_exception_in_the_plan_reaches_the_consumer(digits: DataHandle) -> None:
    def plan() -> Iterator[PlannedBatch]:
        yield planned(digits, 16)[0]
        raise KeyError("a fault in the plan")

    with pytest.raises(KeyError, match="a fault in the plan"):
        list(PixelStream(plan(), SPEC, SEED, digits.prepared, SHARE))


def test_a_stalled_stream_says_why() -> None:
    release = threading.Event()

    def plan() -> Iterator[PlannedBatch]:
        release.wait(30)
        yield from ()

    stream = PixelStream(plan(), SPEC, SEED, None, StreamShare(0.5, timeout_s=0.1))
    with pytest.raises(StreamStalled, match=r"no batch arrived .*share: 0.5 CPU.* raise resources.data_cpus"):
        next(iter(stream))
    release.set()
    stream.close()


def test_an_empty_plan_is_an_empty_stream() -> None:
    assert list(PixelStream(iter([]), SPEC, SEED, None, SHARE)) == []


def test_tasks_are_consecutive_and_of_the_stated_size() -> None:
    plan = [batch(64, 128) for _ in range(40)]  # 2^20 pixels each
    groups = list(tasks(plan))
    assert [len(group) for group in groups] == [1, 1, *[4] * 9, 2], "two short ones first"
    assert [id(item) for group in groups for item in group] == [id(item) for item in plan]


def test_legs_are_consecutive_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "LEG_BYTES", 100 * 3 * 8**2)
    plan = [batch(30, 8) for _ in range(10)]
    parts = list(legs(plan))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert [id(item) for part in parts for item in part] == [id(item) for item in plan]
