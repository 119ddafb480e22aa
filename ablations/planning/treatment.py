"""The hidden-treatment check: in which fields does an arm differ from bare although no factor names them?

A factor that writes `optimizer: {kind: adamw}` replaces the whole optimizer, so the learning rate and the weight decay
silently become AdamW's defaults. What such a factor then seems to do may be the work of these.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ablations.grid.merge import SETS, Patch, key_of
from pipeline.spec.study import Undeclared

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Difference:
    path: str
    bare: Any
    arm: Any


def undeclared(arm: Mapping[str, Any], bare: Mapping[str, Any], patches: Mapping[str, Patch]) -> tuple[Undeclared, ...]:
    """What differs between two experiments and no patch names, in the order of the fields.

    A strategy or recipe counts as named with everything it brings. A field that only one of two kinds has belongs to
    the kind; a field that both have does not.

    Args:
        arm: the experiment with every default written out, as `model_dump` gives it.
        bare: the same of the experiment without any factor.
        patches: those that are on, dotted paths resolved.
    """
    named = {factor: set(named_fields(patch)) for factor, patch in patches.items()}
    all_named = set().union(*named.values())
    return tuple(
        Undeclared(
            path=found.path,
            bare=None if found.bare is _ABSENT else found.bare,
            arm=None if found.arm is _ABSENT else found.arm,
            factors=_nearest(named, found.path),
        )
        for found in _differences(_by_key(bare), _by_key(arm), "")
        if not _covers(all_named, found.path)
    )


def named_fields(patch: Patch, prefix: str = "") -> Iterator[str]:
    """Every leaf that a patch writes, below a `kind` too; `strategies.mixup` for the members of a set."""
    for name, value in patch.items():
        path = f"{prefix}{name}"
        if path in SETS:
            yield from (f"{path}.{key_of(item)}" for item in value)
        elif isinstance(value, Mapping) and value:
            yield from named_fields(value, f"{path}.")
        else:
            yield path


def _covers(paths: set[str], path: str) -> bool:
    """Whether one of these is the path or a parent of it."""
    parts = path.split(".")
    return any(".".join(parts[:depth]) in paths for depth in range(1, len(parts) + 1))


def _nearest(named: Mapping[str, set[str]], path: str) -> tuple[str, ...]:
    """The factors that write closest to a path: it changed along with what they write."""
    depths = {
        factor: max((_shared_depth(known, path) for known in paths), default=0) for factor, paths in named.items()
    }
    closest = max(depths.values(), default=0)
    return tuple(factor for factor, depth in depths.items() if depth == closest) if closest else ()


def _shared_depth(one: str, other: str) -> int:
    """How many parts two paths have in common, from the left."""
    pairs = zip(one.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _by_key(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Its sets as mappings from key to member: their order says nothing."""
    sets = {name: {key_of(item): item for item in experiment[name]} for name in SETS if name in experiment}
    return {**experiment, **sets}


def _differences(bare: Mapping[str, Any], arm: Mapping[str, Any], prefix: str) -> Iterator[_Difference]:
    same_kind = bare.get("kind") == arm.get("kind")
    for name in dict.fromkeys([*bare, *arm]):
        old, new, path = bare.get(name, _ABSENT), arm.get(name, _ABSENT), f"{prefix}{name}"
        if old == new or (not same_kind and (old is _ABSENT or new is _ABSENT)):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{path}.")
        else:
            yield _Difference(path, old, new)
