import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.models.build import build_model
from pipeline.spec.errors import SpecError
from pipeline.spec.model import CustomModel
from tests.pipeline.stages import digits_stage

NET = """
from torch import nn

def build(num_classes, width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))

def text(num_classes):
    return "a network"

number = 3
"""


@pytest.fixture
def my_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "my_net.py"
    path.write_text(NET)
    yield path
    sys.modules.pop("my_net", None)


def test_the_builder_gets_the_classes_and_the_options(my_net: Path) -> None:
    model = build_model(CustomModel(target="my_net:build", options={"width": 6}), 5)
    assert isinstance(model, nn.Sequential)
    assert model(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    assert sum(p.numel() for p in model.parameters()) == 3 * 6 * 9 + 6 + 6 * 5 + 5


def test_the_head_may_be_fixed(my_net: Path) -> None:
    assert build_model(CustomModel(target="my_net:build", num_classes=9), 5)(torch.zeros(1, 3, 8, 8)).shape == (1, 9)


def test_an_edited_source_is_another_stage(my_net: Path) -> None:
    def identity() -> str:
        return digits_stage(model={"kind": "custom", "target": "my_net:build"}).identity("f", {})

    first = identity()
    assert identity() == first
    my_net.write_text(NET.replace("width=4", "width=5"))
    edited = identity()
    assert edited != first
    my_net.write_text(NET)
    assert identity() == first


def test_a_stored_spec_keeps_the_source_it_was_planned_with(my_net: Path) -> None:
    planned = CustomModel(target="my_net:build")
    my_net.write_text(NET + "# edited\n")
    stored = CustomModel.model_validate_json(planned.model_dump_json())
    assert stored.source == planned.source
    with pytest.raises(SpecError, match="its source has changed since this run was planned"):
        build_model(stored, 5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "my_net:number"}, r"model.target 'my_net:number' is a int; expected a callable"),
        ({"target": "my_net:text"}, r"'my_net:text' returned a str; expected a torch.nn.Module"),
        ({"target": "my_net:build", "options": {"wdith": 3}}, r"take \(num_classes, wdith=3\): .* 'wdith'.*options"),
        ({"target": "my_net:other"}, r"has no 'other'; it defines build, text"),
    ],
)
def test_faults_of_the_builder(my_net: Path, fields: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build_model(CustomModel.model_validate(fields), 5)


def test_a_module_that_is_not_there_is_a_fault_of_the_spec(my_net: Path) -> None:
    with pytest.raises(ValidationError, match=r"target 'no_such_net:build': there is no Python module 'no_such_net'"):
        CustomModel(target="no_such_net:build")
