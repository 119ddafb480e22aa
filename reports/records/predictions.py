"""What each finished run answered on validation, image by image: as much of its file as the report needs.

A file holds six columns and the ids as text. Here only the predicted class and the confidence are kept, seven bytes an
image with right-or-wrong, and ids are compared by the checksum and size that the archive has of them anyway: they are
unpacked once for a set of images.
"""

import io
import zipfile
from dataclasses import dataclass, field

import numpy as np

from pipeline.spec.errors import RecordError
from pipeline.spec.records import run_key
from reports.records.load import RunId, StudyData

ROLE = "val"

Fingerprint = tuple[int, int]
"""Checksum and size of a column."""


@dataclass(frozen=True, slots=True)
class RunAnswers:
    """One run on validation, in the order of its file."""

    correct: np.ndarray  # [num_images] uint8, 1 where right
    predicted: np.ndarray  # [num_images] uint16, number of the class
    confidence: np.ndarray  # [num_images] float32, of the predicted class
    images: tuple[Fingerprint, Fingerprint]  # of ids and labels: equal where the rows mean the same


@dataclass(frozen=True)
class Answers:
    """Every run of a study that left predictions, each file read once."""

    runs: dict[RunId, RunAnswers]
    labels: dict[tuple[Fingerprint, Fingerprint], np.ndarray] = field(default_factory=dict)  # [num_images] of a set
    ids: dict[tuple[Fingerprint, Fingerprint], np.ndarray] = field(default_factory=dict)  # [num_images] text, the same

    def same_images(self, one: RunId, other: RunId) -> bool:
        """Whether two runs answered the same images, with the same labels, in the same order."""
        return self.runs[one].images == self.runs[other].images

    def labels_of(self, run: RunId) -> np.ndarray:
        """[num_images] class numbers."""
        return self.labels[self.runs[run].images]

    def ids_of(self, run: RunId) -> np.ndarray:
        """[num_images] sample ids."""
        return self.ids[self.runs[run].images]


def read_answers(study: StudyData) -> Answers:
    """Read the predictions of the last stage of every arm; runs without them are left out.

    Raises:
        RecordError: a file cannot be read.
    """
    answers = Answers({})
    for stage_hash in dict.fromkeys(arm.final.stage_hash for arm in study.plan.arms):
        for seed in study.plan.seeds:
            run = (stage_hash, seed)
            content = study.files.read(run, "predictions.npz") if study.finished(run) else None
            if content is not None:
                _add(answers, run, content)
    return answers


def _add(answers: Answers, run: RunId, content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            needed = {f"{ROLE}/{name}" for name in ("id", "label", "predicted", "confidence")}
            if not needed <= {name.removesuffix(".npy") for name in archive.namelist()}:
                return
            label = _column(archive, "label")
            images = (_fingerprint(archive, "id"), _fingerprint(archive, "label"))
            predicted = _column(archive, "predicted")
            answers.runs[run] = RunAnswers(
                correct=(predicted == label).astype(np.uint8),
                predicted=predicted.astype(np.uint16),  # 65,535 classes at most; DataSpec's have names, so far fewer
                confidence=_column(archive, "confidence").astype(np.float32),
                images=images,
            )
            if images not in answers.labels:
                answers.labels[images], answers.ids[images] = label, _column(archive, "id")
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise RecordError(
            f"predictions.npz of run {run_key(*run)}: cannot be read ({error}). Restore it, or remove the run's "
            "record so that it runs again."
        ) from error


def _column(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(archive.read(f"{ROLE}/{name}.npy")), allow_pickle=False)


def _fingerprint(archive: zipfile.ZipFile, name: str) -> Fingerprint:
    info = archive.getinfo(f"{ROLE}/{name}.npy")
    return info.CRC, info.file_size
