"""Values for a fuzzer: what a JSON Schema allows, and what nobody should write."""

import datetime
import re
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

# What a person, or a program that writes YAML, may put anywhere by mistake.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, 1e308, -1e-308, float("inf"), float("nan"), 10**30),
    *("", " ", "..", "a/b", "a\x00b", "\x1b[31m", "<script>", "kind", "1e-3", "~", "\u2028", "x" * 300),
    *([], {}, [None], [[]], {"": None}, {"kind": None}, {"kind": ["sgd"]}, {1: 2}, {None: 1}, {"levels": {}}),
    *({"a.b": 1}, {"kind": "custom", "target": "os:system"}, b"\xff\x00", datetime.date(2024, 2, 29)),
)
odd = st.sampled_from(ODD)


class Allowed:
    """Values that fit a JSON Schema; lengths and numbers stay small where it sets no limit."""

    def __init__(self, root: Schema) -> None:
        """root: the schema, with the `$defs` that references point into."""
        self._root = root
        self._known: dict[tuple[int, int], st.SearchStrategy[Any]] = {}

    def of(self, schema: Schema, depth: int = 5) -> st.SearchStrategy[Any]:
        """Values of a part of the schema. At `depth` references below it, parts that are not required are left out."""
        key = (id(schema), depth)  # the parts of the root live as long as it does
        if key not in self._known:
            self._known[key] = self._make(schema, depth)
        return self._known[key]

    def _make(self, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            target = self._root["$defs"][schema["$ref"].rpartition("/")[2]]
            return st.deferred(lambda: self.of(target, depth - 1))
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return st.one_of([self.of(option, depth) for option in schema[key]])
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._objects(schema, depth)
            case "array":
                return self._arrays(schema, depth)
            case "number":
                return _numbers(schema)
            case "integer":
                return _integers(schema)
            case "string":
                return _strings(schema)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case _:
                return odd

    def _objects(self, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        properties: dict[str, Schema] = schema.get("properties", {})
        required = sorted(set(schema.get("required", ())) | ({"kind"} & set(properties)))
        optional = sorted(set(properties) - set(required)) if depth > 0 else []
        if not properties:
            inner = schema.get("additionalProperties")
            value = self.of(inner, depth - 1) if isinstance(inner, dict) and depth > 0 else odd
            return st.dictionaries(st.sampled_from("abc"), value, min_size=schema.get("minProperties", 0), max_size=2)
        parts = {name: self.of(part, depth) for name, part in properties.items() if name in (*required, *optional)}
        few = st.lists(st.sampled_from(optional), max_size=3, unique=True) if optional else st.just([])
        return few.flatmap(lambda names: st.fixed_dictionaries({name: parts[name] for name in [*required, *names]}))

    def _arrays(self, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
        if "prefixItems" in schema:
            return st.tuples(*(self.of(part, depth) for part in schema["prefixItems"])).map(list)
        low = schema.get("minItems", 0)
        return st.lists(self.of(schema.get("items", {}), depth - 1), min_size=low, max_size=low + 2)


def _numbers(schema: Schema) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 100))
    return st.one_of(st.floats(low, high, width=64), st.sampled_from([low, high]))


def _integers(schema: Schema) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", low + 1000)
    return st.one_of(st.integers(low, min(high, low + 64)), st.integers(low, high))


def _strings(schema: Schema) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=False).filter(lambda s: len(s) < 200)
    usual = ["digits", "resnet10t", "bare", "main", "a=b", "x:y", "a::b", "z://y", "http://127.0.0.1:1/x"]
    return st.one_of(st.text(max_size=8), st.sampled_from(usual))
