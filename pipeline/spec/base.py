"""The frozen base of every spec, its content hash, and random streams derived by name."""

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, closed and finite: a typo or an impossible value fails before anything starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class _LeftOutAtDefault:
    """The mark of a field that came later."""


ADDED_LATER: Final = _LeftOutAtDefault()
"""`name: Annotated[T, ADDED_LATER] = default`: at its default the field is no part of an identity, so that runs that
finished before there was such a field stay valid. Only for fields whose default trains as before."""


def identity_dump(value: Any) -> Any:
    """What a config is hashed by: as JSON has it, without the fields that came later and stand at their default."""
    return _without_later(value, value.model_dump(mode="json")) if isinstance(value, BaseModel) else value


def _without_later(value: Any, dumped: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            name: _without_later(getattr(value, name), part)
            for name, part in dumped.items()
            if not (
                ADDED_LATER in fields[name].metadata
                and getattr(value, name) == fields[name].get_default(call_default_factory=True)
            )
        }
    if isinstance(value, list | tuple):
        return [_without_later(item, part) for item, part in zip(value, dumped, strict=True)]
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
