"""Where two resolved recipes differ, field by field."""

import json
from collections.abc import Iterator
from typing import Any

from reports.results.two_studies import SettingDifference

ABSENT = "not there"


def differences(first: dict[str, Any], second: dict[str, Any]) -> tuple[SettingDifference, ...]:
    """Every field whose value is not the same, by its dotted path; those of the first in its order, then the rest.

    An element of a list of strategies goes by its kind, so that one more in front does not make all others differ.
    """
    one, two = dict(_leaves(first)), dict(_leaves(second))
    return tuple(
        SettingDifference(what=path, first=one.get(path, ABSENT), second=two.get(path, ABSENT))
        for path in dict.fromkeys([*one, *two])
        if one.get(path, ABSENT) != two.get(path, ABSENT)
    )


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value and all(isinstance(inner, dict) and "kind" in inner for inner in value):
        for inner in value:  # a user's own strategies are all of kind "custom"
            yield from _leaves(inner, f"{path}.{inner['target'] if inner['kind'] == 'custom' else inner['kind']}")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, sort_keys=True)
