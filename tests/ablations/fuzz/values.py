"""Values for a fuzzer: what a JSON Schema allows, and what nobody should write."""

import datetime
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

# What a person, or a program that writes YAML, may put anywhere by mistake.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, 1e308, -1e-308, float("inf"), float("nan"), 10**30, "", " ", "..", "a/b", "a\x00b",
    "\x1b[31m", "<script>", "kind", "1e-3", "~", "\u2028", "x" * 300, [], {}, [None], [[]], {"": None}, {"kind": None}, {"kind": ["sgd"]},
    {1: 2}, {None: 1}, {"levels": {}}, {"a.b": 1}, {"kind": "custom", "target": "os:system"}, b"\xff\x00", datetime.date(2024, 2, 29),
)  # fmt: skip
odd = st.sampled_from(ODD)


def allowed(schema: Schema, root: Schema, depth: int = 5) -> st.SearchStrategy[Any]:
    """Values that fit a schema; lengths and numbers stay small where it sets no limit.

    Args:
        schema: of the value.
        root: whose `$defs` references point into.
        depth: of references that are followed before optional parts are left out.
    """
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].rpartition("/")[2]]
        return st.deferred(lambda: allowed(target, root, depth - 1))
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return st.one_of([allowed(option, root, depth) for option in schema[key]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    make: Callable[[Schema, Schema, int], st.SearchStrategy[Any]] = _MAKERS.get(schema.get("type", ""), _anything)
    return make(schema, root, depth)


def _objects(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    properties: dict[str, Schema] = schema.get("properties", {})
    required = set(schema.get("required", ())) | ({"kind"} & set(properties))
    parts = {name: allowed(part, root, depth) for name, part in properties.items()}
    if not parts:
        inner = schema.get("additionalProperties")
        value = allowed(inner, root, depth - 1) if isinstance(inner, dict) and depth > 0 else odd
        return st.dictionaries(st.sampled_from("abc"), value, min_size=schema.get("minProperties", 0), max_size=2)
    optional = {name: part for name, part in parts.items() if name not in required} if depth > 0 else {}
    few = st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True) if optional else st.just([])
    return few.flatmap(
        lambda names: st.fixed_dictionaries({name: parts[name] for name in [*sorted(required), *names]})
    )


def _arrays(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(allowed(part, root, depth) for part in schema["prefixItems"])).map(list)
    low = schema.get("minItems", 0)
    return st.lists(allowed(schema.get("items", {}), root, depth - 1), min_size=low, max_size=low + 2)


def _numbers(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 100))
    return st.one_of(st.floats(low, high, width=64), st.sampled_from([low, high]))


def _integers(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", low + 1000)
    return st.one_of(st.integers(low, min(high, low + 64)), st.integers(low, high))


def _strings(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=False).filter(lambda s: len(s) < 200)
    return st.one_of(st.text(max_size=8), st.sampled_from(["digits", "resnet10t", "bare", "main", "a=b", "x:y", "a::b", "z://y"]))


def _anything(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    return odd


_MAKERS: dict[str, Callable[[Schema, Schema, int], st.SearchStrategy[Any]]] = {
    "object": _objects,
    "array": _arrays,
    "number": _numbers,
    "integer": _integers,
    "string": _strings,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}
