"""Prepared images: raw pixels in files that every worker maps into its memory.

Lanes, trials and later invocations share one copy in the page cache of a node; nothing is sent or deserialized.
"""

import mmap
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.spec.errors import ResourceError

INDEX_NAME = "index.npz"
INDEX_VERSION = 1  # raise it when what is written changes; an index without a version is of the first


@dataclass(frozen=True, slots=True)
class BadImage:
    """An image that could not be decoded."""

    sample_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where the pixels of every row of a listing are. All arrays are indexed by row number."""

    folder: Path
    file_of_row: np.ndarray  # [n] int32, -1 where the image was bad
    offset: np.ndarray  # [n] int64, bytes from the start of the file
    height: np.ndarray  # [n] int64, pixels
    width: np.ndarray  # [n] int64
    bad: tuple[BadImage, ...] = ()

    def usable(self, rows: np.ndarray) -> np.ndarray:
        """The rows that have pixels."""
        return rows[self.file_of_row[rows] >= 0]

    @property
    def num_bytes(self) -> int:
        """Pixels of all images together."""
        return int((self.height * self.width).sum()) * 3


def pixel_file(folder: Path, number: int) -> Path:
    """The file with this number."""
    return folder / f"{number:05d}.rgb"


class PixelReader:
    """Views of prepared images. Files are mapped when they are first asked for."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._files: dict[int, np.ndarray] = {}

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._prepared.folder

    def images(self, rows: np.ndarray) -> list[np.ndarray]:
        """One [H, W, 3] uint8 view for each row."""
        where = self._prepared
        columns = (where.file_of_row[rows], where.offset[rows], where.height[rows], where.width[rows])
        views = []
        for number, start, height, width in zip(*(column.tolist() for column in columns), strict=True):
            pixels = self._files.get(number)
            if pixels is None:
                pixels = self._map(number)
            views.append(pixels[start : start + height * width * 3].reshape(height, width, 3))
        return views

    def _map(self, number: int) -> np.ndarray:
        path = pixel_file(self._prepared.folder, number)
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # torch wants writable memory
        except OSError as error:
            raise ResourceError(
                f"prepared images {path} cannot be read here ({error}). They lie in the home's cache, which every node "
                "of a cluster must see at the same path: put the home on shared storage. If the cache was deleted, run "
                "again"
            ) from error
        return self._files.setdefault(number, np.frombuffer(mapped, dtype=np.uint8))


@lru_cache(maxsize=4)
def reader_in(folder: Path) -> PixelReader:
    """The reader of a finished preparation, opened once in a process that renders for many streams."""
    return PixelReader(load_index(folder))


def save_index(prepared: Prepared) -> None:
    """Written last: a folder with an index is complete."""
    np.savez(
        prepared.folder / INDEX_NAME,
        version=INDEX_VERSION,
        file_of_row=prepared.file_of_row,
        offset=prepared.offset,
        height=prepared.height,
        width=prepared.width,
        bad=np.asarray([(image.sample_id, image.reason) for image in prepared.bad], dtype=np.str_).reshape(-1, 2),
    )


def is_complete(folder: Path) -> bool:
    """Whether everything that the index speaks of is there: a power cut may keep the index and lose pixels."""
    if not (folder / INDEX_NAME).exists():
        return False
    try:
        prepared = load_index(folder)
    except ResourceError:  # it is made again, as if there were none
        return False
    good = prepared.file_of_row >= 0
    ends = (prepared.offset + 3 * prepared.height * prepared.width)[good]
    sizes = np.zeros(prepared.file_of_row.max(initial=-1) + 1, dtype=np.int64)
    np.maximum.at(sizes, prepared.file_of_row[good], ends)
    paths = [(pixel_file(folder, number), size) for number, size in enumerate(sizes.tolist()) if size]
    return all(path.exists() and path.stat().st_size == size for path, size in paths)


def load_index(folder: Path) -> Prepared:
    """What `save_index` wrote, wherever the folder lies now.

    Raises:
        ResourceError: it is damaged, or another version wrote it.
    """
    path = folder / INDEX_NAME
    try:
        with np.load(path, allow_pickle=False) as index:
            version = int(index["version"]) if "version" in index else INDEX_VERSION
            if version != INDEX_VERSION:
                raise ValueError(f"its version is {version}, {INDEX_VERSION} was expected")
            bad = tuple(BadImage(sample_id, reason) for sample_id, reason in index["bad"].tolist())
            return Prepared(folder, *(index[name] for name in ("file_of_row", "offset", "height", "width")), bad)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ResourceError(
            f"prepared images: {path} cannot be read ({error}). Run again to make them anew, or delete the folder"
        ) from error
