from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import ablations
from ablations.grid.schema import grid_schema

GRIDS = sorted((Path(ablations.__file__).parent / "grids").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = grid_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def shipped(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_there_are_shipped_grids() -> None:
    assert "digits.yaml" in {path.name for path in GRIDS}


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.name)
def test_shipped_grids_fit_the_schema(validator: jsonschema.Draft202012Validator, path: Path) -> None:
    validator.validate(shipped(path))


@pytest.mark.parametrize(
    ("where", "value", "path"),
    [
        (("base", "optimiser"), {"kind": "sgd"}, ["base"]),
        (("base", "optimizer", "rate"), 0.1, ["base", "optimizer"]),
        (("base", "data", "image_size_px"), 4, ["base", "data"]),
        (("base", "strategies"), [{"kind": "mixupp"}], ["base", "strategies", 0]),
        (("base", "precision"), "fp8", ["base", "precision"]),
        (("seeds",), 0, ["seeds"]),
        (("study",), "a/b", ["study"]),
        (("factors",), [], ["factors"]),
        (("factors", "cosine", "schedule"), {"kind": "cosin"}, ["factors", "cosine", "schedule"]),
        (("lanes",), 2, []),
    ],
)
def test_a_fault_does_not_fit_and_is_found_at_its_place(
    validator: jsonschema.Draft202012Validator, where: tuple[str, ...], value: Any, path: list
) -> None:
    grid = shipped(next(grid for grid in GRIDS if grid.name == "digits.yaml"))
    place = grid
    for name in where[:-1]:
        place = place[name]
    place[where[-1]] = value
    assert [list(error.absolute_path) for error in validator.iter_errors(grid)] == [path]


def test_dotted_paths_and_seed_lists_fit(validator: jsonschema.Draft202012Validator) -> None:
    grid = shipped(next(grid for grid in GRIDS if grid.name == "digits.yaml"))
    grid["factors"]["fast"] = {"optimizer.lr": 0.5}
    grid["seeds"] = [3, 5]
    validator.validate(grid)
