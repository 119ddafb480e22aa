import json
import shutil
from pathlib import Path

import pytest

from pipeline.spec.errors import RecordError
from pipeline.spec.records import Failure, RunRecord, Status, TimingRecord
from reports.records.load import load_study, parse_lines, pick_records, pick_timings
from tests.reports.fixtures import ENVIRONMENT, Options, write_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_home(tmp_path, Options(pictures=False))
    return tmp_path


def test_reads_back_what_was_written(home: Path) -> None:
    study = load_study(home, "clothing-tricks")
    bare = (study.plan.arm("bare").final.stage_hash, 0)
    assert len(study.records) == 45
    assert len(study.timings) == 70
    curves, predictions = study.curves(bare), study.predictions(bare)
    assert curves is not None and curves.epoch[-1] == 12
    assert predictions is not None and predictions["val/id"][0] == "a/0.jpg"
    assert study.log(bare) == "epoch 12 done\n"
    assert study.warnings == ()


def test_files_that_a_run_did_not_leave_are_none(home: Path) -> None:
    study = load_study(home, "clothing-tricks")
    failed = (study.plan.arm("-smoothing").final.stage_hash, 2)
    assert study.curves(failed) is None
    assert study.predictions(failed) is None
    assert study.log(failed) == ""
    assert study.finished(failed) is None


def test_a_torn_line_is_left_out_with_a_warning(home: Path) -> None:
    path = home / "records.jsonl"
    path.write_text(path.read_text() + path.read_text()[:200])
    study = load_study(home, "clothing-tricks")
    assert len(study.records) == 45
    assert study.warnings == ("records.jsonl line 46 is torn (200 characters) and was left out",)


def test_an_unknown_schema_version_is_refused_by_name(home: Path) -> None:
    path = home / "records.jsonl"
    lines = path.read_text().splitlines()
    newer = json.loads(lines[1]) | {"schema_version": 7}
    path.write_text("\n".join([lines[0], json.dumps(newer), *lines[2:]]))
    with pytest.raises(RecordError, match=r"records.jsonl line 2: schema_version 7, but .* reads 1.*install that one"):
        load_study(home, "clothing-tricks")


def test_a_record_that_is_json_but_wrong_is_refused_with_its_path(home: Path) -> None:
    path = home / "records.jsonl"
    broken = json.loads(path.read_text().splitlines()[0]) | {"seed": "three"}
    path.write_text(json.dumps(broken))
    with pytest.raises(RecordError, match=r"line 1: not a valid RunRecord: seed: .*three"):
        load_study(home, "clothing-tricks")


def test_an_unknown_study_names_the_known_ones(home: Path) -> None:
    with pytest.raises(RecordError, match=r"no study 'other' in this home; the studies here are clothing-tricks"):
        load_study(home, "other")


def test_a_study_without_records_is_empty(home: Path) -> None:
    (home / "records.jsonl").unlink()
    (home / "timings.jsonl").unlink()
    shutil.rmtree(home / "runs")
    study = load_study(home, "clothing-tricks")
    assert study.records == {}
    assert study.timings == []


def test_the_latest_line_wins_but_a_failure_never_replaces_a_success(home: Path) -> None:
    plan = load_study(home, "clothing-tricks").plan
    lines = parse_lines(RunRecord, (home / "records.jsonl").read_text(), "records.jsonl").items
    first = next(record for record in lines if record.status is Status.FINISHED)
    failure = Failure(type="WorkerDied", message="killed")
    failed = first.model_copy(update={"status": Status.FAILED, "failure": failure, "metrics": {}})
    better = first.model_copy(update={"metrics": {"val/top1": 0.9}})
    run = (first.stage_hash, first.seed)
    assert pick_records(plan, [first, failed])[run] is first
    assert pick_records(plan, [failed, first])[run] is first
    assert pick_records(plan, [first, better])[run] is better


def test_runs_of_other_studies_and_seeds_are_left_out(home: Path) -> None:
    study = load_study(home, "clothing-tricks")
    record = next(iter(study.records.values()))
    strangers = [record.model_copy(update={"seed": 99}), record.model_copy(update={"stage_hash": "0" * 64})]
    assert pick_records(study.plan, strangers) == {}


def test_the_timings_of_another_study_with_the_same_stages_never_count_as_the_latest(home: Path) -> None:
    plan = load_study(home, "clothing-tricks").plan
    stage = plan.arm("bare").final.stage_hash
    blocks = ("clothing-tricks-00aa11bb", "clothing-tricks-two-22cc33dd", "other-44ee55ff")
    timed = {"round": 0, "stage_hash": stage, "step_ms": 1, "images_per_s": 1, "environment": ENVIRONMENT}
    timings = [TimingRecord(block=block, peak_memory_mb=None, **timed) for block in blocks]
    assert [timing.block for timing in pick_timings(plan, timings)] == [blocks[1], blocks[2], blocks[0]]
