"""What a run hands to the recorder. No torch: the recorder's process starts without it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.spec.records import Curves, RunRecord


@dataclass(frozen=True, slots=True)
class StageResult:
    """Everything a run leaves behind besides its weights: what the recorder writes (pipeline/spec/records.py)."""

    record: RunRecord
    spec: dict[str, Any]
    curves: Curves
    predictions: dict[str, np.ndarray]
    batches_png: bytes | None
    log: str
