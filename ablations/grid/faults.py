"""What pydantic refuses, as lines a person can act on: the path as written, what came, what was expected."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.spec.errors import Impossible

_ONE_OF = re.compile(r"\^\((\w+(?:\|\w+)+)\)\$")  # a pattern that only lists words
_NO_MAPPING = ("dict_type", "model_type", "model_attributes_type")
_LIMITS = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of {ge:g} or more",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of {le:g} or less",
    "multiple_of": "a multiple of {multiple_of:g}",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a fault is: its path without the union tags that pydantic puts in, and the names known there."""

    path: tuple[str, ...]
    siblings: tuple[str, ...]  # fields beside the last part of the path
    kinds: tuple[str, ...]  # of the union that the path leads to


def fault_lines(error: ValidationError, where: str, model: type[BaseModel] | None = None) -> list[str]:
    """One line per fault.

    Args:
        error: what pydantic raised.
        where: what the paths start with, for instance a factor.
        model: the model that refused; it knows the names that a typo may have meant.
    """
    schema = model.model_json_schema() if model is not None else {}
    faults = error.errors(include_url=False)
    lines = []
    for fault in faults:
        inside = [other["loc"] for other in faults if other["loc"][: len(fault["loc"])] == fault["loc"]]
        if fault["type"] == "too_short" and len(inside) > 1:
            continue  # pydantic counts only the valid items of a list: an echo of the faults inside
        place = _find(schema, fault["loc"])
        path, message = _say(fault, place)
        line = ".".join([where, *path]).strip(".")
        lines.append(f"{line}: {message}" if line else message)
    return lines


def is_impossible(error: ValidationError) -> bool:
    """Whether nothing is wrong but that the parts cannot be together: no typo, no value out of range."""
    return all(isinstance(fault.get("ctx", {}).get("error"), Impossible) for fault in error.errors(include_url=False))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not among the known ones."""
    names = tuple(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"


def _say(fault: ErrorDetails, place: _Place) -> tuple[tuple[str, ...], str]:
    """The path to name and the message."""
    path, came, context = place.path, fault.get("input"), fault.get("ctx", {})
    kind = fault["type"]
    if path and path[-1] == "[key]":
        return path[:-2], f"the name {came!r} is not text; put it in quotes"
    if kind == "extra_forbidden":
        hint = f"; {nearest(path[-1], place.siblings)}" if place.siblings else ""
        return path, f"there is no such field{hint}"
    if kind == "missing":
        return path, "is missing, but required"
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", str(context["expected_tags"]))
        tag = str(context["tag"])
        return (*path, str(context["discriminator"]).strip("'")), f"there is no {tag!r}; {nearest(tag, known)}"
    if kind == "union_tag_not_found":
        return path, f"says no kind; expected one of {', '.join(place.kinds)}, as in {_example(place)}"
    if kind in _NO_MAPPING:
        return path, f"expected a mapping{' such as ' + _example(place) if place.kinds else ''}, got {_shown(came)}"
    if kind == "too_short":
        least = context["min_length"]
        return path, f"expected at least {least} {'entry' if least == 1 else 'entries'}, got {_counted(came)}"
    if kind == "tuple_type":
        return path, f"expected a list such as [{came if isinstance(came, str | int) else '...'}], got {_shown(came)}"
    if kind in _LIMITS:
        return path, f"expected {_LIMITS[kind].format(**context)}, got {_shown(came)}"
    if kind == "literal_error":
        expected = str(context["expected"])
        return path, f"expected {expected}, got {_shown(came)}"
    if kind == "string_pattern_mismatch":
        words = _ONE_OF.fullmatch(str(context["pattern"]))
        if words:
            return path, f"there is no {came!r}; {nearest(str(came), words[1].split('|'))}"
    message = fault["msg"].removeprefix("Value error, ")
    return path, message if fault["msg"].startswith("Value error") else f"{message} (got {_shown(came)})"


def _example(place: _Place) -> str:
    ready = [kind for kind in place.kinds if kind != "custom"]  # that one needs code of the user's own
    return f"{{kind: {ready[0]}}}" if ready else "{kind: ...}"


def _shown(came: Any) -> str:
    if came is None:
        return "nothing"
    if isinstance(came, dict | list | tuple):
        name = "mapping" if isinstance(came, dict) else "list"
        return f"a {name}" if came else f"an empty {name}"
    return repr(came)


def _counted(came: Any) -> str:
    """The same, with the number of entries where there are some."""
    return f"{len(came)}" if isinstance(came, dict | list | tuple) and came else _shown(came)


def _find(schema: dict[str, Any], loc: tuple[int | str, ...]) -> _Place:
    """Follow a location of pydantic through the model's JSON Schema."""
    here, path, siblings = _resolve(schema, schema), [], ()
    for part in loc:
        kinds = _kinds(here)
        if part in kinds:  # a union tag: nobody wrote it as a part of the path
            here = _resolve(schema, {"$ref": kinds[str(part)]})
            continue
        siblings = tuple(here.get("properties", {}))
        path.append(str(part))
        if isinstance(part, int):
            inner = here.get("items", {})
        else:
            inner = here.get("properties", {}).get(part, here.get("additionalProperties"))
        here = _resolve(schema, inner if isinstance(inner, dict) else {})
    return _Place(tuple(path), siblings, tuple(_kinds(here)))


def _kinds(here: dict[str, Any]) -> dict[str, str]:
    return here.get("discriminator", {}).get("mapping", {})


def _resolve(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and step over `... | None`."""
    while True:
        if "$ref" in part:
            part = schema.get("$defs", {}).get(part["$ref"].rsplit("/", 1)[-1], {})
        elif "anyOf" in part:
            part = next((option for option in part["anyOf"] if option.get("type") != "null"), {})
        else:
            return part
