"""Small studies with stored answers: arm -> right or wrong by seed and image."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reports.records.load import StudyData
from tests.reports.test_effects import study_of

Right = Mapping[str, np.ndarray]
"""Arm -> [num_seeds, num_images] bool."""


@dataclass(frozen=True)
class MemoryFiles:
    kept: dict[tuple[str, int], bytes]

    def read(self, run: tuple[str, int], name: str) -> bytes | None:
        return self.kept.get(run) if name == "predictions.npz" else None


def pack(right: np.ndarray, label: np.ndarray, confidence: np.ndarray, prefix: str = "i") -> bytes:
    buffer = io.BytesIO()
    columns = {
        "val/id": np.array([f"{prefix}{i}" for i in range(len(right))]),
        "val/label": label,
        "val/predicted": np.where(right, label, 1 - label),
        "val/confidence": confidence.astype(np.float32),
    }
    np.savez(buffer, **columns)  # type: ignore[arg-type]
    return buffer.getvalue()


def pack_classes(predicted: np.ndarray, label: np.ndarray, prefix: str = "i") -> bytes:
    """The same with any number of classes."""
    buffer = io.BytesIO()
    columns = {
        "val/id": np.array([f"{prefix}{i}" for i in range(len(label))]),
        "val/label": label,
        "val/predicted": predicted,
        "val/confidence": np.full(len(label), 0.8, np.float32),
    }
    np.savez(buffer, **columns)  # type: ignore[arg-type]
    return buffer.getvalue()


def answered(right: Right, controls: tuple[str, ...] = (), confidence: float | np.ndarray = 0.8) -> StudyData:
    """A study with two classes, of which the second half of the images is the second."""
    study = study_of({arm: [float(row.mean()) for row in rows] for arm, rows in right.items()}, controls)
    files: dict[tuple[str, int], bytes] = {}
    for arm, rows in right.items():
        for seed, row in enumerate(rows):
            label = (np.arange(len(row)) >= len(row) // 2).astype(int)
            files[arm, seed] = pack(row, label, np.full(len(row), confidence))
    return StudyData(study.plan, study.records, [], MemoryFiles(files))
