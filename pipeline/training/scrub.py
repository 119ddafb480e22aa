"""What an error or a log says, without secrets and without the name of somebody's home folder."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.spec.printable import printable

KEEP_PATHS_VARIABLE = "ABLATE_KEEP_PATHS"
"""Set in the environment of the workers: home folders are left in logs. Secrets never are."""

MIN_SECRET_CHARACTERS = 8  # shorter values ("token", "1") are modes and switches, and stand in any text
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|AUTH|COOKIE", re.IGNORECASE
)
_LOGIN_IN_URL = re.compile(r"(?<=://)[^\s/@'\"]+:[^\s/@'\"]+(?=@)")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and cursor movements
_RAY_TOKEN = Path(".ray", "auth_token")  # below the home folder: where Ray keeps the token of its cluster


def scrubbed(text: str, environment: Mapping[str, str] | None = None, home: Path | None = None) -> str:
    """The text as it may be kept in a record or shown in a report.

    Values of variables that are called like a secret are replaced by the variable's name, logins in URLs by a word,
    the home folder by ~, colours and control characters are taken out.

    Args:
        text: of an error or a log.
        environment: of the process that wrote it; None: this one's.
        home: folder of its user; None: this process's.
    """
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    for secret, name in sorted(_secrets(environment, home).items(), key=lambda item: -len(item[0])):
        text = text.replace(secret, f"<{name}>")
    text = _LOGIN_IN_URL.sub("<login>", text)
    if not environment.get(KEEP_PATHS_VARIABLE) and len(home.parts) > 1:
        text = re.sub(rf"{re.escape(str(home))}(?![\w.-])", "~", text)
    return printable(_ANSI.sub("", text), keep="\n\t")


def _secrets(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Value -> what is shown instead."""
    named = {value: f"value of {name}" for name, value in environment.items() if _SECRET_NAME.search(name)}
    try:
        named[(home / _RAY_TOKEN).read_text().strip()] = "token of Ray"
    except (OSError, UnicodeDecodeError):
        pass  # Ray has no token here, or not for this user
    return {value: shown for value, shown in named.items() if len(value) >= MIN_SECRET_CHARACTERS}
