import pytest
import yaml

from ablations.commands.spec_fields import defaults_at, in_yaml, owners_of, plain
from pipeline.spec.data import RandomResizedCrop
from pipeline.spec.optim import AdamW, Sgd
from pipeline.spec.schedule import Cosine, OneCycle


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("precision", ["StageSpec"]),
        ("model.drop_rate", ["Timm", "SmallCnn"]),
        ("model.drop_path_rate", ["Timm"]),
        ("data.augment.crop", ["Augmentation"]),
        ("data.augment.crop.min_aspect", ["RandomResizedCrop"]),
        ("optimizer.nesterov", ["Sgd", "Sgdw", "Muon"]),
        ("optimizer.nothing", []),
        ("nothing.at.all", []),
    ],
)
def test_who_has_a_field(path: str, owners: list[str]) -> None:
    assert [owner.__name__ for owner in owners_of(path)] == owners


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("compile", "default off"),
        ("model.drop_rate", "default 0.0"),
        ("schedule.warmup_epochs", "default 0.0"),
        ("optimizer.nesterov", "default false"),
        ("optimizer.momentum", "default 0.9 (sgd, sgdw, rmsprop); default 0.95 (muon)"),
        ("optimizer.name", "required"),
    ],
)
def test_defaults_by_kind(path: str, text: str) -> None:
    assert defaults_at(path).replace("'off'", "off") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Cosine(), "{kind: cosine}"),
        (Cosine(warmup_epochs=1), "{kind: cosine, warmup_epochs: 1.0}"),
        (AdamW(lr=1e-5), "{kind: adamw, lr: 1.0e-05}"),
        (RandomResizedCrop(max_aspect=5 / 3), "{kind: random_resized_crop, max_aspect: 1.66667}"),
        ((0.5, 0.75), "[0.5, 0.75]"),
        (frozenset({"b", "a"}), "[a, b]"),
        (None, "null"),
        (True, "true"),
        ("off", "'off'"),
    ],
)
def test_what_a_person_would_write(value: object, text: str) -> None:
    assert in_yaml(value) == text
    assert yaml.safe_load(text) == plain(value)


def test_a_part_without_a_kind_is_written_whole() -> None:
    changed = OneCycle.model_validate({"momentum": {"high": 0.9}})
    assert plain(changed) == {"kind": "one_cycle", "momentum": {"high": 0.9, "low": 0.85}}
    assert plain(Sgd(nesterov=True)) == {"kind": "sgd", "nesterov": True}
