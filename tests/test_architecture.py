"""The rules that keep the code readable: import directions, file lengths, module docstrings."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipeline", "ablations", "reports")
MAX_LINES = 300
MAX_TEST_LINES = 400

# Layer -> what of this project it may import. The longest prefix of a module's name decides its layer, and a layer
# may always import itself. Read from top to bottom, dependencies point upwards only.
VOCABULARY = ("pipeline.spec",)
FINDINGS = (*VOCABULARY, "reports.scale", "reports.stats", "reports.results")
PLANS = ("ablations.designs", "ablations.records", "ablations.grid", "ablations.planning")
PARTS = (*VOCABULARY, "pipeline.types", "pipeline.result")
LAYERS: dict[str, tuple[str, ...]] = {
    "pipeline.spec": (),
    "pipeline.types": VOCABULARY,
    "pipeline.result": VOCABULARY,
    "pipeline.data": PARTS,
    "pipeline.models": PARTS,
    "pipeline.tasks": (*PARTS, "pipeline.models"),
    "pipeline.strategies": (*PARTS, "pipeline.data", "pipeline.models", "pipeline.tasks"),
    "pipeline.experiment": (*PARTS, "pipeline.data", "pipeline.models", "pipeline.tasks", "pipeline.strategies"),
    "pipeline.recipes": (*PARTS, "pipeline.tasks", "pipeline.strategies", "pipeline.experiment"),
    "pipeline.training": (
        *(*PARTS, "pipeline.data", "pipeline.models", "pipeline.tasks", "pipeline.strategies"),
        *("pipeline.experiment", "pipeline.recipes"),
    ),
    "pipeline.contract": (
        *(*PARTS, "pipeline.data", "pipeline.models", "pipeline.tasks", "pipeline.strategies"),
        *("pipeline.experiment", "pipeline.training"),
    ),
    "pipeline": (),  # pipeline/__init__.py: importing it for `pipeline.spec` must cost nothing
    "reports": VOCABULARY,
    "reports.scale": VOCABULARY,
    "reports.stats": (*VOCABULARY, "reports.scale"),
    "reports.results": (*VOCABULARY, "reports.stats"),
    "reports.records": VOCABULARY,
    "reports.wording": FINDINGS,
    "reports.analysis": (*FINDINGS, "reports.records", "reports.wording"),
    "reports.formats": (*FINDINGS, "reports.wording", "reports.analysis"),
    "reports.page": (*FINDINGS, "reports.records", "reports.wording", "reports.analysis", "reports.formats"),
    "ablations": ("pipeline", "reports", "ablations"),  # the command line sees all of it
    "ablations.designs": ("pipeline.spec",),
    "ablations.records": ("pipeline", "reports"),
    "ablations.grid": ("pipeline", "ablations.designs", "ablations.records"),
    "ablations.planning": ("pipeline", "reports", "ablations.designs", "ablations.records", "ablations.grid"),
    "ablations.running": ("pipeline", "reports", *PLANS),
    "ablations.tuning": ("pipeline", "reports", *PLANS, "ablations.running"),
    "ablations.commands": ("pipeline", "reports", *PLANS, "ablations.running", "ablations.tuning"),
}

# Layer -> the only third-party packages it and what is below it may import. Layers that are not named may import any.
THIRD_PARTY: dict[str, frozenset[str]] = {
    "pipeline.spec": frozenset({"pydantic"}),
    "reports": frozenset({"pydantic", "numpy", "scipy", "jinja2", "markupsafe", "matplotlib", "mlflow"}),
}
# Reports open without MLflow: it takes seconds to import and is one of two sources.
LAZY_IN: dict[str, frozenset[str]] = {"reports": frozenset({"mlflow"})}

# What a strategy may see of its own package. Anything else two strategies share moves to models, types or base.
STRATEGY_PACKAGE = "pipeline.strategies"
STRATEGY_HUBS = ("__init__", "base", "teaching", "chain")  # files of that package that are not strategies
STRATEGY_MAY_SEE = ("pipeline.strategies.base", "pipeline.strategies.teaching")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name. `lazy`: inside a function, or only for type checkers."""

    name: str
    line: int
    lazy: bool


def is_under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, lazy: bool = False) -> Iterator[Import]:
    """Every import with its full name; `from a import b` counts as `a.b`, and a relative one keeps its dots."""
    for node in ast.iter_child_nodes(tree):
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            inside = True
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            yield from (Import(f"{source}.{alias.name}", node.lineno, inside) for alias in node.names)
        else:
            yield from imports(node, inside)


def layer_of(module: str) -> str | None:
    return max((layer for layer in LAYERS if is_under(module, layer)), key=len, default=None)


def fault(module: str, layer: str, imported: Import) -> str | None:
    """What is wrong with this import in this module, or None."""
    name, top = imported.name, imported.name.partition(".")[0]
    if name.startswith("."):
        return "relative imports are not used in this project"
    if top in PACKAGES:
        target = layer_of(name)
        # The table may name a whole package ("pipeline") or one layer of it.
        if target != layer and not any(is_under(name, allowed) for allowed in LAYERS[layer]):
            return f"{layer} may import only {', '.join(LAYERS[layer]) or 'nothing of this project'}"
        if (
            module.startswith(STRATEGY_PACKAGE + ".")
            and module.rpartition(".")[2] not in STRATEGY_HUBS
            and is_under(name, STRATEGY_PACKAGE)
            and not any(is_under(name, hub) for hub in STRATEGY_MAY_SEE)
        ):
            return "strategies do not import each other; move what they share to strategies/base.py, models or types"
        return None
    if top in ("tests", "conftest"):
        return "the product does not import its tests"
    if top in sys.stdlib_module_names:
        return None
    outside = next((allowed for above, allowed in THIRD_PARTY.items() if is_under(layer, above)), None)
    if outside is not None and top not in outside:
        return f"{layer} may import only {', '.join(sorted(outside))} from outside"
    if any(is_under(layer, above) and top in names for above, names in LAZY_IN.items()) and not imported.lazy:
        return f"{layer} imports {top} only inside the function that needs it"
    return None


def faults(root: Path) -> list[str]:
    """Every broken rule below `root`, one line each: where, what, and which rule."""
    found = []
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        where, module, text = path.relative_to(root), module_name(path, root), path.read_text()
        tree = ast.parse(text, filename=str(path))
        if ast.get_docstring(tree) is None:
            found.append(f"{where}: no module docstring; say in one sentence what the file is for")
        if (num_lines := len(text.splitlines())) > MAX_LINES:
            found.append(f"{where}: {num_lines} lines, at most {MAX_LINES}; split it by concept")
        layer = layer_of(module)
        if layer is None or (layer == "pipeline" and module != "pipeline"):
            found.append(f"{where}: belongs to no layer; add it to LAYERS in tests/test_architecture.py")
            continue
        found += [
            f"{where}:{imported.line}: imports {imported.name}: {reason}"
            for imported in imports(tree)
            if (reason := fault(module, layer, imported)) is not None
        ]
    return found + [
        f"{path.relative_to(root)}: {num_lines} lines, at most {MAX_TEST_LINES}"
        for path in sorted((root / "tests").rglob("*.py"))
        if (num_lines := len(path.read_text().splitlines())) > MAX_TEST_LINES
    ]


def test_the_project_keeps_its_rules() -> None:
    assert len(list((ROOT / "pipeline").rglob("*.py"))) > 10, "found too few files: is ROOT right?"
    assert faults(ROOT) == []


def test_every_layer_exists() -> None:
    missing = [
        layer
        for layer in LAYERS
        if not (base := ROOT / layer.replace(".", "/")).is_dir() and not base.with_suffix(".py").is_file()
    ]
    assert missing == [], "LAYERS names modules that are gone; remove them from the table"


@pytest.mark.parametrize(
    ("file", "code", "expected"),
    [
        ("pipeline/spec/a.py", "from pipeline.types import Batch", "pipeline.spec may import only nothing"),
        ("pipeline/spec/a.py", "import torch", "may import only pydantic from outside"),
        ("pipeline/__init__.py", "from pipeline import spec", "pipeline may import only nothing"),
        ("pipeline/data/a.py", "import pipeline.training.loop", "pipeline.data may import only"),
        ("pipeline/experiment.py", "from pipeline import recipes", "pipeline.experiment may import only"),
        ("pipeline/training/a.py", "def f():\n    from ablations import cli", "a.py:3: imports ablations.cli"),
        ("pipeline/tasks/a.py", "from reports.records.load import load", "pipeline.tasks may import only"),
        ("pipeline/models/a.py", "from ..spec import base", "relative imports are not used"),
        ("pipeline/newcomer.py", "import ast", "belongs to no layer"),
        ("pipeline/strategies/mixup.py", "from pipeline.strategies.cutmix import mask", "do not import each other"),
        ("pipeline/strategies/mixup.py", "from pipeline.strategies import cutmix", "do not import each other"),
        ("reports/a.py", "from pipeline.experiment import StageSpec", "reports may import only pipeline.spec"),
        ("reports/a.py", "from ablations.grid.spec import Grid", "reports may import only pipeline.spec"),
        ("reports/a.py", "import torch", "may import only jinja2"),
        ("reports/stats/a.py", "import torch", "may import only jinja2"),
        ("reports/stats/a.py", "from reports.analysis.effects import judge", "reports.stats may import only"),
        ("reports/page/a.py", "import mlflow", "only inside the function that needs it"),
        ("reports/a.py", "import mlflow", "only inside the function that needs it"),
        ("ablations/a.py", "from tests import conftest", "the product does not import its tests"),
    ],
)
def test_the_checker_flags(tmp_path: Path, file: str, code: str, expected: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A module."""\n{code}\n')
    found = faults(tmp_path)
    assert len(found) == 1, found
    assert expected in found[0]
    assert found[0].startswith(file)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("pipeline/types.py", "from pipeline.spec.records import RunRecord"),
        ("pipeline/strategies/mixup.py", "from pipeline.strategies.base import Strategy"),
        ("pipeline/strategies/chain.py", "from pipeline.strategies import base, mixup"),
        ("pipeline/experiment.py", "from pipeline.strategies import AnyStrategy"),
        ("reports/a.py", "def f():\n    import mlflow"),
        ("reports/analysis/b.py", "from reports.stats import paired\nfrom pipeline.spec.study import StudyPlan"),
        ("ablations/a.py", "from reports import load\nfrom pipeline.training import loop\nimport ray"),
    ],
)
def test_the_checker_accepts(tmp_path: Path, file: str, code: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'"""A module."""\n{code}\n')
    assert faults(tmp_path) == []


def test_the_checker_flags_long_files_and_missing_docstrings(tmp_path: Path) -> None:
    for folder in ("reports", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "reports/long.py").write_text('"""A module."""\n' + "x = 1\n" * MAX_LINES)
    (tmp_path / "reports/bare.py").write_text("x = 1\n")
    (tmp_path / "tests/test_long.py").write_text("x = 1\n" * (MAX_TEST_LINES + 1))
    assert faults(tmp_path) == [
        "reports/bare.py: no module docstring; say in one sentence what the file is for",
        f"reports/long.py: {MAX_LINES + 1} lines, at most {MAX_LINES}; split it by concept",
        f"tests/test_long.py: {MAX_TEST_LINES + 1} lines, at most {MAX_TEST_LINES}",
    ]
