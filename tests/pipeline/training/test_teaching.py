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
from pipeline.spec.links import NetworkRef
from pipeline.training import setup
from pipeline.training.initial import load_teacher
from pipeline.training.job import StageJob
from pipeline.training.setup import views_are_fixed
from tests.pipeline.stages import digits_stage, example

FIXED = {"kind": "digits", "augment": {"crop": {"kind": "full_image"}, "horizontal_flip_prob": 0.0}}
CACHED = "distill: the teacher's logits were cached"


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
    weights = teacher.model_path(teacher.key)
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    outside = {
        "model": teacher.spec.model.model_dump(mode="json"),
        "weights": {"kind": "from_file", "path": str(weights), "part": "all", "sha256": sha256},
    }
    stage = digits_stage(example("distill") | {"teacher": outside})
    assert stage.needs() == ()
    assert trace(trained(lab, stage)) == trace(trained(lab, digits_stage(example("distill"))))
    network = load_teacher(lab.job(stage), NetworkRef.model_validate(outside), 10, torch.device("cpu"))
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
