"""Files that a person names with `--out`."""

from pathlib import Path

from pipeline.spec.errors import SpecError


def write_out(out: Path, text: str) -> None:
    """Write text as UTF-8.

    Raises:
        SpecError: the file cannot be written.
    """
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(out, error) from error


def unwritable(out: Path, error: OSError) -> SpecError:
    """What to tell a person whose file cannot be written."""
    return SpecError(f"--out: {out} cannot be written ({error.strerror}); name a file in a folder that exists")
