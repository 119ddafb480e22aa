"""Luck, measured: against closed forms, scipy, a reference case, and by simulating studies in which nothing differs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.records import run_key
from pipeline.spec.study import Arm, Comparison, PlannedStage, StudyPlan
from reports.analysis.completeness import assess_completeness
from reports.analysis.effects import judge
from reports.analysis.estimates import fit_cells
from reports.analysis.noise import noise_floor, repeats, reruns
from reports.analysis.study import analyse
from reports.formats.text import to_markdown
from reports.page.html import render
from reports.records.load import StudyData, load_study, pick_records
from reports.results.noise import NoiseFloor
from reports.results.study import Analysis
from reports.scale import scale_of
from tests.reports.fixtures import Options, make_plan, train_alike, write_home, write_plan
from tests.reports.test_effects import NoFiles, make_record, study_of

SCALE = scale_of("top1")
KINDS = {"A/A": "placebo", "rerun": "rerun"}
R18 = [[93.61, 93.70, 93.74], [94.10, 93.82, 94.31], [93.50, 93.66, 93.71], [93.95, 93.88, 94.02]]
A, B = [94.10, 93.82, 94.31, 93.95, 94.22], [93.61, 93.70, 93.74, 93.58, 93.69]


def baseline(scores: Mapping[str, Sequence[float | None]], rerun_seeds: tuple[int, ...] = (0,)) -> StudyData:
    """Bare, and where there are scores for them A/A and rerun, on an empty recipe. Scores are in points."""
    shown = {name: [None if v is None else v / 100 for v in values] for name, values in scores.items()}
    study = study_of({"bare": shown["bare"]})
    arms = tuple(
        Arm(
            name=name,
            factors=() if name == "bare" else (name,),
            stages=(
                PlannedStage(
                    name="main", stage_hash=name, spec={"strategies": [{"kind": KINDS[name]}] if name in KINDS else []}
                ),
            ),
            recipe={},
            seeds=rerun_seeds if name == "rerun" else None,
        )
        for name in shown
    )
    luck = Comparison(factor="A/A", context="added to bare", treatment="A/A", reference="bare", control=True)
    plan = study.plan.model_copy(update={"arms": arms, "comparisons": (luck,) if "A/A" in scores else ()})
    records = {
        (arm.name, seed): make_record(arm.name, seed, value)
        for arm in arms
        for seed, value in zip(plan.seeds_of(arm), shown[arm.name], strict=False)
        if value is None or not np.isnan(value)
    }
    return StudyData(plan, records, [], NoFiles())


def floor_of(study: StudyData) -> NoiseFloor | None:
    family = judge(study, assess_completeness(study)).family
    return noise_floor(study, family.cells, SCALE)


def test_the_band_is_the_half_width_of_the_pooled_interval() -> None:
    names = ("bare", "x", "y", "z")
    found = floor_of(study_of({name: [v / 100 for v in row] for name, row in zip(names, R18, strict=True)}))
    assert found is not None
    assert found.sd == pytest.approx(0.014589**0.5, abs=1e-5)  # reference case R18: MSE, df, interval
    assert found.df == 6
    assert found.band.high == -found.band.low == pytest.approx((0.634648 - 0.152019) / 2, abs=1e-6)
    assert found.half_width(3) == found.band.high
    limits = [found.sd * (6 / stats.chi2.ppf(q, 6)) ** 0.5 for q in (0.975, 0.025)]
    assert [found.ci95.low, found.ci95.high] == pytest.approx(limits)
    assert found.source.startswith("pooled over 4 arms")
    assert "lie within ±0.24 pt" in found.sentence


def test_a_main_effect_of_more_arms_has_a_narrower_band() -> None:
    """R5: 2^3 with two seeds; every effect has weights of +-1/4 on eight arms, MSE .022857 and 7 df."""
    rows = [[90, 90.2], [90.9, 91.2], [91.1, 91.4], [92.3, 92.2], [91, 91.3], [92.1, 92], [91.2, 91.6], [92.4, 92.3]]
    study = study_of({("bare" if i == 0 else f"c{i}"): [v / 100 for v in row] for i, row in enumerate(rows)})
    found = floor_of(study)
    assert found is not None and found.df == 7
    interval_a = (0.753749 - 0.396251) / 2
    assert found.half_width(2, sum_squared_weights=8 / 16) == pytest.approx(interval_a, abs=1e-6)


def test_in_studies_without_any_effect_a_difference_lies_in_the_band_in_95_of_100() -> None:
    rng, inside = np.random.default_rng(11), []
    for _ in range(1000):
        scores = 0.9 + rng.normal(0, 0.02, 3) + rng.normal(0, 0.01, (4, 3))  # a seed's luck is shared by all arms
        names = ("bare", "x", "y", "z")
        study = study_of({name: list(row) for name, row in zip(names, scores, strict=True)})
        found = noise_floor(study, fit_cells(study, names, SCALE), SCALE)
        assert found is not None
        inside.append(abs(100 * np.mean(scores[1] - scores[0])) <= found.half_width(3))
    assert 0.93 < np.mean(inside) < 0.97  # +-3 standard errors of 1,000 studies


def test_the_mean_difference_of_a_new_repeat_lies_in_the_band_of_the_repeats_in_95_of_100() -> None:
    rng, inside = np.random.default_rng(12), []
    for _ in range(1500):
        bare, again, new = rng.normal(90, 0.5, (3, 4))
        found = repeats(baseline({"bare": list(bare), "A/A": list(again)}), SCALE)
        assert found is not None and found.band is not None
        inside.append(abs(np.mean(new) - np.mean(rng.normal(90, 0.5, 4))) <= found.band.high)
    assert 0.93 < np.mean(inside) < 0.97


def test_repeats_pool_bare_with_its_a_a_arm() -> None:
    found = repeats(baseline({"bare": B, "A/A": A}), SCALE)
    assert found is not None and found.ci95 is not None
    assert found.sd == pytest.approx(np.std([*A, *B], ddof=1))
    assert found.df == 9
    assert [*found.differences["A/A"].values()] == pytest.approx([0.49, 0.12, 0.57, 0.37, 0.53])  # reference case R1
    theirs = stats.bayes_mvs([*A, *B], alpha=0.95)[2].minmax  # its flat-prior interval of an sd is the chi-square one
    assert (found.ci95.low, found.ci95.high) == pytest.approx(theirs)
    assert "A/A differs from bare by +0.42 pt on average" in found.sentence


def test_a_plan_without_comparisons_takes_its_floor_from_the_repeats() -> None:
    study = baseline({"bare": B, "A/A": A})
    found, again = floor_of(study), repeats(study, SCALE)
    assert found is not None and again is not None
    assert (found.sd, found.df, found.band) == (again.sd, 9, again.band)
    assert found.source == "5 runs of bare and 5 runs of A/A"
    alone = floor_of(baseline({"bare": B}))
    assert alone is not None and alone.sd == pytest.approx(np.std(B, ddof=1)) and alone.df == 4


@pytest.mark.parametrize("scores", [{"bare": [93.0]}, {"bare": [93.0, 93.0, 93.0]}])
def test_no_floor_without_two_runs_or_without_spread(scores: Mapping[str, Sequence[float]]) -> None:
    study = baseline(scores)
    assert floor_of(study) is None
    found = repeats(study, SCALE)
    assert found is not None and found.sd is None and "spread is unknown" in found.sentence


def test_one_seed_and_no_record_have_no_floor() -> None:
    study = study_of({"bare": [0.5], "a": [0.6]})
    assert floor_of(study) is None
    nothing = replace(baseline({"bare": B}), records={})
    assert floor_of(nothing) is None and repeats(nothing, SCALE) is None


def test_missing_seeds_leave_the_differences_that_there_are() -> None:
    found = repeats(baseline({"bare": [93.0, None, 93.4], "A/A": [93.2, 93.1, float("nan")]}), SCALE)
    assert found is not None and found.band is not None
    assert found.differences == {"A/A": {0: pytest.approx(0.2)}}
    every = [93.0, 93.4, 93.2, 93.1]
    assert found.band.high == pytest.approx(stats.t.ppf(0.975, 3) * np.std(every, ddof=1) * 2**0.5)


def test_a_rerun_with_the_same_numbers_is_said_to_be_bit_for_bit() -> None:
    (found,) = reruns(baseline({"bare": B, "rerun": B[:1]}), SCALE)
    assert (found.outcome, found.difference) == ("same", 0.0)
    assert found.sentence == "seed 0 run twice gave the same numbers bit for bit"


def test_a_rerun_with_other_numbers_blames_the_hardware_or_what_differs_between_the_runs() -> None:
    study = baseline({"bare": B, "rerun": [93.91]})
    (found,) = reruns(study, SCALE)
    assert found.outcome == "differs" and found.difference == pytest.approx(0.3)
    assert "they differ by 0.30 pt; this hardware (cpu (2 cores)) is not deterministic" in found.sentence
    record = study.records["rerun", 0]
    moved = record.environment.model_copy(update={"device": "NVIDIA H100", "threads_per_worker": 4})
    study.records["rerun", 0] = record.model_copy(update={"environment": moved})
    (found,) = reruns(study, SCALE)
    assert "the two runs differ in device, threads per worker, which may be why" in found.sentence


@pytest.mark.parametrize("score", [None, float("nan")])
def test_a_rerun_that_did_not_finish_says_nothing(score: float | None) -> None:
    (found,) = reruns(baseline({"bare": B, "rerun": [score]}), SCALE)
    assert (found.outcome, found.difference) == ("not finished", None)


def test_reruns_of_other_seeds_are_compared_with_their_own() -> None:
    found = reruns(baseline({"bare": B, "rerun": [B[3], B[1]]}, rerun_seeds=(3, 2)), SCALE)
    assert [(one.seed, one.outcome) for one in found] == [(3, "same"), (2, "differs")]


# With the files of a whole study


def with_rerun(plan: StudyPlan, keep: tuple[str, ...] = ()) -> StudyPlan:
    """A rerun of bare beside the other arms; `keep`: only these of them, and what they are compared by."""
    bare = plan.arm("bare")
    spec: dict[str, Any] = {**bare.final.spec, "strategies": [{"kind": "rerun"}]}
    stage = PlannedStage(name="main", stage_hash="5e" * 32, spec=spec)
    rerun = Arm(name="rerun", factors=("rerun of bare",), stages=(stage,), recipe=bare.recipe, seeds=plan.seeds[:1])
    kept = tuple(arm for arm in plan.arms if not keep or arm.name in keep)
    names = {arm.name for arm in kept}
    comparisons = tuple(comparison for comparison in plan.comparisons if comparison.contrast.keys() <= names)
    return plan.model_copy(update={"arms": (*kept, rerun), "comparisons": comparisons})


@pytest.fixture
def measured(tmp_path: Path) -> StudyData:
    """A study of five factors with a placebo, whose rerun trained like bare."""
    write_home(tmp_path, Options(pictures=False))
    plan = with_rerun(make_plan(Options()))
    _keep_rerun(tmp_path, plan)
    return load_study(tmp_path, write_plan(tmp_path, plan).study)


def _keep_rerun(home: Path, plan: StudyPlan) -> None:
    """Records of the rerun with every seed, as an earlier plan may have left them, equal to bare's."""
    again, bare = plan.arm("rerun").final.stage_hash, plan.arm("bare").final.stage_hash
    lines = (home / "records.jsonl").read_text().splitlines()
    (home / "records.jsonl").write_text(
        "\n".join(lines + [line.replace(bare, again) for line in lines if bare in line])
    )
    for seed in plan.seeds:
        (home / "runs" / run_key(again, seed)).mkdir()
    train_alike(home, plan, "rerun", "bare", plan.seeds)


def test_only_planned_seeds_of_an_arm_are_read_and_counted(measured: StudyData) -> None:
    again = measured.plan.arm("rerun").final.stage_hash
    assert [seed for stage, seed in measured.records if stage == again] == [0]
    done = assess_completeness(measured)
    assert done.num_planned == 45 + 1 and len(done.of_arm("rerun")) == 1
    assert pick_records(measured.plan, [*measured.records.values()]) == measured.records


def test_the_report_shows_luck_and_an_empty_cell_where_nothing_is_planned(measured: StudyData) -> None:
    found = analyse(measured)
    assert found.repeats is not None and [*found.repeats.scores] == ["bare", "+placebo"]
    assert [one.outcome for one in found.reruns] == ["same"]
    assert Analysis.model_validate_json(found.model_dump_json()) == found
    page = render(measured)
    assert "How large is luck?" in page and "Seed 0 run twice gave the same numbers bit for bit." in page
    assert '<th scope="row">rerun</th><td><span class="cell finished"' in page
    row = page[page.index('<th scope="row">rerun</th>') :]
    assert row[: row.index("</tr>")].count("<td></td>") == 2
    assert page.count('class="luck"') == len(found.effects) + 1, "behind every effect, and under the A/A differences"
    assert "Seed 0 run twice gave the same numbers bit for bit." in to_markdown(found)


def test_predictions_that_differ_are_no_bit_for_bit_rerun(measured: StudyData, tmp_path: Path) -> None:
    path = tmp_path / "runs" / run_key(measured.plan.arm("rerun").final.stage_hash, 0) / "predictions.npz"
    with np.load(path) as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed["val/label"] = changed["val/label"] + 1
    np.savez(path, **changed)
    (found,) = reruns(measured, SCALE)
    assert (found.outcome, found.difference) == ("differs", 0.0)
    assert "they have equal top-1 accuracy, but not the same numbers bit for bit" in found.sentence


def test_the_rerun_leaves_every_verdict_as_it_was(measured: StudyData, tmp_path: Path) -> None:
    found = analyse(measured)
    write_plan(tmp_path, make_plan(Options()))
    before = analyse(load_study(tmp_path, measured.plan.study))
    assert found.effects == before.effects and found.controls == before.controls
    assert found.noise_floor == before.noise_floor and found.repeats == before.repeats


def test_baseline_repeats_make_a_report_without_effects(measured: StudyData, tmp_path: Path) -> None:
    plan = with_rerun(make_plan(Options()), keep=("bare", "+placebo"))
    study = load_study(tmp_path, write_plan(tmp_path, plan.model_copy(update={"design": "baseline"})).study)
    found = analyse(study)
    assert found.effects == () and found.noise_floor is not None
    assert found.noise_floor.source == "3 runs of bare and 3 runs of +placebo"
    assert found.completeness.num_planned == 3 + 3 + 1
    assert found.recipe_to_keep.sentence == "This study compares nothing, so bare stands."
    page = render(study)
    assert 'id="luck"' in page and 'id="answers"' not in page and 'id="effects"' not in page
    assert "+placebo" in to_markdown(found)
