"""The store: records, run folders and plans on disk. What is here was kept; everything else can be rebuilt from it.

A record line is written only after its run folder is complete and on disk, so a record implies its files.
"""

import fcntl
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import ValidationError

from ablations.records.home import Home
from ablations.records.layout import LAYOUT_NAME, THIS_LAYOUT
from pipeline.result import StageResult
from pipeline.spec.base import Frozen
from pipeline.spec.errors import RecordError, ResourceError
from pipeline.spec.promise import PlanEntry
from pipeline.spec.records import FinalScore, RunRecord, Status, TimingRecord
from pipeline.spec.study import StudyPlan
from pipeline.spec.versions import version_fault
from reports.records.load import nearest_text

RunId = tuple[str, int]
"""(stage hash, seed): the whole identity, of which a run key is the short form."""

LineT = TypeVar("LineT", bound=Frozen)


def append_record(home: Home, record: RunRecord) -> None:
    """Add a record for good: it is on disk when this returns."""
    _append_line(home.records, record.model_dump_json())


def append_timing(home: Home, record: TimingRecord) -> None:
    """Add a timing for good: it is on disk when this returns."""
    _append_line(home.timings, record.model_dump_json())


def read_records(home: Home) -> dict[RunId, RunRecord]:
    """The record that counts for each run: its latest, but a finished one is never replaced by a failed one.

    Raises:
        RecordError: naming the file and the line that cannot be read.
    """
    records: dict[RunId, RunRecord] = {}
    for record in _read_lines(home.records, RunRecord):
        known = records.get((record.stage_hash, record.seed))
        if known is None or not (known.status is Status.FINISHED and record.status is Status.FAILED):
            records[record.stage_hash, record.seed] = record
    return records


def read_timings(home: Home) -> tuple[TimingRecord, ...]:
    """Every timing, in the order written.

    Raises:
        RecordError: naming the file and the line that cannot be read.
    """
    return tuple(_read_lines(home.timings, TimingRecord))


def append_final_score(home: Home, score: FinalScore) -> None:
    """Add a reading of the test split for good: it is on disk when this returns."""
    _append_line(home.final_scores, score.model_dump_json())


def read_final_scores(home: Home) -> tuple[FinalScore, ...]:
    """Every reading of a test split, in the order written.

    Raises:
        RecordError: naming the file and the line that cannot be read.
    """
    return tuple(_read_lines(home.final_scores, FinalScore))


def write_run(home: Home, result: StageResult) -> None:
    """Write the run's folder. The record line is not part of it: append that afterwards.

    Optional files that this result does not have are removed, so that a retried run never shows the sheet or the
    predictions of an earlier attempt.

    Raises:
        RecordError: when predictions hold Python objects, which nobody could read back safely.
    """
    folder = home.run_dir(result.record.key)
    files: dict[str, bytes | None] = {
        "spec.json": json.dumps(result.spec, indent=2, ensure_ascii=False, allow_nan=False).encode(),
        "curves.json": result.curves.model_dump_json().encode(),
        "log.txt": result.log.encode(errors="replace"),
        "batches.webp": result.batches.webp if result.batches else None,
        "batches.json": result.batches.sheets.model_dump_json().encode() if result.batches else None,
        "batches.png": None,  # of an attempt by an older version
    }
    for name, arrays in (("predictions", result.predictions), ("explain", result.heat)):
        files[f"{name}.npz"] = _npz(arrays, f"run {result.record.key}: {name}") if arrays else None
    for name, content in files.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            write_atomic(folder / name, content)


def write_thumbnails(home: Home, fingerprint: str, arrays: dict[str, np.ndarray]) -> None:
    """Keep the small pictures of a data set (pipeline/data/thumbnails.py)."""
    write_atomic(home.thumbnails(fingerprint), _npz(arrays, f"thumbnails of data {fingerprint[:12]}:"))


def write_plan(home: Home, plan: StudyPlan) -> Path:
    """Write the study's plan, replacing an earlier one, and the version of the home where it has none."""
    if not (mark := home.root / LAYOUT_NAME).exists():
        write_atomic(mark, THIS_LAYOUT)
    path = home.plan(plan.study)
    write_atomic(path, plan.model_dump_json(indent=2).encode())
    return path


def read_plan(home: Home, study: str) -> StudyPlan:
    """The study's plan.

    Raises:
        RecordError: when there is none, or it cannot be read.
    """
    path = home.plan(study)
    if not path.is_file():
        known = list_studies(home)
        raise RecordError(
            f"no study {study!r} in {home.root}{nearest_text(study, known)}; it has {', '.join(known) or 'none'}"
        )
    content = path.read_bytes()
    if fault := version_fault(content):
        raise RecordError(f"{path}: {fault}")
    try:
        return StudyPlan.model_validate_json(content)
    except ValidationError as error:
        raise RecordError(
            f"{path}: {_first_fault(error)}. Restore it, or remove it: `ablate run` on its grid writes it again."
        ) from error


def known_plan(home: Home, study: str) -> StudyPlan | None:
    """The study's plan, or None where it has not run in this home.

    Raises:
        RecordError: when it cannot be read.
    """
    return read_plan(home, study) if home.plan(study).is_file() else None


def append_plan_entry(home: Home, study: str, entry: PlanEntry) -> None:
    """Add a plan to the study's diary for good: it is on disk when this returns."""
    _append_line(home.plans(study), entry.model_dump_json())


def read_plan_entries(home: Home, study: str) -> tuple[PlanEntry, ...]:
    """The plans that the study was run with, in their order; none where an older version ran it.

    Raises:
        RecordError: naming the file and the line that cannot be read.
    """
    return tuple(_read_lines(home.plans(study), PlanEntry))


def list_studies(home: Home) -> tuple[str, ...]:
    """Names of the studies that have a plan, sorted."""
    return tuple(sorted(path.parent.name for path in home.studies.glob("*/plan.json")))


def write_atomic(path: Path, content: bytes) -> None:
    """Put the file there whole, or leave what was there: a reader never meets a half.

    Raises:
        ResourceError: when the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ResourceError(f"cannot write {path}: {error}. {_DISK_ADVICE}") from error


_DISK_ADVICE = "Free some disk (the home's folder `cache` may go) or choose another home with --home."


def _append_line(path: Path, line: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with path.open("a+b", buffering=0) as file:
            # Two studies may share a home: one must not mistake the other's line in progress for a torn one.
            fcntl.flock(file, fcntl.LOCK_EX)
            _mend_last_line(file)
            content = f"{line}\n".encode()
            if file.write(content) != len(content):
                raise OSError("the disk took only part of the line")
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        raise ResourceError(f"cannot append to {path}: {error}. {_DISK_ADVICE}") from error


def _mend_last_line(file: io.FileIO) -> None:
    """Cut off a torn last line, so that the next one does not run into it.

    Cutting loses nothing: whoever wrote it was never told that it was kept. Starting a new line instead would leave
    garbage in the middle of the file, which readers rightly refuse. A last line that is whole but for its newline (an
    editor left it so, or the kill came at the last byte) is completed instead.
    """
    end = file.seek(0, os.SEEK_END)
    tail_from = _after_last_newline(file, end)
    if tail_from == end:
        return
    file.seek(tail_from)
    if _is_json(file.read(end - tail_from)):
        file.write(b"\n")
    else:
        file.truncate(tail_from)


def _after_last_newline(file: io.FileIO, end: int) -> int:
    chunk_bytes = 65_536
    while end > 0:
        start = max(0, end - chunk_bytes)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:  # also what a UnicodeDecodeError is
        return False


def _read_lines(path: Path, model: type[LineT]) -> Iterator[LineT]:
    if not path.exists():
        return
    *whole, last = path.read_bytes().split(b"\n")
    if _is_json(last):  # whole but for its newline; anything else after the last newline is torn, and was never kept
        whole.append(last)
    for number, line in enumerate(whole, start=1):
        if fault := version_fault(line):
            raise RecordError(f"{path}, line {number}: {fault}")
        try:
            yield model.model_validate_json(line)
        except ValidationError as error:
            raise RecordError(
                f"{path}, line {number}: {_first_fault(error)}. A {model.__name__} of this version was expected, "
                f"the line starts {line[:40]!r}: was it edited? Restore or delete it."
            ) from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]


def _npz(arrays: dict[str, np.ndarray], what: str) -> bytes:
    content = io.BytesIO()
    try:
        np.savez_compressed(content, allow_pickle=False, **arrays)
    except ValueError as error:
        kinds = {name: str(array.dtype) for name, array in arrays.items() if array.dtype.hasobject}
        raise RecordError(
            f"{what} {kinds} hold Python objects; numbers, or text of dtype str, were expected"
        ) from error
    return content.getvalue()


def _sync_folder(folder: Path) -> None:
    """Make a rename or a new name in the folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
