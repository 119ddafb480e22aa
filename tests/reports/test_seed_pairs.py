"""Both arms seed by seed, against the scores they were made from and the runs that failed."""

import re
from pathlib import Path

import pytest

from ablations.designs import BothWays, FullFactorial
from reports.analysis.seed_pairs import pair_seeds
from reports.page.figures.seed_slopes import draw_seed_slopes, seed_table
from reports.records.load import load_study
from reports.scale import scale_of
from tests.reports.designs import crafted, plan_of, without
from tests.reports.fixtures import Options, write_home

SCALE = scale_of("top1")


def test_levels_are_the_scores_of_both_arms() -> None:
    study, scores = crafted(plan_of(BothWays(), 4))
    pairs = pair_seeds(study, SCALE)
    assert len(pairs) == 8
    for found in pairs:
        after, before = scores[found.treatment_arm], scores[found.reference_arm]
        assert [pair.treatment for pair in found.seeds] == pytest.approx(list(after))
        assert [pair.reference for pair in found.seeds] == pytest.approx(list(before))
        assert found.num_better == (after > before).sum() and found.num_paired == 3


def test_where_lower_is_better_a_fall_counts() -> None:
    study, scores = crafted(plan_of(BothWays(), 4))
    up = pair_seeds(study, scale_of("top1"))[0]
    renamed = {
        run: record.model_copy(update={"metrics": {"val/nll": record.metrics["val/top1"]}})
        for run, record in study.records.items()
    }
    plan = study.plan.model_copy(update={"metric": study.plan.metric.model_copy(update={"name": "nll"})})
    down = pair_seeds(type(study)(plan, renamed, [], study.files), scale_of("nll"))[0]
    assert (up.num_better, down.num_better) == (3, 0) and scores["+cosine"].mean() > scores["bare"].mean()


def test_a_failed_run_is_a_cross_and_a_missing_one_is_nothing(tmp_path: Path) -> None:
    study = load_study(tmp_path, write_home(tmp_path, Options(pictures=False)).study)
    pairs = [found for found in pair_seeds(study, SCALE) if found.factor == "smoothing"]
    alone, within = draw_seed_slopes(pairs, SCALE)
    assert alone.svg.count("failed-end") == 0 and within.svg.count("failed-end") == 1
    assert alone.svg.count('class="slope ') == 3 and within.svg.count('class="slope ') == 2
    assert "seed 2: failed → " in within.svg and within.summary.endswith("of 2 seeds better")
    table = seed_table(pairs, SCALE)
    assert table is not None and table.rows[1][4].startswith("failed → ")
    missing = pair_seeds(without(study, ("+smoothing", 1)), SCALE)
    gone = next(found for found in missing if found.factor == "smoothing")
    assert gone.seeds[1].treatment is None and not gone.seeds[1].treatment_failed
    assert "failed-end" not in draw_seed_slopes((gone,), SCALE)[0].svg


def test_every_dot_stands_in_the_table() -> None:
    study, _ = crafted(plan_of(BothWays(), 3))
    pairs = pair_seeds(study, SCALE)
    panels, table = draw_seed_slopes(pairs, SCALE), seed_table(pairs, SCALE)
    assert table is not None and len(panels) == len(table.rows) == 6
    for panel, row in zip(panels, table.rows, strict=True):
        for seed, cell in enumerate(row[2:5]):
            before, after = cell.split(" → ")
            assert f"seed {seed}: {before}</title>" in panel.svg and f"seed {seed}: {after}</title>" in panel.svg
        assert panel.summary == row[-1]
        assert panel.svg.count('class="slope up"') == int(row[-1].split()[0])


def test_equal_changes_are_equally_steep_wherever_they_start() -> None:
    """Pixels a point, read off the dots of two panels whose levels are far apart."""
    study, scores = crafted(plan_of(BothWays(), 3))
    pairs = pair_seeds(study, SCALE)
    steepness: list[float] = []
    for found, panel in zip(pairs, draw_seed_slopes(pairs, SCALE), strict=True):
        first = re.search(r'polyline points="[\d.]+,([\d.]+) [\d.]+,([\d.]+)"', panel.svg)
        assert first is not None
        change = scores[found.treatment_arm][0] - scores[found.reference_arm][0]
        steepness.append((float(first[1]) - float(first[2])) / change)
    assert steepness == pytest.approx([steepness[0]] * 6, rel=0.05) and steepness[0] > 0


def test_weighted_sums_of_arms_have_no_two_sides_to_draw() -> None:
    study, _ = crafted(plan_of(FullFactorial(), 3))
    assert pair_seeds(study, SCALE) == () and draw_seed_slopes((), SCALE) == () and seed_table((), SCALE) is None
