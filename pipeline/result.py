"""What a run hands to the recorder. No torch: the recorder's process starts without it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.spec.pictures import BatchSheets
from pipeline.spec.records import Curves, RunRecord


@dataclass(frozen=True, slots=True)
class BatchPicture:
    """Training batches as the network got them."""

    webp: bytes
    sheets: BatchSheets


@dataclass(frozen=True, slots=True)
class StageResult:
    """Everything a run leaves behind besides its weights: what the recorder writes (pipeline/spec/records.py)."""

    record: RunRecord
    spec: dict[str, Any]
    curves: Curves
    predictions: dict[str, np.ndarray]
    log: str
    batches: BatchPicture | None = None
    heat: dict[str, np.ndarray] = field(default_factory=dict)  # arrays of HEAT_FIELDS; empty where there are none
