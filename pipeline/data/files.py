"""The files below a folder, local or behind any fsspec URL: each once, with a name that can be shown anywhere."""

import hashlib
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import fsspec

from pipeline.spec.errors import DataError
from pipeline.spec.printable import printable

FILES_PER_TASK = 128
NAMES_SHOWN = 5  # of each kind of fault
_STORE_CHECKSUMS = ("ETag", "etag", "md5Hash", "md5", "checksum")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads."""

    fs: fsspec.AbstractFileSystem
    root: str  # as the file system opens it
    kind: Literal["folder", "file", "nothing"]


@dataclass(frozen=True, slots=True)
class FileList:
    """What lies below a folder."""

    names: dict[str, str]  # path as the file system opens it -> printable name below the folder; sorted by path
    store: dict[str, dict[str, Any]]  # path -> what a remote store says of it; empty for local files
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands for the bytes of files."""

    digests: dict[str, str]  # path -> digest, of the files that can be read
    unreadable: dict[str, str]  # path -> why not


def open_place(url: str, field: str) -> Place:
    """A folder or file, local or behind an fsspec URL.

    Args:
        url: of it.
        field: that it came from, for messages.

    Raises:
        DataError: no file system is called so, or it does not answer.
    """
    try:
        fs, root = fsspec.core.url_to_fs(url)
        return Place(fs, root, "folder" if fs.isdir(root) else "file" if fs.isfile(root) else "nothing")
    except Exception as error:  # whatever the file systems of fsspec and the libraries behind them raise
        raise DataError(
            f"{field}: {url!r} cannot be opened ({type(error).__name__}: {printable(str(error))}). Expected a path, or "
            "a URL of a file system that is installed here and can be reached, such as s3://bucket/folder"
        ) from error


def is_local(fs: fsspec.AbstractFileSystem) -> bool:
    """Whether the files lie on this machine, so that reading them is cheap."""
    return "file" in (fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,))


def list_files(fs: fsspec.AbstractFileSystem, root: str) -> FileList:
    """All files below `root`. Links to folders are followed, but no folder is listed twice.

    What is no regular file (a link to nothing, a pipe) is listed too: whoever wants its bytes is told why not.
    """
    root = root.rstrip("/")
    if is_local(fs):
        paths, unfollowed = _walk(root or "/")
        shown = ", ".join(printable(link[len(root) + 1 :]) for link in unfollowed[:NAMES_SHOWN])
        more = " ..." if len(unfollowed) > NAMES_SHOWN else ""
        notes = (
            (f"{len(unfollowed)} links lead to folders that are listed already, and were not followed: {shown}{more}",)
            if unfollowed
            else ()
        )
        return FileList({path: printable(path[len(root) + 1 :]) for path in sorted(paths)}, {}, notes)
    store: dict[str, dict[str, Any]] = dict(fs.find(root, detail=True))
    return FileList({path: printable(path[len(root) + 1 :]) for path in sorted(store)}, store)


def _walk(root: str) -> tuple[list[str], list[str]]:
    """Paths of files, and of the links to folders that were not followed."""
    paths: list[str] = []
    unfollowed: list[str] = []
    seen: set[str] = set()
    waiting = [root]  # first the folder itself, then what links lead to: a folder's own place wins over a link to it
    while waiting:
        links: list[str] = []
        for top in waiting:
            if os.path.realpath(top) in seen:
                unfollowed.append(top)
                continue
            links.extend(_walk_folders(top, seen, paths))
        waiting = sorted(links)
    return paths, sorted(unfollowed)


def _walk_folders(top: str, seen: set[str], paths: list[str]) -> list[str]:
    """Add the files below `top` to `paths` and the folders to `seen`. Returns the links to folders."""
    links: list[str] = []
    folders = [top]
    while folders:
        folder = folders.pop()
        real = os.path.realpath(folder)
        if real in seen:  # a link outside the root leads above a folder that was listed
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"data.path: the folder {printable(folder)} cannot be read ({error.strerror})") from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_symlink() and _leads_to_folder(entry):
                if not entry.name.startswith("."):
                    links.append(entry.path)
            else:
                paths.append(entry.path)
    return links


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # a link that leads to itself
        return False


def content_digests(fs: fsspec.AbstractFileSystem, paths: Sequence[str], files: FileList) -> Contents:
    """Per file: a digest of its bytes where reading is cheap (local), else the store's own checksum."""
    if is_local(fs):
        some = [paths[i : i + FILES_PER_TASK] for i in range(0, len(paths), FILES_PER_TASK)]
        digests: dict[str, str] = {}
        unreadable: dict[str, str] = {}
        with ThreadPoolExecutor(8) as pool:  # many files at a time: a future for each would cost more than it
            for contents in pool.map(_file_digests, some):
                digests.update(contents.digests)
                unreadable.update(contents.unreadable)
        return Contents(digests, unreadable)
    return Contents({path: _checksum(files.store[path]) for path in paths}, {})


def is_of_bytes(digest: str) -> bool:
    """Whether equal digests mean equal bytes; a size and a time, for a store without checksums, do not."""
    return not digest.startswith("(")


def _checksum(details: dict[str, Any]) -> str:
    known = (details[key] for key in _STORE_CHECKSUMS if details.get(key))
    return str(next(known, (details.get("size"), details.get("mtime"))))


def _file_digests(paths: Sequence[str]) -> Contents:
    digests: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for path in paths:
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for ever
                unreadable[path] = "not a regular file"
                continue
            with open(path, "rb", buffering=0) as file:
                digests[path] = hashlib.blake2b(file.read(), digest_size=16).hexdigest()
        except OSError as error:
            unreadable[path] = (error.strerror or type(error).__name__) + " (a link)" * os.path.islink(path)
    return Contents(digests, unreadable)


def unreadable_note(contents: Contents, files: FileList, policy: Literal["fail", "skip"], field: str) -> list[str]:
    """What a plan says about files that cannot be read.

    Args:
        contents: of the images.
        files: their names.
        policy: `data.on_bad_image`.
        field: that named the folder.

    Raises:
        DataError: there are some, and the policy is `fail`.
    """
    bad = contents.unreadable
    if not bad:
        return []
    number = f"{len(bad)} of {len(bad) + len(contents.digests)} image files cannot be read"
    listed = [f"{files.names[path]}: {reason}" for path, reason in sorted(bad.items())[:NAMES_SHOWN]]
    more = ["..."] * (len(bad) > NAMES_SHOWN)
    if policy == "fail":
        lines = "".join(f"\n  {line}" for line in [*listed, *more])
        raise DataError(
            f"{field}: {number}:{lines}\nMend or remove them, or set data.on_bad_image: skip to train without them "
            "(the plan and the report count them)."
        )
    return [f"{number} and are left out (data.on_bad_image: skip): {'; '.join([*listed, *more])}"]
