"""Where a stage's first weights come from, and in which order they and the surgery come."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.data.handle import DataHandle
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.strategies.mixup import MixupConfig
from pipeline.training import checkpoint
from pipeline.training.initial import initial_model
from pipeline.training.job import StageJob
from pipeline.training.setup import build_setup
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, example, stage_job, train_alone
from tests.pipeline.training.teachers import job_in

CPU = torch.device("cpu")
SIX = {"kind": "small_cnn", "width": 6}  # the teacher's


def start(job: StageJob, num_classes: int = 10) -> dict[str, Tensor]:
    return initial_model(job, job.seed, num_classes, CPU).state_dict()


def saved(folder: Path, num_classes: int = 10, width: int = 4) -> tuple[dict[str, Tensor], str]:
    """Weights of another network, and the file that holds them."""
    torch.manual_seed(77)
    state = SmallCnnNet(num_classes, width, 0.0).state_dict()
    torch.save({"model": state}, folder / "weights.pt")
    return state, str(folder / "weights.pt")


def file_job(folder: Path, path: str, *strategies: dict[str, Any], **init: Any) -> StageJob:
    """A job as the planner makes it: with the file's own hash."""
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    init = {"kind": "from_file", "path": path, "sha256": sha256} | init
    return stage_job(digits_stage(*strategies, init=init), folder)


def test_the_weights_of_a_file(tmp_path: Path) -> None:
    state, path = saved(tmp_path)
    got = start(file_job(tmp_path, path))
    assert all(torch.equal(got[name], value) for name, value in state.items())


def test_the_backbone_of_a_file_with_the_head_of_the_same_seed_from_scratch(tmp_path: Path) -> None:
    """Arms of one seed stay paired: their new heads are the same."""
    state, path = saved(tmp_path, num_classes=3)
    got = start(file_job(tmp_path, path, part="backbone"))
    scratch = start(stage_job(digits_stage(), tmp_path / "scratch"))
    for name, value in got.items():
        assert torch.equal(value, (scratch if name.startswith("head.") else state)[name]), name
    with pytest.raises(SpecError, match=r"init: .*head\.3\.weight 3x16 for 10x16.*part: backbone"):
        start(file_job(tmp_path, path))


def test_the_file_of_the_plan_and_no_other(tmp_path: Path) -> None:
    job = file_job(tmp_path, saved(tmp_path)[1])
    saved(tmp_path, num_classes=3)
    with pytest.raises(SpecError, match="is another file than the one that was pinned"):
        start(job)


def test_pretrained_weights_are_the_planners_business(tmp_path: Path) -> None:
    spec = digits_stage(model={"kind": "timm", "name": "resnet10t"}, init={"kind": "pretrained"})
    with pytest.raises(SpecError, match="must be planned"):
        start(replace(stage_job(digits_stage(), tmp_path), spec_json=spec.model_dump_json()))


@pytest.mark.parametrize("part", ["all", "backbone"])
def test_the_weights_of_an_earlier_stage(teacher: StageJob, digits: DataHandle, tmp_path: Path, part: str) -> None:
    init = {"kind": "from_stage", "stage": "teacher", "part": part}
    setup = build_setup(job_in(tmp_path / "a", digits_stage(model=SIX, init=init), teacher), digits, Team.alone())
    scratch = start(stage_job(digits_stage(model=SIX), tmp_path / "scratch"))
    trained = checkpoint.load(teacher.model_path(teacher.key), CPU)["model"]
    for name, value in setup.network.model.state_dict().items():
        own = part == "backbone" and name.startswith("head.")
        assert torch.equal(value, (scratch if own else trained)[name]), name


def test_an_earlier_stage_of_another_shape(teacher: StageJob, tmp_path: Path) -> None:
    init = {"kind": "from_stage", "stage": "teacher"}
    with pytest.raises(SpecError, match=r"init: stage teacher: the weights do not fit SmallCnnNet: .*of another shape"):
        start(job_in(tmp_path / "a", digits_stage(init=init), teacher))


class Doubled(nn.Module):
    """Surgery that changes names and adds a weight."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.gain = nn.Parameter(torch.full((1,), 2.0))
        self.out = nn.Linear(10, 10, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.inner(images) * self.gain)


@pytest.fixture
def surgery(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(MixupConfig, "edit_model", lambda self, model, num_classes: Doubled(model))
    return example("mixup")


def test_weights_of_a_file_come_before_the_surgery(tmp_path: Path, surgery: dict[str, Any]) -> None:
    state, path = saved(tmp_path)
    got = start(file_job(tmp_path, path, surgery))
    assert all(torch.equal(got[f"inner.{name}"], value) for name, value in state.items())
    assert float(got["gain"]) == 2.0


def test_weights_of_a_stage_come_after_the_surgery(tmp_path: Path, surgery: dict[str, Any], digits: DataHandle) -> None:
    first = stage_job(digits_stage(surgery, name="first"), tmp_path)
    train_alone(first, digits)
    trained = checkpoint.load(first.model_path(first.key), CPU)["model"]
    assert float(trained["gain"]) != 2.0, "the surgery's own weights were trained"
    second = digits_stage(surgery, init={"kind": "from_stage", "stage": "first"})
    got = start(stage_job(second, tmp_path, ancestors={"first": first.key}))
    assert got.keys() == trained.keys()
    assert all(torch.equal(got[name], value) for name, value in trained.items())
