"""Read one study back from its home. Nothing but files is needed: no Ray, no torch, no MLflow."""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from pipeline.spec.errors import RecordError
from pipeline.spec.promise import PlanEntry
from pipeline.spec.records import Curves, FinalScore, RunRecord, Status, TimingRecord, run_key
from pipeline.spec.study import StudyPlan
from pipeline.spec.versions import version_fault
from reports.records.mlflow_places import MlflowPlaces, read_places

MAX_NAME = 120  # characters of a mistyped study that are repeated

Model = TypeVar("Model", bound=BaseModel)

RunId = tuple[str, int]
"""A stage hash and a seed."""


class RunFiles(Protocol):
    """Where the files of a run are kept."""

    def read(self, run: RunId, name: str) -> bytes | None:
        """One file of a run, or None where the run left none."""
        ...


@dataclass(frozen=True)
class HomeFiles:
    """Runs as folders below the home."""

    home: Path

    def read(self, run: RunId, name: str) -> bytes | None:
        """One file of a run, or None where the run left none."""
        return _read_bytes(self.home / "runs" / run_key(*run) / name)


@dataclass(frozen=True)
class StudyData:
    """A study as it stands: its plan, what has run, and a way to the larger files."""

    plan: StudyPlan
    records: dict[RunId, RunRecord]
    timings: list[TimingRecord]
    files: RunFiles
    warnings: tuple[str, ...] = ()
    final_scores: tuple[FinalScore, ...] = ()
    num_test_reads: int = 0  # of this data's test split, by any study of the home
    plans: tuple[PlanEntry, ...] = ()  # that it was run with, in their order
    mlflow: MlflowPlaces | None = None  # where MLflow shows it, as far as is known
    read_thumbnails: Callable[[], bytes | None] = lambda: None  # the file of small pictures, megabytes
    conditions: Mapping[str, "StudyData"] = field(default_factory=dict)  # by study: where this one is asked again

    @property
    def other_fingerprints(self) -> tuple[str, ...]:
        """Of the data that compared runs were trained on, where it is not the plan's. An earlier stage may have any."""
        compared = {arm.final.stage_hash for arm in self.plan.arms}
        prints = {record.data_fingerprint for (stage, _), record in self.records.items() if stage in compared}
        return tuple(sorted(prints - {self.plan.data.fingerprint}))

    def curves(self, run: RunId) -> Curves | None:
        """Values per epoch, or None where the run left none."""
        content = self.files.read(run, "curves.json")
        return None if content is None else parse_model(Curves, content.decode(), f"curves.json of run {run_key(*run)}")

    def predictions(self, run: RunId) -> dict[str, np.ndarray] | None:
        """Arrays per sample, named "<role>/<field>", or None where the run left none."""
        content = self.files.read(run, "predictions.npz")
        if content is None:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def log(self, run: RunId) -> str:
        """The tail of the run's log; empty where there is none."""
        return (self.files.read(run, "log.txt") or b"").decode(errors="replace")

    def finished(self, run: RunId) -> RunRecord | None:
        """The record of a run that finished, else None."""
        record = self.records.get(run)
        return record if record is not None and record.status is Status.FINISHED else None


def load_study(home: Path, study: str) -> StudyData:
    """Read a study from its home folder.

    Raises:
        RecordError: the study is not there, or a record cannot be read.
    """
    known = sorted(folder.parent.name for folder in home.glob("studies/*/plan.json"))
    if study not in known:  # asked of the list, not of the disk: a name with slashes must lead nowhere
        raise RecordError(
            f"{home / 'studies'}: there is no study {study[:MAX_NAME]!r} in this home{nearest_text(study, known)}; the "
            f"studies here are {', '.join(known) or 'none'}. Pass the home that the study ran with (--home or "
            "ABLATE_HOME)."
        )
    path = home / "studies" / study / "plan.json"
    plan = parse_plan(path.read_text(), str(path))
    records = parse_lines(RunRecord, _read_text(home / "records.jsonl"), "records.jsonl")
    timings = parse_lines(TimingRecord, _read_text(home / "timings.jsonl"), "timings.jsonl")
    finals = parse_lines(FinalScore, _read_text(home / "final_scores.jsonl"), "final_scores.jsonl")
    plans = parse_lines(PlanEntry, _read_text(path.with_name("plans.jsonl")), "plans.jsonl")
    return StudyData(
        plan=plan,
        records=pick_records(plan, records.items),
        timings=pick_timings(plan, timings.items),
        files=HomeFiles(home),
        warnings=records.warnings + timings.warnings + finals.warnings + plans.warnings,
        final_scores=tuple(score for score in finals.items if score.study == plan.study),
        num_test_reads=max(
            (score.read for score in finals.items if score.data_fingerprint == plan.data.fingerprint), default=0
        ),
        plans=tuple(plans.items),
        mlflow=read_places(path.parent),
        read_thumbnails=partial(_read_bytes, home / "thumbnails" / f"{plan.data.fingerprint}.npz"),
        conditions={one.study: load_study(home, one.study) for one in plan.conditions if one.study in known},
    )


def nearest_text(name: str, known: Iterable[str]) -> str:
    """', did you mean 'digits'?', or nothing where no known name is near."""
    near = get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def pick_records(plan: StudyPlan, records: list[RunRecord]) -> dict[RunId, RunRecord]:
    """One record per run of this plan: the latest, except that a failure never replaces a success."""
    seeds_of = {key: frozenset(seeds) for key, seeds in plan.seeds_by_stage().items()}
    picked: dict[RunId, RunRecord] = {}
    for record in records:
        if record.seed not in seeds_of.get(record.stage_hash, ()):
            continue
        run = (record.stage_hash, record.seed)
        before = picked.get(run)
        if before is None or before.status is Status.FAILED or record.status is Status.FINISHED:
            picked[run] = record
    return picked


def pick_timings(plan: StudyPlan, timings: list[TimingRecord]) -> list[TimingRecord]:
    """The timings of this plan's stages in the order written, those of other studies with the same stages first.

    Readers take the latest: a study's cost must not change because another one in the same home was timed.
    """
    hashes = {stage.stage_hash for arm in plan.arms for stage in arm.stages}
    found = [timing for timing in timings if timing.stage_hash in hashes]
    return sorted(found, key=lambda timing: timing.block.rpartition("-")[0] == plan.study)


@dataclass(frozen=True)
class Lines(Generic[Model]):
    """The parsed lines of an append-only file, and what had to be left out."""

    items: list[Model]
    warnings: tuple[str, ...]


def parse_plan(text: str, where: str) -> StudyPlan:
    """A study's plan from its JSON."""
    return parse_model(StudyPlan, text, where)


def parse_record(text: str, where: str) -> RunRecord:
    """A run's record from its JSON."""
    return parse_model(RunRecord, text, where)


def parse_lines(model: type[Model], text: str, where: str) -> Lines[Model]:
    """One model per line.

    A line that is not JSON was torn by a crash while it was written: it is left out with a warning, because the run
    it spoke of is simply done again. A line that is JSON but not a record is an error.
    """
    items: list[Model] = []
    warnings: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            json.loads(line)
        except json.JSONDecodeError:
            warnings.append(f"{where} line {number} is torn ({len(line)} characters) and was left out")
            continue
        items.append(parse_model(model, line, f"{where} line {number}"))
    return Lines(items, tuple(warnings))


def parse_model(model: type[Model], text: str, where: str) -> Model:
    """A model from its JSON.

    Raises:
        RecordError: it is none; with `where`, the field, and what to do.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError(f"{where}: not JSON ({error}); restore it, or run the study again") from error
    if fault := version_fault(text):
        raise RecordError(f"{where}: {fault}")
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"]) or "(whole)"
        raise RecordError(
            f"{where}: not a valid {model.__name__}: {path}: {first['msg']} (got {first.get('input')!r:.80}). "
            "Was it edited by hand? Restore it, or remove it and run the study again."
        ) from error


def _read_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _read_text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
