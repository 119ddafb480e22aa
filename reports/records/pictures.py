"""The pictures of a study: training batches, small pictures of validation images, and heat maps over them."""

import io
import zipfile
from dataclasses import dataclass

import numpy as np

from pipeline.spec.errors import RecordError
from pipeline.spec.pictures import BatchSheets
from pipeline.spec.records import HEAT_FIELDS, run_key
from reports.records.load import RunId, StudyData, parse_model


@dataclass(frozen=True, slots=True)
class Batches:
    """A run's picture of training batches."""

    picture: bytes
    sheets: BatchSheets | None  # None: an older version drew it, and what stands where is unknown


@dataclass(frozen=True, slots=True)
class Heat:
    """Where the evidence for a run's predictions about some validation images lies."""

    ids: tuple[str, ...]
    labels: np.ndarray  # [n] int64
    predicted: np.ndarray  # [n] int64
    confidence: np.ndarray  # [n] float, of the predicted class
    maps: np.ndarray  # [n, h, w] uint8
    crop_frac: float  # of the image's short side, in its middle, that the maps cover


def read_batches(study: StudyData, run: RunId) -> Batches | None:
    """A run's picture of training batches, or None where it left none."""
    picture = study.files.read(run, "batches.webp")
    info = study.files.read(run, "batches.json")
    if picture is not None and info is not None:
        return Batches(picture, parse_model(BatchSheets, info.decode(), f"batches.json of run {run_key(*run)}"))
    older = study.files.read(run, "batches.png")
    return None if older is None else Batches(older, None)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of the central square of a validation image."""

    content: bytes
    side_px: int


def read_thumbnails(study: StudyData) -> dict[str, Thumbnail]:
    """Sample id -> its small picture; empty where there are none.

    In the order of the sample.
    """
    content = study.read_thumbnails()
    if content is None:
        return {}
    arrays = _arrays(content, ("id", "side_px", "start", "webp"), "thumbnails of the study's data")
    start, webp = arrays["start"].tolist(), arrays["webp"].tobytes()
    return {
        name: Thumbnail(webp[start[i] : start[i + 1]], side)
        for i, (name, side) in enumerate(zip(arrays["id"].tolist(), arrays["side_px"].tolist(), strict=True))
    }


def read_heat(study: StudyData, run: RunId) -> Heat | None:
    """A run's heat maps, or None where it left none."""
    content = study.files.read(run, "explain.npz")
    if content is None:
        return None
    arrays = _arrays(content, HEAT_FIELDS, f"explain.npz of run {run_key(*run)}")
    columns = [arrays[name] for name in ("label", "predicted", "confidence", "heat")]
    return Heat(tuple(arrays["id"].tolist()), *columns, float(arrays["crop_frac"]))


def _arrays(content: bytes, wanted: tuple[str, ...], where: str) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in wanted}
    except (zipfile.BadZipFile, ValueError, OSError, KeyError) as error:
        raise RecordError(
            f"{where}: cannot be read ({error}). Restore it, or delete it: the report then does without."
        ) from error
