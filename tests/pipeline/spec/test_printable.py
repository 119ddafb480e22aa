import json

import pytest

from pipeline.spec.printable import printable


@pytest.mark.parametrize("name", ["plain", "Äpfel", "a\\b", "\N{IDEOGRAPHIC SPACE}", "e\N{COMBINING ACUTE ACCENT}"])
def test_what_can_be_shown_is_left_alone(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize("character", ["\r", "\x00", "\x7f", "\x85", "\N{LINE SEPARATOR}", "\udc80", "\ud800"])
def test_what_cannot_is_one_line_of_utf8(character: str) -> None:
    shown = printable(f"a{character}b")
    assert shown.encode().isascii()
    assert len(shown.splitlines()) == 1
    assert shown.startswith("a\\") and shown.endswith("b")
    assert json.loads(json.dumps(shown, ensure_ascii=False).encode()) == shown


def test_what_is_kept_is_kept() -> None:
    assert printable("a\n\tb\r\x1b", keep="\n\t") == "a\n\tb\\r\\x1b"
