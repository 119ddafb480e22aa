"""Teachers in training: from a file, and cached only where every image has one view."""

import hashlib
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.contract.lab import Lab, trace
from pipeline.contract.stages import train_alone
from pipeline.experiment import StageSpec
from pipeline.result import StageResult
from pipeline.spec.links import NetworkRef, StageRef
from pipeline.strategies.distill import DistillConfig
from pipeline.training import setup
from pipeline.training.initial import load_teacher
from pipeline.training.job import StageJob
from pipeline.training.setup import views_are_fixed
from tests.pipeline.stages import digits_stage, example

FIXED = {"kind": "digits", "augment": {"crop": {"kind": "full_image"}, "horizontal_flip_prob": 0.0}}
CACHED = "distill: the teacher's logits were cached"


def outside(teacher: StageJob, **fields: Any) -> dict[str, Any]:
    """The teacher as a network from a file."""
    weights = teacher.model_path(teacher.key)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    return {
        "model": teacher.spec.model.model_dump(mode="json"),
        "weights": {"kind": "from_file", "path": str(weights), "part": "all", "sha256": sha256},
        **fields,
    }


def trained(lab: Lab, spec: StageSpec) -> StageResult:
    return train_alone(lab.job(spec), lab.data_of(spec))


@pytest.mark.parametrize("kind", ["distill", "hard_distill"])
def test_kept_answers_are_those_of_asking_anew(lab: Lab, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = digits_stage(example(kind), data=FIXED)
    kept = trained(lab, spec)
    assert f"{kind}: the teacher's logits were cached" in kept.log
    monkeypatch.setattr(setup, "views_are_fixed", lambda spec: False)
    asked = trained(lab, spec)
    assert "cached" not in asked.log
    for name, values in asked.curves.series.items():
        np.testing.assert_allclose(kept.curves.series[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("strategies", "data"),
    [
        (("mixup",), FIXED),
        (("rand_augment",), FIXED),
        (("progressive_resizing",), FIXED),
        (("repeated_augmentation",), FIXED),
        (("cutmix",), FIXED),
        ((), {"kind": "digits"}),
        ((), {"kind": "digits", "augment": FIXED["augment"] | {"horizontal_flip_prob": 0.1}}),  # type: ignore[operator]
        ((), {"kind": "digits", "augment": FIXED["augment"] | {"crop": {"kind": "pad_and_crop"}}}),  # type: ignore[operator]
    ],
)
def test_views_that_can_differ_are_never_kept(strategies: tuple[str, ...], data: dict[str, Any]) -> None:
    assert not views_are_fixed(digits_stage(example("distill"), *map(example, strategies), data=data))


def test_strategies_that_leave_images_alone_keep_views_fixed() -> None:
    assert views_are_fixed(digits_stage(example("distill"), example("ema"), example("label_noise"), data=FIXED))


def test_one_mixed_run_says_nothing_of_a_cache(lab: Lab) -> None:
    assert CACHED not in trained(lab, digits_stage(example("distill"), example("mixup"), data=FIXED)).log


def test_a_teacher_from_a_file_teaches_like_the_stage_that_made_it(lab: Lab, teacher: StageJob) -> None:
    ref = outside(teacher)
    stage = digits_stage(example("distill") | {"teacher": ref})
    assert stage.needs() == ()
    assert trace(trained(lab, stage)) == trace(trained(lab, digits_stage(example("distill"))))
    network = load_teacher(lab.job(stage), NetworkRef.model_validate(ref), 10, torch.device("cpu"))
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


OTHER = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.5)}


@pytest.mark.parametrize("kind", ["stage", "file"])
def test_a_teacher_sees_images_in_the_colours_that_it_was_trained_with(lab: Lab, teacher: StageJob, kind: str) -> None:
    """The student's data is normalized otherwise; the teacher says of each image what it says of it in its own way."""
    own = teacher.spec.data.colours
    ref = {"stage": "teacher"} if kind == "stage" else outside(teacher, colours=own.model_dump(mode="json"))
    stage = digits_stage(example("distill") | {"teacher": ref}, data={"kind": "digits", **OTHER})
    pixels = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def normalized(mean: Any, std: Any) -> torch.Tensor:
        return torch.stack([(pixels[:, c] - mean[c]) / std[c] for c in range(3)], dim=1).float()

    config = stage.strategies[0]
    assert isinstance(config, DistillConfig) and not isinstance(config.teacher, tuple)
    network = load_teacher(lab.job(stage), config.teacher, 10, torch.device("cpu"))
    plain = digits_stage(example("distill"))
    expected = load_teacher(lab.job(plain), StageRef(stage="teacher"), 10, torch.device("cpu"))
    shown, as_trained = normalized(*OTHER.values()), normalized(own.mean, own.std)
    torch.testing.assert_close(network(shown), expected(as_trained), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(expected(shown), expected(as_trained), atol=0.01), "it matters"


def test_equal_colours_are_the_very_same_teacher(lab: Lab, teacher: StageJob) -> None:
    same = outside(teacher, colours=teacher.spec.data.colours.model_dump(mode="json"))
    traces = [
        trace(trained(lab, digits_stage(example("distill") | {"teacher": ref}))) for ref in (same, outside(teacher))
    ]
    assert traces[0] == traces[1]
