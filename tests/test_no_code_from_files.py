"""A file of a user, or of a stranger, is read without running what it says: wherever the product reads one."""

import ast
from pathlib import Path

import pytest

from tests.test_architecture import PACKAGES, ROOT

# Who may unpickle: what this very process, or a Ray task on its behalf, has pickled a moment ago.
OWN_PICKLES = {"pipeline/contract/hooks.py", "pipeline/contract/two_ranks.py", "pipeline/data/render_tasks.py"}
FORBIDDEN = {
    "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.Loader",
    "eval", "exec", "os.system", "marshal.loads", "shelve.open", "joblib.load", "torch.hub.load",
}  # fmt: skip
NEEDS = {"torch.load": ("weights_only", True), "timm.models.load_state_dict": ("weights_only", True),
         "np.load": ("allow_pickle", False), "np.lib.format.read_array": ("allow_pickle", False)}  # fmt: skip


def faults(text: str, where: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in FORBIDDEN:
            found.append(f"{where}:{node.lineno}: {ast.unparse(node)} may run what a file says")
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("pickle.load", "pickle.loads") and where not in OWN_PICKLES:
            found.append(f"{where}:{node.lineno}: {called} runs what the bytes say")
        name, value = NEEDS.get(called, (None, None))
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name is not None and given.get(name) != str(value):
            found.append(f"{where}:{node.lineno}: {called} without {name}={value}")
    return found


def test_nothing_that_is_read_can_run() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(paths) > 200
    assert [line for path in paths for line in faults(path.read_text(), str(path.relative_to(ROOT)))] == []


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "timm.models.load_state_dict(path)",
        "np.load(path, allow_pickle=True)",
        "pickle.load(file)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
    ],
)
def test_the_checker_flags(code: str) -> None:
    assert len(faults(code, "a.py")) == 1


def test_the_exceptions_are_still_there() -> None:
    for name in OWN_PICKLES:
        assert "pickle.loads(" in Path(ROOT / name).read_text(), f"{name} unpickles no more: take it off the list"
