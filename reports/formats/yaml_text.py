"""Write a recipe as YAML to paste into a grid. Writing needs a page of code; reading would need a library."""

import json
import re
from typing import Any

# Words and shapes that YAML 1.1 reads as something other than text.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def to_yaml(value: Any) -> str:
    """Block style for mappings and lists of mappings, in the order given."""
    return "\n".join(_block(value))


def _block(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _entry(f"{_scalar(str(key))}:", item)]
    if isinstance(value, (list, tuple)) and value:
        return [line for item in value for line in _item(item)]
    return [_inline(value)]


def _entry(head: str, item: Any) -> list[str]:
    lines = _block(item)
    if _is_inline(item):
        return [f"{head} {lines[0]}"]
    return [head, *(f"  {line}" for line in lines)]


def _item(item: Any) -> list[str]:
    first, *rest = _block(item)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _is_inline(value: Any) -> bool:
    return not isinstance(value, (dict, list, tuple)) or not value


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, float):
        text = repr(value)
        # YAML 1.1 takes 5e-05 for text: a number with an exponent needs a point.
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=True)
