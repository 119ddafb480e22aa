from pathlib import Path

import pytest

from pipeline.spec.records import Cost
from reports.analysis.study import analyse
from reports.page.answers import answers
from reports.page.tables import arm_table, effect_table, provenance, secondary_table, spec_hashes, troubles
from reports.page.tables import duration as shown_duration
from reports.records.load import load_study
from reports.results.effect import SecondaryEffect
from reports.results.ranges import Range
from reports.scale import scale_of_metric
from tests.reports.fixtures import Options, write_home


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.2, "12 s"), (204, "3.4 min"), (3600, "1 h 00 min"), (7499, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert shown_duration(seconds) == text


def test_every_row_fills_its_columns(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    analysis = analyse(study)
    tables = [effect_table(analysis, scale_of_metric(study.plan.metric)), arm_table(analysis), spec_hashes(study.plan)]
    secondary = secondary_table(analysis)
    assert secondary is not None
    for table in [*tables, secondary]:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_networks_show_what_surgery_made_of_them(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    plain, cut = study.plan.arms[0], study.plan.arms[1]
    for arm, parameters, gflops in ((plain, 4_900_000, 0.72), (cut, 722_000, 0.1)):
        for seed in study.plan.seeds:
            record = study.records[arm.final.stage_hash, seed]
            counted = {"forward_gflops": gflops, "bare_num_parameters": 4_900_000, "bare_gflops": 0.72}
            cost = Cost(samples_seen=1, busy_s=1, data_wait_s=0, eval_s=0, num_workers=1, num_parameters=parameters)
            kept = record.model_copy(update={"cost": cost.model_copy(update=counted)})
            study.records[arm.final.stage_hash, seed] = kept
    table = arm_table(analyse(study))
    at = table.columns.index("parameters")
    assert table.columns[at : at + 2] == ("parameters", "GFLOPs an image")
    rows = {row[0]: row[at : at + 2] for row in table.rows}
    assert rows[plain.name] == ("4.9 M", "0.72")
    assert rows[cut.name] == ("4.9 → 0.722 M", "0.72 → 0.1")
    assert rows[study.plan.arms[2].name] == ("—", "—"), "records of versions that did not count"


def test_numbers_stand_beside_a_verdict_only_where_its_sentence_has_none(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    for answer in answers(analyse(study), scale_of_metric(study.plan.metric)):
        for finding in answer.findings:
            assert ("pt [" in finding.sentence) != ("pt [" in finding.numbers)


def test_a_small_difference_on_another_metric_has_the_digits_to_show_it(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    analysis = analyse(load_study(tmp_path, "clothing-tricks"))
    small = SecondaryEffect(metric="brier", estimate=2.4e-4, ci95=Range(low=1e-4, high=3.8e-4), p=0.01, q=0.05)
    effect = analysis.effects[0].model_copy(update={"secondary": (small,)})
    table = secondary_table(analysis.model_copy(update={"effects": (effect,)}))
    assert table is not None and table.rows[0][3:5] == ("+0.00024", "[0.00010, 0.00038]")


def test_failures_of_an_arm_for_one_reason_are_said_once(tmp_path: Path) -> None:
    """Three seeds of three arms that diverge alike once were nine lines before any answer."""
    write_home(tmp_path, Options(pictures=False, fail=(("+mixup", 0), ("+mixup", 2), ("+cosine", 1))))
    found = troubles(analyse(load_study(tmp_path, "clothing-tricks")))
    assert [trouble.who for trouble in found] == ["+cosine, seed 1", "+mixup, seeds 0, 2"]
    assert all("nan at step 212" in trouble.reason for trouble in found)


def test_provenance_names_data_versions_and_hardware(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, "clothing-tricks")
    found = dict(provenance(study, analyse(study)))
    assert found["plan hash"] == study.plan.plan_hash
    assert found["data fingerprint"] == study.plan.data.fingerprint
    assert (found["torch"], found["device"], found["skipped images"]) == ("2.15.0", "cpu (2 cores)", "1")
