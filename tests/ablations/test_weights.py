"""Starting weights in a plan: looked at once, kept by content, and refused before anything trains."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import nn
from torchvision.transforms import Normalize

from ablations.grid.spec import GridSpec
from ablations.planning import weights
from ablations.planning.plan import Planned, build_plan
from ablations.planning.weights import Starts
from pipeline.contract.stages import stage_job
from pipeline.experiment import StageSpec
from pipeline.models import pretrained
from pipeline.models.build import build_model
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.models.weights import fill_from_file, read_weights
from pipeline.spec.errors import ResourceError, SpecError
from pipeline.spec.links import FromFile, NetworkRef
from pipeline.spec.model import Timm
from pipeline.strategies.distill import DistillConfig
from pipeline.training.initial import load_teacher
from tests.ablations.grids import MIXUP, grid, made_up_listing

NUM_CLASSES = 4  # of the made-up data
RESNET = {"kind": "timm", "name": "resnet10t"}


def plan_of(spec: GridSpec, cache: Path | None) -> Planned:
    return build_plan(spec, lambda precision: "fp32", lambda data: made_up_listing(), cache)


def saved(path: Path, num_classes: int = NUM_CLASSES, seed: int = 0) -> str:
    torch.manual_seed(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": SmallCnnNet(num_classes, 4, 0.0).state_dict()}, path)
    return str(path)


def started_from(path: str, **init: Any) -> GridSpec:
    base = {"init": {"kind": "from_file", "path": path, **init}}
    return grid(base, factors={"mixup": MIXUP, "scratch": {"init": {"kind": "scratch"}}})


def hashes(planned: Planned) -> dict[str, str]:
    return {arm.name: arm.final.stage_hash for arm in planned.plan.arms}


def init_of(planned: Planned, arm: str = "bare") -> FromFile:
    stage_hash = hashes(planned)[arm]
    init = next(run.spec.init for run in planned.runs if run.stage.stage_hash == stage_hash)
    assert isinstance(init, FromFile)
    return init


def test_a_file_goes_to_the_cache_under_its_content(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt")
    planned = plan_of(started_from(path), tmp_path / "cache")
    init, content = init_of(planned), Path(path).read_bytes()
    assert init.sha256 == hashlib.sha256(content).hexdigest()
    assert Path(init.path) == tmp_path / "cache" / f"{init.sha256}.pt"
    assert Path(init.path).read_bytes() == content
    assert [kept.name for kept in (tmp_path / "cache").iterdir()] == [Path(init.path).name], "no leftovers"
    assert planned.plan.arm("bare").final.spec["init"]["sha256"] == init.sha256
    assert planned.plan.arm("bare").recipe["init"]["path"] == path, "a recipe to copy says what was written"


def test_the_same_content_elsewhere_is_the_same_study_and_other_content_another(tmp_path: Path) -> None:
    def plan(path: str, **init: Any) -> dict[str, str]:
        return hashes(plan_of(started_from(path, **init), tmp_path / "cache"))

    one = plan(saved(tmp_path / "a" / "w.pt"))
    shutil.copy(tmp_path / "a" / "w.pt", tmp_path / "v.weights")
    assert plan(str(tmp_path / "v.weights")) == one
    other = plan(saved(tmp_path / "c" / "w.pt", seed=1))
    assert {arm for arm in one if one[arm] == other[arm]} == {"+scratch", "-mixup", "full"}, "those from scratch"
    assert plan(saved(tmp_path / "a" / "w.pt"), part="backbone")["bare"] != one["bare"]


def test_a_pinned_hash_is_kept_and_checked(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt")
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    pinned = started_from(path, sha256=sha256)
    assert hashes(plan_of(pinned, tmp_path / "cache")) == hashes(plan_of(started_from(path), tmp_path / "cache"))
    saved(tmp_path / "w.pt", seed=1)
    with pytest.raises(SpecError, match=r"arm bare, stage main: init\.sha256: .*another file than the one that was pi"):
        plan_of(pinned, tmp_path / "cache")


@pytest.mark.parametrize("cache", ["cache", None])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, r"arm bare, stage main: init\.path: .*w\.pt cannot be read \(No such file"),
        (lambda path: path.write_text("no weights"), r"arm bare, stage main: init: .*cannot be read as weights"),
        (
            lambda path: saved(path, num_classes=9),
            r"base: init: the weights do not fit .*head\.3\.bias 9 for 4.*part: ",
        ),
    ],
)
def test_faults_show_before_anything_trains(
    tmp_path: Path, cache: str | None, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "w.pt")
    with pytest.raises(SpecError, match=message):
        plan_of(started_from(str(tmp_path / "w.pt")), tmp_path / cache if cache else None)


def test_weights_are_looked_at_once_for_all_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []

    def read(path: Path, where: str) -> dict[str, torch.Tensor]:
        looks.append(where)
        return read_weights(path, where)

    monkeypatch.setattr(weights, "read_weights", read)
    planned = plan_of(started_from(saved(tmp_path / "w.pt")), tmp_path / "cache")
    assert [arm for arm, h in hashes(planned).items() if h == hashes(planned)["+mixup"]] == ["+mixup", "-scratch"]
    assert len(looks) == 1, "for bare and +mixup"


def test_an_arm_whose_network_the_weights_do_not_fit_is_skipped(tmp_path: Path) -> None:
    base = {"init": {"kind": "from_file", "path": saved(tmp_path / "w.pt")}}
    planned = plan_of(grid(base, factors={"mixup": MIXUP, "wide": {"model.width": 5}}), tmp_path / "cache")
    assert [arm.name for arm in planned.plan.arms] == ["bare", "+mixup", "full", "-mixup"]
    assert planned.plan.arm("full").factors == ("mixup",)
    (skipped,) = (arm for arm in planned.plan.skipped if arm.name == "+wide")
    assert skipped.reason.startswith("init: the weights do not fit SmallCnnNet: 16 of another shape")


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(ResourceError, match=r"cannot write .*Free some disk, or choose another home"):
        plan_of(started_from(saved(tmp_path / "w.pt")), tmp_path / "cache")


def published(tag: str) -> dict[str, torch.Tensor]:
    """What the hub would give."""
    torch.manual_seed(len(tag))
    return build_model(Timm(name="resnet10t"), 1000).state_dict()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tags that were fetched; timm's own loader is tested in tests/pipeline/models/test_pretrained.py."""
    tags: list[str] = []

    def fetch(model: Timm, tag: str, where: str) -> dict[str, torch.Tensor]:
        tags.append(tag)
        return published(tag)

    monkeypatch.setattr(weights, "fetch", fetch)
    return tags


def test_pretrained_weights_are_fetched_once_and_become_a_file(tmp_path: Path, fetched: list[str]) -> None:
    spec = grid({"model": RESNET, "init": {"kind": "pretrained"}}, factors={"mixup": MIXUP})
    planned = plan_of(spec, tmp_path)
    init = init_of(planned)
    assert fetched == ["c3_in1k"]
    assert init.part == "backbone"
    assert Path(init.path).name == f"{init.sha256}.safetensors"
    model = build_model(Timm(name="resnet10t"), NUM_CLASSES)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fill_from_file(model, init, "init")
    for name, value in model.state_dict().items():
        assert torch.equal(value, (before if name.startswith("fc.") else published("c3_in1k"))[name]), name
    again = plan_of(spec, tmp_path)
    assert fetched == ["c3_in1k"], "the next invocation finds them"
    assert hashes(again) == hashes(planned)
    Path(init.path).unlink()
    assert hashes(plan_of(spec, tmp_path)) == hashes(planned)
    assert fetched == ["c3_in1k"] * 2, "the cache may be deleted"


def test_pretrained_weights_are_the_same_stage_as_their_file(tmp_path: Path, fetched: list[str]) -> None:
    pretrained_arm = plan_of(grid({"model": RESNET, "init": {"kind": "pretrained"}}, factors={"m": MIXUP}), tmp_path)
    path = init_of(pretrained_arm).path
    from_file = {"kind": "from_file", "path": path, "part": "backbone"}
    file_arm = plan_of(grid({"model": RESNET, "init": from_file}, factors={"m": MIXUP}), tmp_path)
    assert hashes(file_arm) == hashes(pretrained_arm)


def test_checking_a_grid_fetches_nothing(fetched: list[str]) -> None:
    spec = grid({"model": RESNET}, factors={"pretrained": {"init": {"kind": "pretrained"}}, "mixup": MIXUP})
    planned = plan_of(spec, None)
    assert fetched == []
    assert len(set(hashes(planned).values())) == 4


def test_a_tag_that_timm_does_not_know(fetched: list[str]) -> None:
    spec = grid({"model": RESNET, "init": {"kind": "pretrained", "tag": "zzz"}}, factors={"m": MIXUP})
    with pytest.raises(SpecError, match=r"arm bare, stage main: init\.tag: .*'zzz' for resnet10t; it has c3_in1k"):
        plan_of(spec, None)


def test_no_network_stops_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> nn.Module:
        raise ConnectionError("Name or service not known\nmore")

    monkeypatch.setattr(pretrained.timm, "create_model", unreachable)
    spec = grid({"init": {"kind": "scratch"}}, factors={"m": MIXUP})
    stage = plan_of(spec, None).runs[0].spec
    stage = stage.model_copy(update={"model": Timm(name="resnet10t"), "init": FromFile(path="x")})
    stage = stage.model_validate({**stage.model_dump(), "init": {"kind": "pretrained"}})
    with pytest.raises(SpecError, match=r"arm x: init: .*resnet10t\.c3_in1k cannot be fetched \(Name or service not k"):
        Starts(tmp_path).resolved(stage, NUM_CLASSES, "arm x")
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_ones_own_with_options_can_start_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_net.py").write_text(
        "from pipeline.models.small_cnn import SmallCnnNet\n\n\ndef build(num_classes, width):\n"
        "    return SmallCnnNet(num_classes, width, 0.0)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    model = {"kind": "custom", "target": "own_net:build", "options": {"width": 4}}
    base = {"model": model, "init": {"kind": "from_file", "path": saved(tmp_path / "w.pt")}}
    planned = plan_of(grid(base, factors={"mixup": MIXUP}), tmp_path / "cache")
    assert init_of(planned).sha256 == init_of(planned, "+mixup").sha256 is not None


def test_a_pretrained_teacher_is_a_file_teacher_in_the_colours_of_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the plan to the network, with a hub that gives a file: what timm would download lies on the disk."""
    own = timm.create_model
    torch.manual_seed(3)
    safetensors.torch.save_file(own("resnet10t").state_dict(), tmp_path / "published.safetensors")

    def create(name: str, **options: Any) -> nn.Module:
        hub = {"file": str(tmp_path / "published.safetensors")} if options.get("pretrained") else {}
        return own(name, pretrained_cfg_overlay=hub, **options)

    monkeypatch.setattr(timm, "create_model", create)
    model = {"kind": "timm", "name": "resnet10t", "num_classes": 1000}

    def student(**teacher: Any) -> StageSpec:
        learn = {"kind": "distill", "teacher": {"model": model, **teacher}}
        planned = plan_of(grid({"data": {"kind": "digits"}}, factors={"d": {"strategies": [learn]}}), tmp_path / "c")
        return next(run.spec for run in planned.runs if run.spec.strategies)

    def identity(stage: StageSpec) -> str:
        return stage.identity("f", {})

    stage = student(weights={"kind": "pretrained", "part": "all"})
    config = stage.strategies[0]
    assert isinstance(config, DistillConfig) and isinstance(config.teacher, NetworkRef)
    published = timm.get_pretrained_cfg("resnet10t.c3_in1k")
    assert published is not None and config.teacher.colours is not None and isinstance(config.teacher.weights, FromFile)
    assert (config.teacher.colours.mean, config.teacher.colours.std) == (published.mean, published.std)
    assert config.teacher.colours != stage.data.colours, "the digits have others"

    file = {"kind": "from_file", "path": config.teacher.weights.path, "part": "all"}
    colours = config.teacher.colours.model_dump(mode="json")
    assert identity(student(weights=file, colours=colours)) == identity(stage)
    assert identity(student(weights=file)) != identity(stage), "a file says nothing of its colours"
    plain = student(weights=file, colours=stage.data.colours.model_dump(mode="json"))
    assert identity(plain) == identity(student(weights=file)), "the student's are the default"

    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    network = load_teacher(stage_job(stage, tmp_path), config.teacher, 10, torch.device("cpu"))
    reference = own("resnet10t")
    reference.load_state_dict(safetensors.torch.load_file(tmp_path / "published.safetensors"))
    with torch.no_grad():
        expected = reference.eval()(Normalize(published.mean, published.std)(images))
        shown = Normalize(stage.data.mean, stage.data.std)(images)
        torch.testing.assert_close(network(shown), expected, rtol=1e-3, atol=1e-4)
