"""Fields of the spec by their dotted path, and configs, as a person writes them in YAML."""

from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.experiment import StageSpec


def owners_of(path: str) -> list[type[BaseModel]]:
    """The models that have the last part of a path as a field, one for each kind; none if there is no such path."""
    *parents, last = path.split(".")
    owners: list[type[BaseModel]] = [StageSpec]
    for part in parents:
        fields = [owner.model_fields[part] for owner in owners if part in owner.model_fields]
        owners = [model for field in fields for model in models_in(field.annotation)]
    return [owner for owner in dict.fromkeys(owners) if last in owner.model_fields]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def defaults_at(path: str) -> str:
    """The default of a field; where kinds differ in it, each default with its kinds."""
    kinds_of: dict[str, list[str]] = {}
    for owner in owners_of(path):
        kind = owner.model_fields["kind"].default if "kind" in owner.model_fields else ""
        kinds_of.setdefault(default_text(owner.model_fields[path.rpartition(".")[2]]), []).append(kind)
    if len(kinds_of) == 1:
        return next(iter(kinds_of))
    return "; ".join(f"{text} ({', '.join(kinds)})" for text, kinds in kinds_of.items())


def default_text(field: FieldInfo) -> str:
    """The default of a field, or that it has none."""
    return "required" if field.is_required() else f"default {in_yaml(field.get_default(call_default_factory=True))}"


def in_yaml(value: Any) -> str:
    """One line of YAML."""
    text = yaml.safe_dump([plain(value)], default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return text.strip()[1:-1]


def plain(value: Any) -> Any:
    """Mappings, lists and numbers (six digits) instead of configs: of a kind, only what differs from its defaults."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            name: plain(getattr(value, name))
            for name, field in fields.items()
            if name == "kind"
            or "kind" not in fields
            or field.is_required()
            or getattr(value, name) != field.get_default(call_default_factory=True)
        }
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset):
        items = [plain(item) for item in value]
        return sorted(items) if isinstance(value, frozenset) else items
    return value
