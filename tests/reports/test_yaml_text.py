from typing import Any

import pytest
import yaml

from reports.formats.yaml_text import to_yaml
from tests.reports.fixtures import Options, make_plan


@pytest.mark.parametrize("arm", make_plan(Options()).arms, ids=lambda arm: arm.name)
def test_recipes_read_back_as_they_were(arm: Any) -> None:
    assert yaml.safe_load(to_yaml(arm.recipe)) == arm.recipe


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, "true", "No", "null", "12", "1e3", "-", "", "a: b", "# no", "ünï\n\"q\"", "data/clothing-256"),
        *(5e-05, 1e22, 1.5e-7, 0.1, -3, [], {}, [[1, 2], [3]], [{"a": [1, {"b": []}]}], {"x": {"y": {}}}, {"on": 1}),
    ],
)  # fmt: skip
def test_awkward_values_read_back_as_they_were(value: Any) -> None:
    assert yaml.safe_load(to_yaml({"key": value, "list": [value]})) == {"key": value, "list": [value]}


def test_looks_as_a_person_would_write_it() -> None:
    recipe = {"optimizer": {"kind": "sgd", "lr": 0.1}, "strategies": [{"kind": "mixup", "alpha": 0.2}]}
    expected = "optimizer:\n  kind: sgd\n  lr: 0.1\nstrategies:\n  - kind: mixup\n    alpha: 0.2"
    assert to_yaml(recipe) == expected
