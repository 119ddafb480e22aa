"""A YAML file that a person wrote: plain data, no code, no silently repeated keys."""

from pathlib import Path
from typing import Any

import yaml

from pipeline.spec.errors import SpecError


class _UniqueKeys(yaml.SafeLoader):
    """Plain YAML without tags that run code, and without silently repeated keys."""


_MERGE_TAG = "tag:yaml.org,2002:merge"


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(
                None, None, "a key must be plain text; quote it if it starts with { or [", key_node.start_mark
            )
        if key_node.tag == _MERGE_TAG:  # `<<: *anchor` may be repeated, and its keys may be overridden
            continue
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} appears twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that must be a mapping.

    Raises:
        SpecError: it cannot be read, or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({error})") from error
    try:
        value = yaml.load(text, Loader=_UniqueKeys)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        context = f" ({error.context})" if error.context else ""
        raise SpecError(f"{path}{at}: is not valid YAML: {error.problem}{context}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # ValueError: a date such as 2024-13-45
        raise SpecError(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(value, dict):
        kind = "empty" if value is None else f"a {type(value).__name__}"
        raise SpecError(f"{path}: expected a mapping with study, base and factors, but the file is {kind}")
    return value
