"""What a fresh machine relies on: pinned versions that fit pyproject.toml, and a Python that really runs."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_constraints_are_exact_versions_and_name_no_place_to_get_them() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    # No URL, no path, no option, no local version such as 2.9.0+cpu, which other indexes do not have.
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_each_requirement_is_pinned_to_a_version_it_allows(text: str) -> None:
    requirement = Requirement(text)
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is missing in constraints.txt"
    assert requirement.specifier.contains(version), f"constraints.txt has {version}, pyproject.toml wants {text}"


def find_python(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the search on a PATH that holds only the stand-ins in `folder` and what the script itself needs."""
    for tool in ("bash", "head"):
        if not (folder / tool).exists():
            (folder / tool).symlink_to(next(p for p in (Path("/bin") / tool, Path("/usr/bin") / tool) if p.exists()))
    return subprocess.run(
        [str(folder / "bash"), str(ROOT / ".ci/find_python.sh")],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def stand_in(path: Path, in_range: bool, says: str) -> None:
    """A Python that answers the version question, or, as a shim without a version behind it, only complains."""
    body = (
        f'if [[ "$2" == *sys.executable* ]]; then echo "{says}"; fi; exit 0' if in_range else f'echo "{says}"; exit 127'
    )
    path.write_text(f"#!/bin/bash\n{body}\n")
    os.chmod(path, 0o755)


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    stand_in(tmp_path / "python3.12", in_range=False, says="pyenv: python3.12: command not found")
    stand_in(tmp_path / "python3.11", in_range=True, says="/real/python3.11")
    found = find_python(tmp_path)
    assert (found.returncode, found.stdout) == (0, "/real/python3.11\n")


def test_the_newest_python_in_range_is_preferred(tmp_path: Path) -> None:
    for version in ("3.11", "3.12", "3"):
        stand_in(tmp_path / f"python{version}", in_range=True, says=f"/real/python{version}")
    assert find_python(tmp_path).stdout == "/real/python3.12\n"


def test_the_named_python_is_taken(tmp_path: Path) -> None:
    stand_in(tmp_path / "python3.12", in_range=True, says="/real/python3.12")
    stand_in(tmp_path / "mine", in_range=True, says="/real/mine")
    assert find_python(tmp_path, PYTHON="mine").stdout == "/real/mine\n"


def test_without_a_usable_python_the_error_says_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    stand_in(tmp_path / "python3", in_range=False, says="Python 3.9.2")
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert "python3: Python 3.9.2" in found.stderr
    assert "Expected Python 3.11 or 3.12" in found.stderr
    assert "PYTHON=/path/to/python3.12 make" in found.stderr
