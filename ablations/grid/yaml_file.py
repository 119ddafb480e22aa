"""A YAML file that a person wrote: plain data, no code, no silently repeated keys."""

from pathlib import Path
from typing import Any

import yaml

from pipeline.spec.errors import SpecError

MAX_BYTES = 2_000_000
MAX_VALUES = 100_000  # with every alias written out; the largest grid that ships has 100


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


def _integer(loader: _UniqueKeys, node: yaml.ScalarNode) -> int:
    value = loader.construct_yaml_int(node)
    if not -(2**63) <= value < 2**63:
        raise yaml.constructor.ConstructorError(None, None, "a whole number of more than 64 bits", node.start_mark)
    return value


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_UniqueKeys.add_constructor("tag:yaml.org,2002:int", _integer)


def _check_expanded(root: yaml.Node) -> None:
    """Refuse aliases that make something endless, or far larger than the text: a few lines can stand for billions.

    Raises:
        ConstructorError: naming the place.
    """
    sizes: dict[int, int | None] = {}  # by node; None while its parts are counted

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise yaml.constructor.ConstructorError(
                    None, None, "an alias stands for what it is in", node.start_mark
                )
            return known
        sizes[id(node)] = None
        parts = (
            [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode)
            else node.value if isinstance(node, yaml.SequenceNode) else []
        )  # fmt: skip
        total = sizes[id(node)] = 1 + sum(size(part) for part in parts)
        if total > MAX_VALUES:
            problem = f"aliases make it more than {MAX_VALUES:,} values"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return total

    size(root)


def _parse(text: str) -> Any:
    loader = _UniqueKeys(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_expanded(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that must be a mapping.

    Raises:
        SpecError: it cannot be read, or is something else.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({error})") from error
    if len(content) > MAX_BYTES:
        raise SpecError(f"{path}: is larger than {MAX_BYTES:,} bytes; is it a grid?")
    try:
        value = _parse(text)
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
