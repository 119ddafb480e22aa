"""Text that any table, terminal and JSON file can hold."""

import unicodedata

# Control characters, halves of a surrogate pair (a name that is no UTF-8), line and paragraph separators.
_NOT_SHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_RAW_BYTE = range(0xDC80, 0xDD00)  # how Python decodes a byte of a file name that is no UTF-8 (PEP 383)


def printable(text: str, keep: str = "") -> str:
    """The text with what cannot be shown written as an escape: a newline becomes a backslash and an n.

    Args:
        text: from a file name, an error, or anything else that a person did not check.
        keep: characters that stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _NOT_SHOWN and c not in keep else c for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if code in _RAW_BYTE else character.encode("unicode_escape").decode()
