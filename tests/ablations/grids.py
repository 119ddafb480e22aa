"""Small grids as a person would write them, and the plan of one without reading data.

Without the arms of the noise floor, unless a test asks for them: what is counted is then what the test wrote.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ablations.grid.spec import GridSpec, parse_grid
from ablations.grid.yaml_file import read_yaml
from ablations.planning.plan import build_plan
from ablations.planning.planned import Planned
from pipeline.data.listing import Listing, ReadChunk
from pipeline.spec.data import AnyData
from pipeline.strategies import CATALOGUE

HEAD = """\
study: tricks
base:
  data: {kind: digits}
  model: {kind: small_cnn, width: 4}
  optimizer: {kind: sgd, lr: 0.1}
  budget: {epochs: 2, batch_size: 20}
"""
SMOOTHING = {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]}
MIXUP = {"strategies": [{"kind": "mixup", "alpha": 0.2}]}
COSINE = {"schedule": {"kind": "cosine"}}
DISTILL = {"recipes": [{"kind": "teacher_student", "teacher": {"kind": "small_cnn", "width": 8}}]}
NUM_TRAIN, NUM_VAL, NUM_TEST = 60, 40, 20


def made_up_listing(num_classes: int = 4, fingerprint_salt: str = "") -> Listing:
    """120 samples that exist by name only."""
    num = NUM_TRAIN + NUM_VAL + NUM_TEST
    return Listing(
        class_names=tuple(f"class {i}" for i in range(num_classes)),
        ids=tuple(f"sample-{i:03d}" for i in range(num)),
        labels=np.arange(num, dtype=np.int64) % num_classes,
        roles=np.repeat(["train", "val", "test"], [NUM_TRAIN, NUM_VAL, NUM_TEST]),
        content=tuple(f"{fingerprint_salt}{i}" for i in range(num)),
        chunks=(ReadChunk(tuple(range(num)), ()),),
        notes=("made up",),
    )


def let_clash(monkeypatch: pytest.MonkeyPatch, kind: str, other: str, reason: str = "both mix") -> None:
    """As if the card of a strategy named another one as a clash."""
    config = CATALOGUE[kind]
    monkeypatch.setattr(config, "card", config.card.model_copy(update={"clashes": {other: reason}}))


def read_text(tmp_path: Path, text: str) -> GridSpec:
    """The grid in this YAML text, called grid.yaml in messages."""
    path = tmp_path / "grid.yaml"
    path.write_text(text, encoding="utf-8")
    return parse_grid({"noise_floor": False} | read_yaml(path), "grid.yaml")


def grid(base: dict[str, Any] | None = None, **fields: Any) -> GridSpec:
    """HEAD with fields of the base and of the grid replaced."""
    raw = yaml.safe_load(HEAD)
    raw["base"] |= base or {}
    return parse_grid({"noise_floor": False} | raw | fields, "grid.yaml")


def plan_of(spec: GridSpec, listing: Listing | None = None, seeds: tuple[int, ...] | None = None) -> Planned:
    """The plan on made-up data; `seeds`: all of them, where a rule has added some to the grid's."""

    def scan(data: AnyData) -> Listing:
        return listing or made_up_listing()

    return build_plan(spec, lambda precision: "fp32" if precision == "auto" else precision, scan, seeds=seeds)
