import json
from pathlib import Path

import numpy as np
import pytest

from reports.analysis.study import analyse
from reports.records.load import load_study
from reports.results.study import Analysis
from reports.stats.estimate import Method
from tests.reports.factorial import factorial_study
from tests.reports.fixtures import FACTORS, Options, write_home


def analysis_of(home: Path, options: Options | None = None) -> Analysis:
    write_home(home, options or Options(pictures=False))
    return analyse(load_study(home, "clothing-tricks"))


def test_finds_the_effects_that_the_fake_study_was_made_with(tmp_path: Path) -> None:
    found = analysis_of(tmp_path, Options(seeds=tuple(range(6)), noise_pt=0.1, fail=(), pictures=False))
    assert found.headline is Method.PAIRED
    for factor, (alone, on_top) in FACTORS.items():
        for context, truth in (("added to bare", alone), ("removed from full", on_top)):
            effect = next(e for e in found.effects if (e.factor, e.context) == (factor, context))
            assert effect.estimate == pytest.approx(truth, abs=0.2)
    assert found.recipe_to_keep.factors == ("cosine", "distill")  # mixup helps alone and hurts the full recipe
    assert [control.as_expected for control in found.controls] == [True, True]
    assert found.warnings == ()


def test_costs_come_from_one_timing_block_and_include_teachers(tmp_path: Path) -> None:
    found = analysis_of(tmp_path)
    arms = {arm.name: arm for arm in found.arms}
    ratio = arms["+distill"].step_ratio
    assert ratio is not None and ratio.ci95 is not None
    assert ratio.ci95.low < 1.45 < ratio.ci95.high
    assert arms["+distill"].samples_with_ancestors == 2 * (arms["bare"].samples_seen or 0)
    assert arms["bare"].samples_with_ancestors == arms["bare"].samples_seen
    assert found.total_cost.num_runs == 45


def test_levels_are_means_over_seeds_in_points(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    stage = study.plan.arm("bare").final.stage_hash
    scores = [100 * study.records[stage, seed].metrics["val/top1"] for seed in study.plan.seeds]
    spread = analyse(study).arms[0].metrics["val/top1"]
    assert spread.mean == pytest.approx(np.mean(scores))
    assert spread.sd == pytest.approx(np.std(scores, ddof=1))


def test_other_metrics_are_exploratory_and_adjusted_upwards(tmp_path: Path) -> None:
    found = analysis_of(tmp_path)
    secondary = [other for effect in found.effects for other in effect.secondary]
    assert {other.metric for other in secondary} == {"top5", "nll"}  # ece never varies in the fake study
    assert all(other.q >= other.p for other in secondary)


def test_survives_json_and_holds_for_other_programs(tmp_path: Path) -> None:
    found = analysis_of(tmp_path)
    assert Analysis.model_validate_json(found.model_dump_json()) == found
    raw = json.loads(found.model_dump_json())
    assert raw["effects"][0]["differences"].keys() == {"0", "1", "2"}


def test_mixed_hardware_and_changed_data_are_warned_about(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    run, record = next(iter(study.records.items()))
    other = record.environment.model_copy(update={"device": "NVIDIA H200"})
    study.records[run] = record.model_copy(update={"environment": other, "data_fingerprint": "other"})
    first, second = analyse(study).warnings
    assert "runs differ in device (NVIDIA H200, cpu (2 cores))" in first
    assert "the data changed" in second


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_few_seeds_still_make_an_analysis(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    found = analysis_of(tmp_path, Options(seeds=seeds, fail=(), pictures=False))
    assert len(found.effects) == 10
    assert found.completeness.complete


def test_an_empty_study_promises_nothing(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    (tmp_path / "records.jsonl").unlink()
    found = analyse(load_study(tmp_path, "clothing-tricks"))
    assert found.recipe_to_keep.sentence.startswith("Nothing can be said yet")
    assert found.completeness.num_missing == 45


def test_effects_that_share_an_arm_are_said_to_share_its_luck(tmp_path: Path) -> None:
    """Specification 3, guard 5: one unlucky baseline shifts all effects measured against it."""
    both_ways = analysis_of(tmp_path)
    end = "effects share the runs of {}: were these lucky or unlucky, all are shifted alike."
    assert [line for line in both_ways.luck if "share the runs" in line] == [
        f"5 {end.format('bare')}",
        f"5 {end.format('full')}",
    ]
    assert not any("share the runs" in line for line in analyse(factorial_study()).luck), "averages use all arms"
