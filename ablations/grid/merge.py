"""Factors as patches: how a bare recipe and the factors that are on become one experiment."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.recipes.experiment import ExperimentSpec, card_of
from pipeline.spec.errors import SpecError

SETS = ("strategies", "recipes")  # merged by key; every other field has one owner
Patch = Mapping[str, Any]


def key_of(item: Mapping[str, Any]) -> Any:
    """What tells an entry of a set from the others: its kind, or what `custom` names."""
    return item.get("target") if item.get("kind") == "custom" else item.get("kind")


def undot(patch: Patch, where: str) -> dict[str, Any]:
    """`{"optimizer.lr": 0.2}` is sugar for `{"optimizer": {"lr": 0.2}}`. The patch itself is left as it is.

    Raises:
        SpecError: a path goes below a plain value, or a set is not a list.
    """
    result: dict[str, Any] = {}
    for path, value in copy.deepcopy(dict(patch)).items():
        if path in SETS and not isinstance(value, list | tuple):
            raise SpecError(f"{where}.{path}: expected a list such as [{{kind: ...}}], not {value!r}")
        *parents, last = str(path).split(".")
        place = result
        for part in parents:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise SpecError(f"{where}: {path!r} goes below {part!r}, which the same factor sets to a plain value")
        place[last] = (
            {**place[last], **value} if isinstance(place.get(last), dict) and isinstance(value, dict) else value
        )
    return result


def owned_fields(patch: Patch, prefix: str = "") -> set[str]:
    """The leaves that a patch sets, as dotted paths; a patch with a `kind` owns the whole field."""
    fields: set[str] = set()
    for name, value in patch.items():
        path = f"{prefix}{name}"
        if path in SETS:
            continue
        if isinstance(value, Mapping) and "kind" not in value:
            fields |= owned_fields(value, f"{path}.")
        else:
            fields.add(path)
    return fields


def claims_of(patch: Patch) -> set[str]:
    """What a patch sets: its fields, and the members that it adds to sets, as in `strategies[mixup]`."""
    members = {f"{group}[{key_of(one)}]" for group in SETS for one in patch.get(group, ()) if _is_patch(one)}
    return owned_fields(patch) | members


def check_owners(patches: Mapping[str, Patch], factors: Mapping[str, Sequence[str]]) -> None:
    """Two factors may not set the same field or switch on the same strategy or recipe; levels of one factor may.

    Args:
        patches: switch -> its patch.
        factors: factor -> its switches.

    Raises:
        SpecError: naming both.
    """
    owners: dict[str, str] = {}
    for factor, switches in factors.items():
        claims: set[str] = set()
        for patch in (patches[switch] for switch in switches):
            claims |= claims_of(patch)
        for claim in sorted(claims):
            for other, owner in owners.items():
                if claim == other or claim.startswith(f"{other}.") or other.startswith(f"{claim}."):
                    raise SpecError(
                        f"factors {owner!r} and {factor!r} both set {claim!r}, so the full recipe would be ambiguous. "
                        "Make them levels of one factor, as in NAME: {levels: {"
                        f"{owner}: {{...}}, {factor}: {{...}}}}}}, or leave the field to one of them"
                    )
        owners.update(dict.fromkeys(claims, factor))


def _is_patch(item: Any) -> bool:
    return isinstance(item, Mapping)


def check_clashes(patches: Mapping[str, Patch]) -> None:
    """One factor may not switch on two strategies that clash: no arm could ever have it.

    Args:
        patches: where a patch is written -> the patch.

    Raises:
        SpecError: naming the factor and both.
    """
    for where, patch in patches.items():
        keys = [key_of(item) for item in patch.get("strategies", ()) if isinstance(item, Mapping)]
        for key in keys:
            for other, reason in _clashes_of(key).items():
                if other in keys:
                    raise SpecError(
                        f"{where}: strategies: {key} clashes with {other}: {reason}; this factor switches on both, so "
                        "no arm could have it: leave one out, or make them two factors"
                    )


def _clashes_of(key: Any) -> Mapping[str, str]:
    """What a strategy cannot go with; whether there is such a strategy is said where its entry is validated."""
    try:
        card = card_of(key) if isinstance(key, str) else None
    except SpecError:
        return {}
    return {} if card is None else card.clashes


def apply_patch(base: Patch, patch: Patch) -> dict[str, Any]:
    """A new mapping: sets are joined, a value with a `kind` replaces, other mappings are merged."""
    result = dict(base)
    for name, value in patch.items():
        if name in SETS:
            result[name] = [*result.get(name, ()), *value]
        elif isinstance(value, Mapping) and "kind" not in value and isinstance(result.get(name), Mapping):
            result[name] = apply_patch(result[name], value)
        else:
            result[name] = value
    return result


def merge(base: Patch, factors: Mapping[str, Patch], switched_on: Sequence[str]) -> dict[str, Any]:
    """The base with these factors on, as it would be written by hand."""
    recipe = dict(base)
    for name in switched_on:
        recipe = apply_patch(recipe, factors[name])
    return recipe


def experiment(recipe: Patch) -> ExperimentSpec:
    """Validate a merged recipe."""
    return ExperimentSpec.model_validate(recipe)
