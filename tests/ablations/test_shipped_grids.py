"""The grids that come with the project say what they ask, and can be planned as they are, no arm left out."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch

import ablations
from ablations.grid.spec import parse_grid
from ablations.grid.yaml_file import read_yaml
from ablations.planning.plan import build_plan
from pipeline.data.listing import Listing, ReadChunk
from pipeline.spec.data import AnyData

GRIDS = sorted((Path(ablations.__file__).parent / "grids").glob("*.yaml"))
PUBLISHED = ("bag_of_tricks", "torchvision_ladder", "timm_a1", "timm_a2", "timm_a3", "ffcv")
COUNTS = {"train": 2500, "val": 100, "test": 100}


def listing_of(_: AnyData) -> Listing:
    """Enough samples for a batch of 2,048, by name only."""
    num = sum(COUNTS.values())
    return Listing(
        class_names=tuple(f"class {i}" for i in range(10)),
        ids=tuple(f"sample-{i}" for i in range(num)),
        labels=np.arange(num, dtype=np.int64) % 10,
        roles=np.repeat(list(COUNTS), list(COUNTS.values())),
        content=tuple(str(i) for i in range(num)),
        chunks=(ReadChunk(tuple(range(num)), ()),),
        notes=(),
    )


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_a_grid_opens_with_its_question_and_its_command(path: Path) -> None:
    head = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    for word in ("Question:", "Hypothesis:", "Cost:", "Command:"):
        assert word in head, word
    assert f"ablations/grids/{path.name}" in head
    if path.stem in PUBLISHED:
        assert "Published:" in head


@pytest.mark.slow
@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_a_grid_is_planned_with_every_arm_and_no_hidden_treatment(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = timm.create_model("resnet10t", num_classes=10).state_dict()
    torch.save({"model": weights}, "cifar10.pt")  # what cnn_checklist.yaml starts an arm from
    grid = parse_grid(read_yaml(path), path.name)
    plan = build_plan(grid, lambda precision: "fp32" if precision == "auto" else precision, listing_of).plan
    assert plan.skipped == () and plan.unassessed == ()
    assert {arm.name: arm.undeclared for arm in plan.arms if arm.undeclared} == {}
    assert {card.partition(":")[0] for card in plan.cards} == set(grid.patches()), "every factor has a card"
    hashes = [arm.final.stage_hash for arm in plan.arms if arm.name != "full"]
    assert len(set(hashes)) == len(hashes), "no two arms are the same specification"
