from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch

from pipeline.models.pretrained import fetch, pretrained_tag
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.model import Timm

TIMMS_OWN = timm.create_model


@pytest.mark.parametrize(
    ("name", "tag", "expected"),
    [
        ("resnet10t", None, "c3_in1k"),
        ("resnet18", None, timm.get_pretrained_cfg("resnet18").tag),  # type: ignore[union-attr]
        ("resnet18", "fb_ssl_yfcc100m_ft_in1k", "fb_ssl_yfcc100m_ft_in1k"),
        ("resnet18.fb_ssl_yfcc100m_ft_in1k", None, "fb_ssl_yfcc100m_ft_in1k"),
        ("resnet18.fb_ssl_yfcc100m_ft_in1k", "a1_in1k", "a1_in1k"),
    ],
)
def test_which_weights_timm_would_load(name: str, tag: str | None, expected: str) -> None:
    assert pretrained_tag(Timm(name=name), tag, "init") == expected


def test_an_unknown_tag_shows_those_there_are() -> None:
    with pytest.raises(SpecError, match=r"init\.tag: timm has no weights 'zzz' for resnet10t; it has c3_in1k"):
        pretrained_tag(Timm(name="resnet10t"), "zzz", "init")


def test_a_network_without_weights() -> None:
    name = next(name for name in timm.list_models("resnet*") if not timm.list_pretrained(f"{name}.*"))
    with pytest.raises(Impossible, match=f"init: timm has no pretrained weights for {name}; choose a model of"):
        pretrained_tag(Timm(name=name), None, "arm x: init")


def test_weights_come_through_timms_own_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no network in tests, so timm is told that what it would download lies in a file."""
    torch.manual_seed(5)
    published = TIMMS_OWN("resnet10t").state_dict()
    safetensors.torch.save_file(published, tmp_path / "published.safetensors")
    asked: list[dict[str, Any]] = []

    def create(name: str, **options: Any) -> torch.nn.Module:
        asked.append({"name": name, **options})
        return TIMMS_OWN(name, pretrained_cfg_overlay={"file": str(tmp_path / "published.safetensors")}, **options)

    monkeypatch.setattr(timm, "create_model", create)
    got = fetch(Timm(name="resnet10t.c3_in1k", num_classes=7, drop_rate=0.2), "c3_in1k", "init")
    assert asked == [{"name": "resnet10t", "pretrained": True, "pretrained_cfg": "c3_in1k", "drop_rate": 0.2}]
    assert got.keys() == published.keys()
    assert all(torch.equal(got[name], value) for name, value in published.items())


def test_without_a_network_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SpecError, match=r"init: .*resnet10t\.c3_in1k cannot be fetched \(.+\)\. Check the network"):
        fetch(Timm(name="resnet10t"), "c3_in1k", "init")
