import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.spec.errors import SpecError
from pipeline.spec.targets import load_target, source_hash

HEADER = "WIDTH = 3\n\ndef build():\n    return WIDTH\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def test_a_module_of_the_current_directory(here: Path) -> None:
    (here / "a_net.py").write_text(HEADER)
    assert load_target("a_net:build")() == 3
    assert load_target("a_net:WIDTH") == 3


def test_a_console_script_that_does_not_see_the_current_directory_does(here: Path) -> None:
    (here / "b_net.py").write_text(HEADER)
    root = Path(__file__).resolve().parents[3]
    code = (
        f"import sys; sys.path[0] = {str(root)!r}; from pipeline.spec.targets import load_target as f; f('b_net:build')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=here, check=True, env={"PATH": ""})


def test_one_file_hashes_as_its_name_and_its_bytes(here: Path) -> None:
    (here / "c_net.py").write_text(HEADER)
    assert source_hash("c_net:build") == hashlib.sha256(b"c_net.py\0" + HEADER.encode() + b"\0").hexdigest()
    assert "c_net" not in sys.modules, "nothing of the user's runs"


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("d_lab/net.py", True),
        ("d_lab/__init__.py", True),
        ("d_lab/blocks.py", True),  # from d_lab import blocks
        ("d_lab/deep/act.py", True),  # imported by blocks, relatively
        ("d_helper.py", True),  # beside the package
        ("d_lab/other.py", False),  # nobody imports it
        ("notes.py", False),
    ],
)
def test_the_hash_follows_the_imports(here: Path, edited: str, changes: bool) -> None:
    files = {
        "d_lab/__init__.py": "",
        "d_lab/net.py": "import json\nimport d_helper\nfrom d_lab import blocks\ndef build():\n    return 1\n",
        "d_lab/blocks.py": "from .deep.act import relu\n",
        "d_lab/deep/act.py": "def relu():\n    import torch\n",
        "d_lab/other.py": "",
        "d_helper.py": "import d_helper, d_missing\n",
        "notes.py": "",
    }
    for name, text in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    before = source_hash("d_lab.net:build")
    assert before == source_hash("d_lab.net:other_name")
    (here / edited).write_text(files[edited] + "# edited\n")
    assert (source_hash("d_lab.net:build") != before) is changes


def test_the_same_code_elsewhere_is_the_same_code(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = []
    for folder in ("one", "two"):
        (here / folder).mkdir()
        (here / folder / "e_net.py").write_text(HEADER)
        with monkeypatch.context() as patch:
            patch.chdir(here / folder)
            patch.setattr(sys, "path", list(sys.path))
            hashes.append(source_hash("e_net:build"))
    assert hashes[0] == hashes[1]


def test_code_that_changed_after_it_was_planned_is_refused(here: Path) -> None:
    (here / "f_net.py").write_text(HEADER)
    planned = source_hash("f_net:build")
    load_target("f_net:build", planned)
    (here / "f_net.py").write_text(HEADER.replace("3", "4"))
    load_target("f_net:build", planned)  # this process has the planned code already
    with pytest.raises(SpecError, match=r"'f_net:build': its source has changed since this run was planned"):
        load_target("f_net:build", source_hash("f_net:build"))
    (here / "g_net.py").write_text(HEADER)
    with pytest.raises(SpecError, match=r"then 0000, now .* Plan again with the new source"):
        load_target("g_net:build", "0000")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("h_net", "expected package.module:attribute, such as"),
        ("h_net.py:build", "there is no Python module 'h_net.py'"),
        ("h_net:build()", "expected package.module:attribute"),
        ("h_nothing:build", r"'h_nothing': neither installed nor at h_nothing.py below .* set PYTHONPATH"),
        ("h_net.deep:build", "there is no Python module 'h_net.deep' in "),
        ("h_net:Build", r"has no 'Build'; it defines build"),
        ("h_broken:build", "importing 'h_broken' failed with ZeroDivisionError: division by zero"),
        ("h_syntax:build", "importing 'h_syntax' failed with SyntaxError"),
        ("sys:path", "there is no Python module 'sys'"),
    ],
)
def test_faults_name_the_target_and_what_to_do(here: Path, target: str, message: str) -> None:
    (here / "h_net.py").write_text("from json import dumps\ndef build():\n    return 1\n")
    (here / "h_broken.py").write_text("1 / 0\n")
    (here / "h_syntax.py").write_text("def build(:\n")
    with pytest.raises(SpecError, match=message) as caught:
        load_target(target)
    assert target in str(caught.value)


def test_installed_code_follows_no_imports_out_of_its_package() -> None:
    package = Path(json.__file__).parent
    names = ["__init__", "decoder", "encoder", "scanner"]  # what json/__init__.py imports, and what these import
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"json/{name}.py".encode() + b"\0" + (package / f"{name}.py").read_bytes() + b"\0")
    assert source_hash("json:dumps") == digest.hexdigest()
