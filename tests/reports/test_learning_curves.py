"""Means and bands of learning curves against scipy, and what becomes of runs that failed."""

import numpy as np
import pytest
from scipy import stats

from ablations.designs import AddOneIn
from pipeline.spec.records import Curves, Failure, RunRecord, Status
from reports.analysis.learning import analyse_learning, average
from reports.page.figures.learning import draw_learning, learning_table
from reports.records.load import RunId, StudyData
from reports.results.learning import Run
from reports.scale import scale_of
from tests.benchmarks.proof.studies import ENVIRONMENT
from tests.reports.designs import crafted, plan_of

SCALE = scale_of("top1")
RNG = np.random.default_rng(5)


def run(seed: int, num_epochs: int, *, failed: bool = False) -> Run:
    epochs = np.arange(num_epochs)
    return Run(seed, failed, epochs, 2.0 * epochs + seed, 50 + 10 * RNG.random(num_epochs))


def test_mean_and_band_are_those_of_a_t_interval_at_each_epoch() -> None:
    runs = [run(seed, 6) for seed in range(4)]
    found = average(runs)
    assert found is not None and found.half_width is not None and found.num_runs == 4
    for epoch in range(6):
        values = [one.values[epoch] for one in runs]
        low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
        assert found.values[epoch] - found.half_width[epoch] == pytest.approx(low)
        assert found.values[epoch] + found.half_width[epoch] == pytest.approx(high)
        assert found.elapsed_s[epoch] == pytest.approx(2.0 * epoch + 1.5)


def test_two_runs_have_no_band_and_the_shorter_ends_the_mean() -> None:
    found = average([run(0, 6), run(1, 4)])
    assert found is not None and found.half_width is None and list(found.epochs) == [0, 1, 2, 3]


def test_failed_runs_are_in_no_mean() -> None:
    good = [run(seed, 5) for seed in range(3)]
    with_failed, alone = average([*good, run(3, 2, failed=True)]), average(good)
    assert with_failed is not None and alone is not None
    np.testing.assert_array_equal(with_failed.values, alone.values)
    assert average([run(0, 3, failed=True)]) is None


class ThreeEpochs:
    """Every run's files: three epochs, two seconds each, a level by seed."""

    def read(self, run: RunId, name: str) -> bytes | None:
        level = 0.5 + 0.01 * run[1]
        series = {"val/top1": (level, level + 0.1, level + 0.2)}
        return Curves(epoch=(0, 1, 2), elapsed_s=(2.0, 4.0, 6.0), series=series).model_dump_json().encode()


def failed_study() -> StudyData:
    """Bare with three seeds, of which the last failed but left its curve."""
    study, _ = crafted(plan_of(AddOneIn(), 1))
    failure = Failure(type="Diverged", message="nan")
    lost = RunRecord(
        stage_hash="bare", seed=2, stage="main", status=Status.FAILED, environment=ENVIRONMENT, failure=failure,
        data_fingerprint="f", finished_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    return StudyData(study.plan, study.records | {("bare", 2): lost}, [], ThreeEpochs())


def test_a_failed_run_is_kept_dashed_with_a_crossed_end() -> None:
    curves = analyse_learning(failed_study(), SCALE)
    panels = {panel.arm: panel for panel in draw_learning(curves, "bare", SCALE)}
    bare, full = panels["bare"], panels["full"]
    assert (bare.num_seeds, bare.num_failed, full.num_failed) == (3, 1, 0)
    assert bare.svg.count('class="curve failed"') == 1 and bare.svg.count('class="failed-end"') == 2
    assert bare.svg.count('class="curve thin"') == 2 and 'class="spread"' not in bare.svg
    assert full.svg.count('class="curve thin"') == 3 and full.svg.count('class="spread"') == 1
    assert "3 seeds, 1 of them failed; mean 70.50 at epoch 2" in bare.svg


def test_by_time_the_axis_ends_with_the_longest_run() -> None:
    curves = analyse_learning(failed_study(), SCALE)
    by_time = draw_learning(curves, "bare", SCALE, by="seconds")
    assert all("by seconds" in panel.svg and ">6</text>" in panel.svg for panel in by_time)


def test_the_table_has_the_means_and_their_bands() -> None:
    curves = analyse_learning(failed_study(), SCALE)
    table = learning_table(curves, SCALE)
    half = stats.t.ppf(0.975, 2) * stats.sem([70.0, 71.0, 72.0])
    assert table is not None and table.columns == (
        "arm", "finished", "failed", "epoch 0", "epoch 1", "epoch 2", "seconds",
    )  # fmt: skip
    assert table.rows[0][1:3] == ("2", "1") and table.rows[0][5:] == ("70.50", "6")
    assert table.rows[1][5:] == (f"71.00 ±{half:.2f}", "6")
    assert learning_table((), SCALE) is None
