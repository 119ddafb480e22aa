"""A user's own code, named as `package.module:attribute`: how it is found, imported and recognised when it changes.

`source_hash` reads files only. It covers the module, the packages around it, and every module of the same folder that
these import, so that an edit anywhere in a trick makes new runs. Installed packages and this project are left out:
their versions stand in every record.
"""

import ast
import hashlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from pipeline.spec.errors import SpecError

_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_PROJECT = Path(__file__).resolve().parents[2]
_PROJECT_PACKAGES = frozenset({"pipeline", "ablations", "reports"})
_imported: dict[str, str] = {}  # module -> hash of its source when this process imported it


def load_target(target: str, source: str | None = None) -> Any:
    """Import what a target names. The current directory counts as importable, after everything that is installed.

    Args:
        target: `package.module:attribute`.
        source: the hash that its source must have; None: whatever is there.

    Raises:
        SpecError: it is misspelt, cannot be imported, or is not the source that was asked for.
    """
    module_name, attribute = _parts(target)
    found = source_hash(target)
    if module_name in sys.modules:  # what counts is the code that this process runs, whatever the file has become
        found = _imported.get(module_name, found)
    if source is not None and found != source:
        raise SpecError(
            f"target {target!r}: its source has changed since this run was planned (then {source[:12]}, now "
            f"{found[:12]}). Plan again with the new source, or put the old one back"
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's module may fail in any way while it is imported
        raise SpecError(
            f"target {target!r}: importing {module_name!r} failed with {type(error).__name__}: {error}. Try: python -c "
            f"'import {module_name}'"
        ) from error
    _imported[module_name] = found
    if not hasattr(module, attribute):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise SpecError(
            f"target {target!r}: {module_name} ({module.__file__}) has no {attribute!r}; it defines "
            f"{', '.join(own) or 'nothing'}"
        )
    return getattr(module, attribute)


def source_hash(target: str) -> str:
    """sha256 of the source that a target stands for, as 64 hex digits. Nothing of the user's is imported.

    Raises:
        SpecError: there is no such module, or it is not a Python file.
    """
    module_name, _ = _parts(target)
    root = _root(target, module_name)
    digest = hashlib.sha256()
    for path in _sources(root, module_name):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def _parts(target: str) -> tuple[str, str]:
    match = _TARGET.fullmatch(target)
    if match is None:
        raise SpecError(f"target {target!r}: expected package.module:attribute, such as my_tricks.net:build")
    return match[1], match[2]


def _root(target: str, module_name: str) -> Path:
    """The folder that holds the module's outermost package."""
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # last: a file of the user's never hides an installed package
    importlib.invalidate_caches()  # the file may be newer than Python's listing of its folder
    top = module_name.partition(".")[0]
    try:
        spec = find_spec(top)
    except ValueError:  # already imported, from no file: __main__
        spec = None
    root = None if spec is None else _folder_above(spec)
    if root is None or _file_of(root, module_name) is None:
        where = f"{module_name.replace('.', '/')}.py"
        raise SpecError(
            f"target {target!r}: there is no Python module {module_name!r}"
            + (f" in {root}" if root else f": neither installed nor at {where} below {here}")
            + ". Run from the folder that holds it, or set PYTHONPATH"
        )
    return root


def _folder_above(spec: ModuleSpec) -> Path | None:
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin).resolve().parent if spec.has_location and spec.origin else None


def _file_of(root: Path, module_name: str) -> Path | None:
    base = root.joinpath(*module_name.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def _sources(root: Path, module_name: str) -> list[Path]:
    """The module's file, its packages', and those of the same folder that they import, in the order of their names."""
    installed = "site-packages" in root.parts or root == Path(os.__file__).resolve().parent
    own_top = module_name.partition(".")[0]
    found: dict[str, Path] = {}
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        path, top = _file_of(root, name), name.partition(".")[0]
        if path is None or name in found:
            continue
        if name != module_name and ((root == _PROJECT and top in _PROJECT_PACKAGES) or (installed and top != own_top)):
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0]] if "." in name else []
        waiting += _imports(path, name)
    return [found[name] for name in sorted(found)]


def _imports(path: Path, module_name: str) -> Iterator[str]:
    """Full names of what a file imports; `from a import b` may name the module a.b."""
    package = module_name if path.name == "__init__.py" else module_name.rpartition(".")[0]
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return  # importing it says so, with the line
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            try:
                source = resolve_name(relative, package) if node.level else relative
            except ImportError:
                continue  # goes above its package: importing it says so
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
