"""Which version of a file of the home this release reads, and what to say of another."""

import json

SCHEMA_VERSION = 1
"""Of every record, plan, and of the home as a whole. Raise it when an older release would misread what is written.

A field that is added with a default does not raise it: this release reads what the ones before it wrote.
"""


def version_fault(content: str | bytes) -> str | None:
    """What is wrong with the `schema_version` of a JSON object; None: nothing, or something else is."""
    try:
        raw = json.loads(content)
    except ValueError:
        return None
    version = raw.get("schema_version", SCHEMA_VERSION) if isinstance(raw, dict) else SCHEMA_VERSION
    return None if version == SCHEMA_VERSION and not isinstance(version, bool) else _said(version)


def _said(version: object) -> str:
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    return (
        f"schema_version {version!r}, but this version of ablate reads {SCHEMA_VERSION}. It was written by "
        f"{'a newer' if newer else 'another'} version: install that one, or run the study again in a new home"
    )
