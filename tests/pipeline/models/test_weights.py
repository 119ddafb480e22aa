import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.models.weights import checked_sha256, fill_from_file, load_part, read_weights
from pipeline.spec.errors import SpecError
from pipeline.spec.links import FromFile


def small(num_classes: int = 5, width: int = 3, seed: int = 0) -> SmallCnnNet:
    torch.manual_seed(seed)
    return SmallCnnNet(num_classes, width, 0.0)


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def compiled_state(model: nn.Module) -> dict[str, Tensor]:
    return OrderedDict((f"_orig_mod.{name}", value) for name, value in model.state_dict().items())


WAYS: dict[str, Callable[[nn.Module, Path], Any]] = {
    "a state dict": lambda m, path: torch.save(m.state_dict(), path),
    "in model": lambda m, path: torch.save({"model": m.state_dict(), "epoch": 3}, path),
    "in state_dict": lambda m, path: torch.save({"state_dict": m.state_dict(), "arch": "x", "lr": 0.1}, path),
    "of data parallel": lambda m, path: torch.save({"model": DataParallel(m).state_dict()}, path),
    "compiled": lambda m, path: torch.save(compiled_state(m), path),
    "beside averages": lambda m, path: torch.save(
        {"state_dict": m.state_dict(), "state_dict_ema": small(seed=9).state_dict()}, path
    ),
    "the old format": lambda m, path: torch.save(m.state_dict(), path, _use_new_zipfile_serialization=False),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_usual_wrapping_is_taken_off(tmp_path: Path, way: str) -> None:
    model = small()
    WAYS[way](model, tmp_path / "w.pt")
    assert same(read_weights(tmp_path / "w.pt", "init"), model.state_dict())


def test_safetensors(tmp_path: Path) -> None:
    model = small()
    safetensors.torch.save_file(model.state_dict(), tmp_path / "w.safetensors")
    assert same(read_weights(tmp_path / "w.safetensors", "init"), model.state_dict())


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.target,)

    def __init__(self, target: str) -> None:
        self.target = target


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": small().state_dict(), "extra": Bomb(str(tmp_path / "was-here"))}, tmp_path / "w.pt")
    with pytest.raises(SpecError, match=r"init: .*w\.pt cannot be read as weights .*Save it with torch.save"):
        read_weights(tmp_path / "w.pt", "init")
    assert not (tmp_path / "was-here").exists()


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02."])
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError, match="cannot be read as weights"):
        read_weights(tmp_path / name, "init")


@pytest.mark.parametrize(
    ("content", "shown"),
    [({"net": {"w": torch.ones(1)}, "epoch": 1}, "net, epoch"), ({}, "nothing"), ({"model": {"a": 1}}, "a")],
)
def test_a_dict_of_other_things_is_refused(tmp_path: Path, content: dict[str, Any], shown: str) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(SpecError, match=f"holds no names with tensors, but {shown}"):
        read_weights(tmp_path / "w.pt", "init")


def test_all_of_a_network() -> None:
    model, other = small(), small(seed=1)
    load_part(model, other.state_dict(), "all", "init")
    assert same(model.state_dict(), other.state_dict())


def test_the_backbone_of_a_network_with_another_head() -> None:
    model, other = small(), small(num_classes=9, seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    load_part(model, other.state_dict(), "backbone", "init")
    for name, value in model.state_dict().items():
        assert torch.equal(value, (before if name.startswith("head.") else other.state_dict())[name]), name


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "convnext_atto"])
def test_the_backbone_of_a_timm_network_is_what_timm_takes_from_weights_of_other_classes(
    tmp_path: Path, name: str
) -> None:
    torch.manual_seed(0)
    torch.save(timm.create_model(name).state_dict(), tmp_path / "w.pt")
    torch.manual_seed(1)
    theirs = timm.create_model(name, num_classes=4, pretrained=True, pretrained_cfg_overlay={"file": tmp_path / "w.pt"})
    torch.manual_seed(1)
    ours = timm.create_model(name, num_classes=4)
    fill_from_file(ours, FromFile(path=str(tmp_path / "w.pt"), part="backbone"), "init")
    assert same(ours.state_dict(), theirs.state_dict())


def test_half_precision_weights_become_the_networks_own() -> None:
    model, other = small(), small(seed=1).half()
    load_part(model, other.state_dict(), "all", "init")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.get_parameter("head.3.weight"), other.get_parameter("head.3.weight").float())


def test_a_mismatch_lists_what_differs() -> None:
    weights = small(num_classes=9).state_dict()
    weights["extra.weight"] = weights.pop("features.0.weight")
    with pytest.raises(SpecError) as caught:
        load_part(small(), weights, "all", "arm bare: init")
    message = str(caught.value)
    assert message.startswith("arm bare: init: the weights do not fit SmallCnnNet: ")
    assert "1 missing in them (features.0.weight); 1 unknown to the network (extra.weight)" in message
    assert "2 of another shape (head.3.weight 9x12 for 5x12, head.3.bias 9 for 5)" in message
    assert message.endswith("or part: backbone if only the classifier differs")
    with pytest.raises(SpecError, match=r"1 unknown to the network \(extra\.weight\)\. Choose the network they were"):
        load_part(small(), weights, "backbone", "init")


def test_many_faults_are_counted() -> None:
    with pytest.raises(SpecError, match=r"15 of another shape \(.* and 10 more\)"):
        load_part(small(width=3), small(width=4).state_dict(), "backbone", "init")


def test_after_a_refusal_the_network_is_as_before() -> None:
    model = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(SpecError):
        load_part(model, small(num_classes=9, seed=1).state_dict(), "all", "init")
    assert same(model.state_dict(), before)


def test_a_pinned_file_must_be_the_one(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(small().state_dict(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert checked_sha256(FromFile(path=str(path)), "init") == sha256
    assert checked_sha256(FromFile(path=str(path), sha256=sha256), "init") == sha256
    torch.save(small(seed=1).state_dict(), path)
    with pytest.raises(SpecError, match=f"init.sha256: .*w.pt is another file than the one that was pinned.*{sha256}"):
        fill_from_file(small(), FromFile(path=str(path), sha256=sha256), "init")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"init\.path: .*w\.pt cannot be read \(No such file or directory\)"):
        fill_from_file(small(), FromFile(path=str(tmp_path / "w.pt")), "init")
