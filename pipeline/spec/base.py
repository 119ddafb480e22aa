"""The frozen base of every spec, its content hash, and random streams derived by name."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, closed and finite: a typo or an impossible value fails before anything starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class AddedLater:
    """Marks a field that stored specs do not have: at its default it is no part of the identity.

    Written as `name: Annotated[type, AddedLater()] = default`. What it stands for must then be, at the default, what
    was done before there was such a field.
    """


def identity_dump(spec: BaseModel) -> dict[str, Any]:
    """The spec as JSON values, without the fields that were added later and are at their defaults, at any depth."""
    return _without_later(spec, spec.model_dump(mode="json"))


def _without_later(value: Any, dumped: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        later = {name for name, field in fields.items() if any(isinstance(m, AddedLater) for m in field.metadata)}
        return {
            name: _without_later(getattr(value, name), part)
            for name, part in dumped.items()
            if name not in later or getattr(value, name) != fields[name].get_default(call_default_factory=True)
        }
    if isinstance(value, tuple | list):
        return [_without_later(one, part) for one, part in zip(value, dumped, strict=True)]
    return dumped


def canonical_json(value: Any) -> str:
    """One spelling per value: sorted keys, no spaces, UTF-8."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: Any) -> str:
    """sha256 of the canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed for the random stream with this name.

    Streams are told apart by what they are for (seed, kind, step, shard ...), never by the order of
    calls, so that switching one strategy on does not shift the draws of another (docs: Random streams).
    """
    digest = hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
