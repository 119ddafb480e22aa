"""Grids for a fuzzer: parts that the JSON Schema allows put into a good grid, and good grids with a part broken."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

import ablations
from ablations.grid.schema import grid_schema
from tests.ablations.fuzz.values import Allowed, odd

SHIPPED = sorted((Path(ablations.__file__).parent / "grids").glob("*.yaml"))
SCHEMA = grid_schema()
ALLOWED = Allowed(SCHEMA)
SMALL: dict[str, Any] = {
    "study": "small",
    "base": {
        "data": {"kind": "digits"},
        "model": {"kind": "small_cnn", "width": 4},
        "optimizer": {"kind": "sgd", "lr": 0.1},
        "budget": {"epochs": 2, "batch_size": 20},
    },
    "factors": {"cosine": {"schedule": {"kind": "cosine"}}, "mixup": {"strategies": [{"kind": "mixup"}]}},
}
PIECES = (
    *("", "\t", "\x00", "&a ", "*a", "!!python/name:os.system ", "? ", "{", "]", ": ", "- ", "'", "\n\n---\n", "%"),
    "\ufeff",
)
_BASE = SCHEMA["properties"]["base"]["properties"]
_TOP = {name: part for name, part in SCHEMA["properties"].items() if name not in ("base", "factors", "controls")}


def _section(properties: dict[str, Any]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.sampled_from(sorted(properties)).flatmap(
        lambda name: st.tuples(st.just(name), ALLOWED.of(properties[name]))
    )


@st.composite
def from_schema(draw: st.DrawFn) -> dict[str, Any]:
    """The small grid with a part of its base, its factors and its other fields drawn anew."""
    grid = copy.deepcopy(SMALL)
    where = draw(st.sets(st.sampled_from(["base", "factor", "control", "top"]), min_size=1, max_size=2))
    if "base" in where:
        grid["base"].update([draw(_section(_BASE))])
    if "factor" in where:
        grid["factors"]["drawn"] = dict(draw(st.lists(_section(_BASE), min_size=1, max_size=2)))
    if "control" in where:
        grid["controls"] = {"drawn": dict([draw(_section(_BASE))])}
    if "top" in where:
        grid.update([draw(_section(_TOP))])
    return grid


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [place for key, inner in items for place in _places(inner, (*path, key))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A shipped grid with one to three of its values replaced, removed, renamed or doubled."""
    grid = yaml.safe_load(draw(st.sampled_from(SHIPPED)).read_text(encoding="utf-8"))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(grid)
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        holder = grid
        for key in way:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "remove", "rename", "double", "move"])):
            case "replace":
                holder[last] = draw(odd)
            case "remove":
                del holder[last]
            case "rename" if isinstance(holder, dict):
                holder[draw(st.sampled_from(["", "kind", "levels", f"{last}s", f"{last}.kind"]))] = holder.pop(last)
            case "double" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[last]))
            case _:
                holder[last] = {last: holder[last]}
    return grid


@st.composite
def torn_text(draw: st.DrawFn) -> str:
    """The text of a shipped grid with characters put in, taken out, or cut off."""
    text = draw(st.sampled_from(SHIPPED)).read_text(encoding="utf-8")
    at = draw(st.integers(0, len(text)))
    put = draw(st.sampled_from(PIECES))
    return text[:at] + put + text[at + draw(st.sampled_from([0, 1, 7, 10**6])) :]
