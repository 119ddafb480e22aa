import pytest

from ablations.grid.spec import Resources
from ablations.running.lanes import LaneSizes, size_lanes
from pipeline.spec.errors import ResourceError


@pytest.mark.parametrize(
    ("asked", "cpus", "gpus", "runs", "expected"),
    [
        # a laptop without a GPU: a lane per core, which also renders its images
        ({}, 2, 0, 45, LaneSizes(2, 1, 1.0, 0, 1, 0)),
        ({}, 2, 0, 1, LaneSizes(1, 1, 2.0, 0, 2, 0)),
        ({}, 1, 0, 45, LaneSizes(1, 1, 1.0, 0, 1, 0)),
        ({}, 16, 0, 45, LaneSizes(16, 1, 1.0, 0, 1, 0)),
        ({}, 16, 0, 5, LaneSizes(5, 1, 3.2, 0, 3, 0)),
        ({"lanes": 1}, 2, 0, 45, LaneSizes(1, 1, 2.0, 0, 2, 0)),
        ({"threads_per_worker": 4}, 16, 0, 45, LaneSizes(4, 1, 4.0, 0, 4, 0)),
        ({"cpus_per_worker": 2}, 16, 0, 45, LaneSizes(8, 1, 2, 0, 2, 0)),
        ({"workers_per_trial": 2, "cpus_per_worker": 0.5}, 2, 0, 45, LaneSizes(1, 2, 0.5, 0, 1, 0)),
        ({"workers_per_trial": 4}, 16, 0, 45, LaneSizes(4, 4, 1.0, 0, 1, 0)),
        # Ray Data renders where it is given CPUs
        ({"data_cpus": 1}, 2, 0, 45, LaneSizes(2, 1, 0.5, 0, 1, 1)),
        ({"data_cpus": 4}, 16, 0, 45, LaneSizes(16, 1, 0.75, 0, 1, 4)),
        # a GPU is a lane; the cores that no worker needs render images
        ({}, 16, 1, 45, LaneSizes(1, 1, 1.0, 1.0, 16, 15)),
        ({}, 16, 4, 45, LaneSizes(4, 1, 1.0, 1.0, 4, 12)),
        ({}, 16, 4, 2, LaneSizes(2, 1, 1.0, 1.0, 8, 12)),
        ({"workers_per_trial": 2}, 16, 4, 45, LaneSizes(2, 2, 1.0, 1.0, 4, 12)),
        # too few to set any aside: the workers' threads render
        ({}, 8, 4, 45, LaneSizes(4, 1, 2.0, 1.0, 2, 0)),
        ({"data_cpus": 0}, 16, 4, 45, LaneSizes(4, 1, 4.0, 1.0, 4, 0)),
        # small trials packed on a card
        ({"gpus_per_worker": 0.25}, 16, 1, 45, LaneSizes(4, 1, 1.0, 0.25, 4, 12)),
        # GPUs there, but not wanted
        ({"gpus_per_worker": 0}, 16, 1, 45, LaneSizes(16, 1, 1.0, 0, 1, 0)),
    ],
)
def test_a_cluster_is_divided(asked: dict, cpus: int, gpus: int, runs: int, expected: LaneSizes) -> None:
    assert size_lanes(Resources(**asked), cpus, gpus, runs) == expected


@pytest.mark.parametrize(
    ("cpus", "gpus"), [(1, 0), (2, 0), (3, 0), (7, 0), (64, 0), (1, 1), (4, 1), (8, 8), (16, 8), (64, 8)]
)
@pytest.mark.parametrize("runs", [1, 7, 500])
@pytest.mark.parametrize("asked", [{}, {"lanes": 1}, {"cpus_per_worker": 0.25}, {"threads_per_worker": 1}])
def test_what_is_handed_out_is_there_and_the_streams_share_theirs(asked: dict, cpus: int, gpus: int, runs: int) -> None:
    sizes = size_lanes(Resources(**asked), cpus, gpus, runs)
    assert sizes.lanes * sizes.workers * sizes.cpus_per_worker + sizes.data_cpus <= cpus + 1e-6
    assert sizes.lanes * sizes.workers * sizes.gpus_per_worker <= gpus + 1e-6
    assert sizes.stream_cpus >= 0 and sizes.cpus_per_worker > 0 and sizes.threads >= 1
    assert sizes.render_threads >= 1
    assert sizes.lanes <= runs
    assert sizes.lanes * sizes.workers * sizes.stream_cpus == pytest.approx(sizes.data_cpus)


@pytest.mark.parametrize(
    ("asked", "cpus", "gpus", "message"),
    [
        ({"gpus_per_worker": 1}, 16, 0, r"gpus_per_worker=1, but the cluster has 0 GPUs; use 0 for CPUs"),
        (
            {"gpus_per_worker": 0.5, "workers_per_trial": 2},
            16,
            1,
            r"gpus_per_worker=0\.5 with workers_per_trial=2: a fraction of a card",
        ),
        ({"workers_per_trial": 2}, 16, 1, r"1 lanes x 2 workers x 1 GPUs = 2 GPUs, but the cluster has 1"),
        (
            {"lanes": 4, "cpus_per_worker": 1},
            2,
            0,
            r"4 lanes x 1 workers x 1 CPUs = 4 CPUs, but only 2 of 2 are free for training\. Lower",
        ),
        (
            {"workers_per_trial": 2, "cpus_per_worker": 1, "data_cpus": 0.5},
            2,
            0,
            r"= 2 CPUs, but only 1\.5 of 2 are free .* 0\.5 are kept for Ray Data streams.*Lower resources\.lanes",
        ),
        ({"data_cpus": 2}, 2, 0, r"but only 0 of 2 are free for training: 2 are kept"),
        ({"data_cpus": 3}, 2, 0, r"but only -1 of 2 are free"),
        ({"lanes": 3}, 16, 2, r"3 lanes x 1 workers x 1 GPUs = 3 GPUs, but the cluster has 2"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(asked: dict, cpus: int, gpus: int, message: str) -> None:
    with pytest.raises(ResourceError, match=message):
        size_lanes(Resources(**asked), cpus, gpus, 45)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (LaneSizes(1, 1, 2, 0, 2, 0), "1 lane x 1 worker (2 CPU, 2 threads each), images rendered in its threads"),
        (
            LaneSizes(2, 2, 1, 1, 1, 12),
            "2 lanes x 2 workers (1 CPU and 1 GPU, 1 thread each), 12 CPU for Ray Data streams",
        ),
    ],
)
def test_sizes_are_one_line_for_people(sizes: LaneSizes, text: str) -> None:
    assert str(sizes) == text
