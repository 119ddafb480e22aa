"""The version of a home as a whole: which files it has and where they lie."""

import json
from pathlib import Path

from pipeline.spec.errors import RecordError
from pipeline.spec.versions import SCHEMA_VERSION, version_fault

LAYOUT_NAME = "home.json"
_ADVICE = "restore it, or choose another home with --home"
THIS_LAYOUT = json.dumps({"schema_version": SCHEMA_VERSION}).encode() + b"\n"


def check_layout(root: Path) -> None:
    """A home without a mark is of the first version, or empty.

    Args:
        root: folder of the home, which need not exist.

    Raises:
        RecordError: another version wrote it.
    """
    path = root / LAYOUT_NAME
    if not path.is_file():
        return
    try:
        content = path.read_bytes()
        is_mark = isinstance(json.loads(content), dict)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read ({error}); {_ADVICE}") from error
    fault = version_fault(content) if is_mark else f"no mark of a home; {_ADVICE}"
    if fault:
        raise RecordError(f"{path}: {fault}")
