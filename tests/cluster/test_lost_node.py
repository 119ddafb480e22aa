"""A machine of a real cluster dies in the middle of a study: no run is lost, none is trained twice."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ablations.records.home import Home
from tests.ablations.studies import Kept, write_grid
from tests.cluster.nodes import Cluster, ray_cluster, why_not

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 420.0
NUM_RUNS = 12

pytestmark = [pytest.mark.slow, pytest.mark.ray(own_cluster=True), pytest.mark.timeout(3 * PATIENCE_S)]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three nodes of one CPU each."""
    if reason := why_not():
        pytest.skip(reason)
    with ray_cluster(num_nodes=3, cpus_per_node=1) as running:
        yield running


def grid_in(folder: Path) -> Path:
    """Two arms, six seeds; a run takes seconds. The home is on the disk that all nodes share."""
    return write_grid(
        folder / "grid.yaml",
        base={"budget": {"epochs": 60, "batch_size": 20}},
        factors={"smoothing": {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]}},
        controls={},
        seeds=NUM_RUNS // 2,
        resources={"lanes": None},
    )


def start(cluster: Cluster, grid: Path, home: Path) -> "subprocess.Popen[bytes]":
    """`ablate run` on the head; what it shows goes to a file beside the home."""
    words = [sys.executable, "-m", "ablations", "run", str(grid), "--home", str(home)]
    with home.with_suffix(".log").open("w") as log:
        return subprocess.Popen(
            cluster.head.command(*words),
            cwd=ROOT,
            env=cluster.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def wait_until_training(process: "subprocess.Popen[bytes]", home: Path, num_lanes: int) -> None:
    """Until a run has ended and every lane has another one under way, with a checkpoint."""
    deadline = time.monotonic() + PATIENCE_S
    while not (home / "records.jsonl").is_file() or len(list(home.glob("stages/*/last.pt"))) < num_lanes:
        assert process.poll() is None and time.monotonic() < deadline, home.with_suffix(".log").read_text()
        time.sleep(0.02)


def test_a_node_that_dies_loses_no_run_and_changes_no_number(cluster: Cluster, tmp_path: Path) -> None:
    grid, home = grid_in(tmp_path), tmp_path / "home"
    process = start(cluster, grid, home)
    try:
        wait_until_training(process, home, num_lanes=3)
        num_before = len(Kept(Home(home)).lines)
        assert cluster.nodes[2].kill() >= 2, "a raylet and a worker of a lane"
        assert process.wait(PATIENCE_S) == 0, home.with_suffix(".log").read_text()
    finally:
        process.kill()
        process.wait()
    shown, kept = home.with_suffix(".log").read_text(), Kept(Home(home))
    assert 1 <= num_before < NUM_RUNS - 3, "it died in the middle"
    assert "Traceback" not in shown, shown
    times = Counter((line["stage_hash"], line["seed"]) for line in kept.lines)
    assert len(times) == NUM_RUNS and set(times.values()) == {1}, times
    assert {line["status"] for line in kept.lines} == {"finished"}
    logs = [path.read_text() for path in home.glob("runs/*/log.txt")]
    assert any("resumed after epoch" in log for log in logs), "what the dead node trained went on elsewhere"

    calm = tmp_path / "calm"  # the same study on the two nodes that are left
    assert start(cluster, grid, calm).wait(PATIENCE_S) == 0, calm.with_suffix(".log").read_text()
    assert Kept(Home(calm)).metrics() == kept.metrics()
    assert len({str(metrics) for metrics in kept.metrics().values()}) == NUM_RUNS, "every seed and arm differs"
