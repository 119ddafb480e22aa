import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.errors import RecordError, ResourceError
from pipeline.spec.pictures import BatchSheets
from pipeline.spec.records import Curves, RunRecord, TimingRecord
from tests.ablations.kept_results import BARE, STUDENT, failed, finished, result, study_plan, timing


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_what_is_appended_is_read_back(home: Home) -> None:
    records = [finished(BARE, 0), failed(BARE, 1), finished(STUDENT, 0, top1=0.1)]
    for record in records:
        store.append_record(home, record)
    assert list(store.read_records(home).values()) == records
    assert [RunRecord(**json.loads(line)) for line in home.records.read_text().splitlines()] == records
    timings = (timing(BARE, 0), timing(BARE, 1))
    for one in timings:
        store.append_timing(home, one)
    assert store.read_timings(home) == timings


def test_an_empty_home_has_nothing(home: Home) -> None:
    assert store.read_records(home) == {}
    assert store.read_timings(home) == ()
    assert store.list_studies(home) == ()


def test_the_latest_record_counts_but_a_failure_never_replaces_a_finished_one(home: Home) -> None:
    run = (BARE.stage_hash, 0)
    for record, counts in [
        (failed(BARE, 0, "2025-01-01T00:00:00+00:00"), "2025-01-01T00:00:00+00:00"),
        (failed(BARE, 0, "2025-01-02T00:00:00+00:00"), "2025-01-02T00:00:00+00:00"),
        (finished(BARE, 0, finished_at="2025-01-03T00:00:00+00:00"), "2025-01-03T00:00:00+00:00"),
        (failed(BARE, 0, "2025-01-04T00:00:00+00:00"), "2025-01-03T00:00:00+00:00"),
        (finished(BARE, 0, finished_at="2025-01-05T00:00:00+00:00"), "2025-01-05T00:00:00+00:00"),
    ]:
        store.append_record(home, record)
        assert store.read_records(home)[run].finished_at == counts


@pytest.mark.parametrize("num_bytes_kept", [1, 40, 300])
def test_a_torn_last_line_is_ignored_then_cut_off(home: Home, num_bytes_kept: int) -> None:
    first, second = finished(BARE, 0), finished(BARE, 1)
    store.append_record(home, first)
    whole = home.records.read_bytes()
    home.records.write_bytes(whole + second.model_dump_json().encode()[:num_bytes_kept])
    assert list(store.read_records(home).values()) == [first]
    store.append_record(home, second)
    assert list(store.read_records(home).values()) == [first, second]
    assert home.records.read_bytes() == whole + second.model_dump_json().encode() + b"\n"


def test_a_last_line_that_lacks_only_its_newline_is_kept(home: Home) -> None:
    home.root.mkdir()
    home.records.write_text(finished(BARE, 0).model_dump_json())
    assert len(store.read_records(home)) == 1
    store.append_record(home, finished(BARE, 1))
    assert [seed for _, seed in store.read_records(home)] == [0, 1]


def test_a_file_of_one_torn_line_longer_than_a_read_chunk_is_cut_to_nothing(home: Home) -> None:
    home.root.mkdir()
    home.timings.write_bytes(b'{"x": "' + b"y" * 200_000)
    store.append_timing(home, timing(BARE, 0))
    assert store.read_timings(home) == (timing(BARE, 0),)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (b'{"stage_hash": "0a", "se', "JSON"),
        (b"\x00\x00\x00", "JSON"),
        (b'{"schema_version": 1}', "stage_hash: Field required"),
    ],
)
def test_a_bad_line_before_the_last_is_refused_by_name(home: Home, bad: bytes, fault: str) -> None:
    good = finished(BARE, 0).model_dump_json().encode()
    home.root.mkdir()
    home.records.write_bytes(good + b"\n" + bad + b"\n" + good + b"\n")
    with pytest.raises(RecordError, match=rf"records\.jsonl, line 2: .*{fault}.*Restore or delete"):
        store.read_records(home)


APPEND_FOREVER = """
import sys
from pathlib import Path
from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.records import TimingRecord

home, line = Home(Path(sys.argv[1])), sys.stdin.readline()
record = TimingRecord.model_validate_json(line)
index = 0
while True:
    store.append_timing(home, record.model_copy(update={"round": index}))
    sys.stdout.write(f"{index}\\n")
    sys.stdout.flush()
    index += 1
"""


def test_whatever_was_acknowledged_survives_a_kill(home: Home) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", APPEND_FOREVER, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(timing(BARE, 0).model_dump_json() + "\n")
        process.stdin.flush()
        acknowledged = [int(process.stdout.readline()) for _ in range(20)]
    finally:
        process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    process.wait()
    rounds = [one.round for one in store.read_timings(home)]
    assert rounds == list(range(len(rounds)))
    assert set(acknowledged) <= set(rounds)
    store.append_timing(home, timing(BARE, -1))
    assert store.read_timings(home)[-1] == timing(BARE, -1)


def test_two_writers_never_mix_their_lines(home: Home) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = APPEND_FOREVER.replace("while True", "while index < 60")
    line = timing(BARE, 0).model_dump_json() + "\n"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(line)
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0]
    assert sorted(one.round for one in store.read_timings(home)) == sorted([*range(60), *range(60)])


def test_a_run_folder_is_read_back(home: Home) -> None:
    written = result(finished(STUDENT, 3), STUDENT)
    store.write_run(home, written)
    folder = home.run_dir(written.record.key)
    assert json.loads((folder / "spec.json").read_text()) == STUDENT.spec
    assert Curves.model_validate_json((folder / "curves.json").read_text()) == written.curves
    assert (folder / "log.txt").read_text(encoding="utf-8") == written.log
    assert written.batches is not None
    assert (folder / "batches.webp").read_bytes() == written.batches.webp
    assert BatchSheets.model_validate_json((folder / "batches.json").read_text()) == written.batches.sheets
    with np.load(folder / "explain.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["heat"], written.heat["heat"], strict=True)
    with np.load(folder / "predictions.npz", allow_pickle=False) as arrays:
        assert set(arrays) == set(written.predictions)
        for name, expected in written.predictions.items():
            np.testing.assert_array_equal(arrays[name], expected, strict=True)
    assert {path.name for path in folder.iterdir()} == {
        *("spec.json", "curves.json", "log.txt", "batches.webp", "batches.json", "explain.npz", "predictions.npz")
    }


def test_a_second_attempt_leaves_nothing_of_the_first(home: Home) -> None:
    store.write_run(home, result(finished(BARE, 0), BARE))
    store.write_run(home, result(failed(BARE, 0), BARE))
    folder = home.run_dir(finished(BARE, 0).key)
    assert {path.name for path in folder.iterdir()} == {"spec.json", "curves.json", "log.txt"}


def test_predictions_of_python_objects_are_refused(home: Home) -> None:
    objects = replace(result(finished(BARE, 0), BARE), predictions={"val/id": np.array(["a", "bc"], dtype=object)})
    with pytest.raises(RecordError, match=r"predictions \{'val/id': 'object'\} hold Python objects"):
        store.write_run(home, objects)


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    store.write_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match=r"cannot write .*plan\.json.*No space left.*`cache`"):
        store.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_home_below_a_file_cannot_be_appended_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"cannot append to .*records\.jsonl"):
        store.append_record(Home(tmp_path / "file"), finished(BARE, 0))


def test_plans_are_read_back_by_name(home: Home) -> None:
    for name in ("tricks", "another"):
        store.write_plan(home, study_plan(name))
    assert store.read_plan(home, "tricks") == study_plan("tricks")
    assert store.list_studies(home) == ("another", "tricks")
    with pytest.raises(RecordError, match=r"no study 'trick' in .*; it has another, tricks"):
        store.read_plan(home, "trick")
    home.plan("tricks").write_text("{}")
    with pytest.raises(RecordError, match=r"plan\.json: study: Field required"):
        store.read_plan(home, "tricks")


def test_reading_results_does_not_import_torch() -> None:
    modules = "ablations.records.store, ablations.records.mlflow_projection"
    code = f"import sys, {modules}; print({{'torch', 'mlflow'}} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert out.stdout.strip() == "set()"


def test_a_timing_is_no_record(home: Home) -> None:
    home.root.mkdir()
    home.records.write_text(timing(BARE, 0).model_dump_json() + "\n")
    with pytest.raises(RecordError, match="line 1"):
        store.read_records(home)
    assert TimingRecord.model_validate_json(home.records.read_text()) == timing(BARE, 0)
