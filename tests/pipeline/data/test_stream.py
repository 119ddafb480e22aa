import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.data import render_threads
from pipeline.data.handle import DataHandle
from pipeline.data.index import EpochPlan
from pipeline.data.plan import PlannedBatch, stage_batches
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.data.render_tasks import TaskStream
from pipeline.data.render_threads import ThreadStream
from pipeline.data.stream import PixelStream, StreamShare, open_stream
from pipeline.spec.data import Digits
from pipeline.spec.errors import StreamStalled
from pipeline.spec.optim import Budget
from tests.pipeline.stages import SHARE, TASKS

SPEC = Digits()
SEED = 11
EVERY_WAY = [
    pytest.param(SHARE, id="one thread"),
    pytest.param(StreamShare(num_threads=3), id="three threads"),
    pytest.param(TASKS, id="Ray Data", marks=pytest.mark.ray),
]


def planned(digits: DataHandle, *sizes_px: int) -> list[PlannedBatch]:
    budget = Budget(batch_size=60, num_shards=2, eval_batch_size=200)
    plans = [EpochPlan(epoch, size_px, budget.batch_size) for epoch, size_px in enumerate(sizes_px)]
    return list(stage_batches(digits.train, [digits.evals["val"]], plans, budget, 16, SEED, 0, 1))


def batch(num_rows: int, size_px: int) -> PlannedBatch:
    rows = np.arange(num_rows)
    return PlannedBatch("train", 0, 0, 0, rows, rows.astype(np.uint64), rows, size_px)


def opened(plan: Iterator[PlannedBatch], digits: DataHandle, share: StreamShare) -> PixelStream:
    return open_stream(plan, SPEC, (), SEED, digits.prepared, share)


def test_the_share_says_who_renders(digits: DataHandle) -> None:
    threads, tasks = (opened(iter([]), digits, share) for share in (SHARE, TASKS))
    assert isinstance(threads, ThreadStream)
    assert isinstance(tasks, TaskStream)
    threads.close(), tasks.close()


@pytest.mark.parametrize("share", EVERY_WAY)
def test_the_stream_is_rendering_in_the_order_of_the_plan(digits: DataHandle, share: StreamShare) -> None:
    plan = planned(digits, 8, 12, 16)
    reader = PixelReader(digits.prepared)
    stream = opened(iter(plan), digits, share)
    num_seen = 0
    for expected, (got, pixels) in zip(plan, stream, strict=True):
        assert got is expected
        np.testing.assert_array_equal(pixels, render(expected, SPEC, (), SEED, reader))
        num_seen += len(pixels)
    stream.close()
    assert num_seen == 3 * (300 // 60 * 60 + len(digits.evals["val"].rows))


def test_samples_do_not_depend_on_their_batch(digits: DataHandle) -> None:
    first = planned(digits, 16)[0]
    reader = PixelReader(digits.prepared)
    together = render(first, SPEC, (), SEED, reader)
    for i in range(0, len(first.rows), 7):
        one = slice(i, i + 1)
        alone = PlannedBatch("train", 0, 0, 0, first.rows[one], first.keys[one], first.labels[one], 16)
        np.testing.assert_array_equal(render(alone, SPEC, (), SEED, reader)[0], together[i])


def stream_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("pixel") or "StreamingExecutor" in t.name]


@pytest.mark.parametrize("share", EVERY_WAY)
def test_closing_early_leaves_no_thread(digits: DataHandle, share: StreamShare) -> None:
    stream = opened(iter(planned(digits, *[16] * 30)), digits, share)
    next(iter(stream))
    assert stream_threads()
    stream.close()
    deadline = time.monotonic() + 20  # Ray Data's own thread ends a moment later
    while stream_threads() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stream_threads() == []


@pytest.mark.parametrize("share", EVERY_WAY)
def test_an_exception_while_rendering_reaches_the_consumer(digits: DataHandle, share: StreamShare) -> None:
    good, bad = planned(digits, 16)[0], batch(4, 16)
    bad.rows[2] = 10**6  # no such row
    with pytest.raises(Exception, match="index 1000000 is out of bounds"):
        list(opened(iter([good, bad]), digits, share))


@pytest.mark.parametrize("share", EVERY_WAY)
def test_an_exception_in_the_plan_reaches_the_consumer(digits: DataHandle, share: StreamShare) -> None:
    def plan() -> Iterator[PlannedBatch]:
        yield planned(digits, 16)[0]
        raise KeyError("a fault in the plan")

    with pytest.raises(KeyError, match="a fault in the plan"):
        list(opened(plan(), digits, share))


@pytest.mark.parametrize("share", [SHARE, TASKS], ids=["threads", "Ray Data"])
def test_an_empty_plan_is_an_empty_stream(digits: DataHandle, share: StreamShare) -> None:
    assert list(opened(iter([]), digits, share)) == []


def test_threads_work_ahead_but_not_without_end(digits: DataHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PlannedBatch] = []

    def plan() -> Iterator[PlannedBatch]:
        for item in planned(digits, *[16] * 30):
            asked.append(item)
            yield item

    monkeypatch.setattr(render_threads, "AHEAD_BYTES", 7 * 30 * 16**2 * 3)  # seven shards of 30 images
    stream = opened(plan(), digits, SHARE)
    assert len(asked) == 7
    consumer = iter(stream)
    for taken in range(1, 4):
        next(consumer)
        assert len(asked) == 7 + taken
    stream.close()


def test_a_stalled_thread_names_the_disk(digits: DataHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(render_threads, "render", lambda *_: release.wait(30))
    stream = opened(iter(planned(digits, 16)), digits, StreamShare(timeout_s=0.1))
    with pytest.raises(StreamStalled, match=rf"no batch arrived .* {digits.prepared.folder}: does that disk"):
        next(iter(stream))
    release.set()
    stream.close()
