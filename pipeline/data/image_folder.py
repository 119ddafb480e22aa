"""A folder per class, local or behind any fsspec URL."""

import posixpath
from collections.abc import Iterator

import fsspec
import numpy as np

from pipeline.data.files import content_digests, list_files, open_place, unreadable_note
from pipeline.data.listing import NOT_ASKED_FOR, Listing, ReadChunk, Role, cut_splits
from pipeline.spec.data import ImageFolder
from pipeline.spec.errors import DataError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
ROLE_FOLDERS: dict[str, Role] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
IMAGES_PER_CHUNK = 128


def scan_image_folder(spec: ImageFolder) -> Listing:
    """List the images below `spec.path`.

    Raises:
        DataError: the folder is missing or empty, or mixes split and class folders.
    """
    place = open_place(spec.path, "data.path")
    fs, root = place.fs, place.root
    if place.kind != "folder":
        raise DataError(
            f"data.path: {spec.path!r} is not a folder. Expected a folder per class below it (or below its train/, "
            "val/ and test/). Paths are relative to where the command is run; --data PATH overrides the grid."
        )
    files = list_files(fs, root)
    found: list[tuple[str, str, str]] = []  # (id, class, path)
    roles: list[Role | None] = []
    num_ignored = 0
    for path, name in files.names.items():
        parts = name.split("/")
        if not is_image_name(name):
            num_ignored += 1
            continue
        role = ROLE_FOLDERS.get(parts[0].lower()) if len(parts) >= 3 else None
        inside = parts[1:] if role else parts
        if len(inside) < 2:
            num_ignored += 1  # an image beside the class folders has no class
            continue
        found.append((name, inside[0], path))
        roles.append(role)
    if not found:
        raise DataError(
            f"data.path: no image below {spec.path!r} lies in a class folder (looked for "
            f"{' '.join(sorted(EXTENSIONS))}). Expected {spec.path}/CLASS/IMAGE.jpg or "
            f"{spec.path}/train/CLASS/IMAGE.jpg."
        )
    if any(roles) and not all(roles):
        stray = next(entry[0] for entry, role in zip(found, roles, strict=True) if role is None)
        raise DataError(
            f"data.path: {spec.path!r} mixes split folders (train, val, test) with class folders, e.g. {stray!r}. "
            "Put every class below a split folder, or none."
        )
    contents = content_digests(fs, [path for _, _, path in found], files)
    notes = [*files.notes, *unreadable_note(contents, files, spec.on_bad_image, "data.path")]
    readable = [i for i, (_, _, path) in enumerate(found) if path in contents.digests]
    found, roles = [found[i] for i in readable], [roles[i] for i in readable]
    ids = tuple(entry[0] for entry in found)
    names = tuple(sorted({entry[1] for entry in found}))
    number = {name: i for i, name in enumerate(names)}
    labels = np.asarray([number[entry[1]] for entry in found], dtype=np.int64)
    if num_ignored:
        notes.append(f"{num_ignored} files are no images in a class folder and were ignored")
    role_array = resolve_roles(ids, labels, roles, spec.val_frac, spec.test_frac, notes)
    paths = [entry[2] for entry in found]
    chunks = tuple(
        ReadChunk(
            tuple(range(i, min(i + IMAGES_PER_CHUNK, len(ids)))), (spec.path, tuple(paths[i : i + IMAGES_PER_CHUNK]))
        )
        for i in range(0, len(ids), IMAGES_PER_CHUNK)
    )
    content = tuple(contents.digests[path] for path in paths)
    return Listing(names, ids, labels, role_array, content, chunks, tuple(notes))


def is_image_name(name: str) -> bool:
    """Whether a file is called like an image, and neither it nor a folder above it is hidden."""
    parts = name.split("/")
    return posixpath.splitext(parts[-1])[1].lower() in EXTENSIONS and not any(part.startswith(".") for part in parts)


def resolve_roles(
    ids: tuple[str, ...],
    labels: np.ndarray,
    given: list[Role | None],
    val_frac: float,
    test_frac: float,
    notes: list[str],
) -> np.ndarray:
    """Keep the splits the data came with; cut the missing ones from train, and note it."""
    if not any(given):
        notes.append(
            f"no split folders: val ({val_frac:.0%}) and test ({test_frac:.0%}) are cut per class by sample id"
        )
        return cut_splits(ids, labels, val_frac, test_frac)
    roles = np.asarray(given, dtype="<U5")
    if "val" not in given:
        train = np.flatnonzero(roles == "train")
        notes.append(f"no val split: {val_frac:.0%} of train is cut per class by sample id")
        roles[train] = cut_splits([ids[i] for i in train], labels[train], val_frac, 0.0)
    return roles


def read_image_folder(chunk: ReadChunk) -> Iterator[tuple[int, bytes]]:
    """Row number and file bytes of each image in the chunk."""
    url, paths = chunk.where
    fs, _ = fsspec.core.url_to_fs(url)
    for row, path in zip(chunk.rows, paths, strict=True):
        if row != NOT_ASKED_FOR:
            yield row, fs.cat_file(path)
