"""A small disk of its own for the homes, so that filling it up fills no other."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_MB = 160  # a home of the study takes 12; all of them are on it at the end


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A tmpfs at this folder while it lasts; says whether the system allowed it."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "ablate-chaos", str(folder)]
    allowed = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield allowed
    finally:
        if allowed:
            subprocess.run(["umount", "-l", str(folder)], check=True)
