"""Grids that want to run code, fill the memory, leave their folder, or write to a terminal."""

import json
from pathlib import Path

import pytest

from ablations.grid.yaml_file import MAX_BYTES, read_yaml
from pipeline.spec.errors import SpecError
from tests.ablations.grids import HEAD
from tests.ablations.studies import ablate

GOOD = HEAD + "factors: {a: {optimizer.lr: 0.2}}\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGE_BOMB = "m0: &m0 {k: 1}\n" + "".join(
    f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}], k{i}: 1}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: !!python/object/apply:os.mkdir [was-here]\n", "could not determine a constructor for the tag"),
        ("study: !!python/name:os.system\n", "could not determine a constructor for the tag"),
        ("!!python/object/new:type {args: [x, [], {}]}\n", "could not determine a constructor for the tag"),
        ("study: !include /etc/passwd\n", "could not determine a constructor for the tag"),
        (BOMB, "line 6, column 5: is not valid YAML: aliases make it more than 100,000 values"),
        (MERGE_BOMB, "aliases make it more than 100,000 values"),
        ("base: &a {x: *a}\n", "line 1, column 7: is not valid YAML: an alias stands for what it is in"),
        ("base: &a [[*a]]\n", "an alias stands for what it is in"),
        ("a: {b: 1, b: 2}\n", "line 1, column 11: is not valid YAML: the key 'b' appears twice"),
        ("a: 1\n'a': 2\n", "the key 'a' appears twice"),
        ("[" * 3000, "is not valid YAML"),
        ("a: " + "{b: " * 3000, "is not valid YAML"),
        ("seeds: 0x" + "f" * 5000 + "\n", "a whole number of more than 64 bits"),
        ("seeds: " + "9" * 5000 + "\n", "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
        ("a: \x1b[2J\n", "special characters are not allowed"),
    ],
)  # fmt: skip
def test_it_is_refused_in_one_line_that_a_terminal_can_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grid.yaml").write_text(text)
    result = ablate("validate", "grid.yaml")
    assert result.exit_code == 2
    assert result.err.startswith("error: grid.yaml") and "Traceback" not in result.err
    assert message in result.err
    assert result.err.replace("\n", "").isprintable()
    assert len(result.err) < 2000
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yaml"], "nothing was run"


def test_aliases_as_people_use_them_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("x: &x {kind: sgd, lr: 1}\ny: [*x, *x]\nz: {<<: *x, lr: 2}\n")
    sgd = {"kind": "sgd", "lr": 1}
    assert read_yaml(path) == {"x": sgd, "y": [sgd, sgd], "z": {"kind": "sgd", "lr": 2}}


def test_an_endless_file_ends(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=f"/dev/zero: is larger than {MAX_BYTES:,} bytes"):
        read_yaml(Path("/dev/zero"))


HOSTILE_NAMES = [
    "../up",
    "a/b",
    "..",
    ".",
    "/etc",
    "a\\b",
    "a\\nb",
    "\\e[31m",
    "x" * 101,
    "",
    " ",
    "a..b",
    "CON:",
    "~",
    "-rf",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_study_cannot_leave_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grid.yaml").write_text(GOOD.replace("study: tricks", f'study: "{name}"'))
    for command in (["validate"], ["plan", "--home", "home"]):
        result = ablate(command[0], "grid.yaml", *command[1:])
        assert result.exit_code == 2
        assert "grid.yaml: study: study name" in result.err and "cannot name a folder" in result.err
        assert result.err.replace("\n", "").isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["grid.yaml"]


@pytest.mark.parametrize("name", ["../outside", "/etc", "a/../../outside", "x" * 5000, "\x1b[31m", "a\nb"])
@pytest.mark.parametrize("command", ["status", "report"])
def test_nor_can_the_name_of_one_that_is_asked_for(tmp_path: Path, name: str, command: str) -> None:
    """A plan lies outside, where the name leads to: it must not be read."""
    (tmp_path / "home" / "studies").mkdir(parents=True)
    (tmp_path / "home" / "outside").mkdir()
    (tmp_path / "home" / "outside" / "plan.json").write_text("{}")
    result = ablate(command, name, "--home", tmp_path / "home")
    assert result.exit_code == 2
    assert result.err.startswith("error: ") and "Traceback" not in result.err
    assert "plan.json: not a valid" not in result.err, "it was read"
    assert result.err.replace("\n", "").isprintable()


@pytest.mark.parametrize("url", ["nothing://x", "a::b", "simplecache::nothing://x", "zip://", "http://", "file://\x00"])
@pytest.mark.parametrize("field", ["path", "unlabeled"])
@pytest.mark.parametrize("kind", ["image_folder", "parquet"])
def test_a_url_of_no_file_system_is_an_error_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, field: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = {"kind": kind, "path": url} if field == "path" else {"kind": "digits", "unlabeled": url}
    Path("grid.yaml").write_text(GOOD.replace("{kind: digits}", json.dumps(data)))
    result = ablate("validate", "grid.yaml")
    assert result.exit_code == 2
    assert result.err.startswith(f"error: grid.yaml: data.{field}: ") and "Traceback" not in result.err
