"""Work in several stages, cut in every one of them: resumed, each ends as if nothing had happened, and so the last."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.contract.lab import Lab
from pipeline.contract.trained import CUT_IN_EPOCH, PowerCut, expect_same_run
from pipeline.experiment import StageSpec
from pipeline.recipes.experiment import RECIPES, ExperimentSpec
from pipeline.result import StageResult
from pipeline.training.job import StageJob
from pipeline.training.loop import EpochReport
from tests.pipeline.stages import digits_stage, stage_job, train_alone

FEW = {"kind": "digits", "labeled_frac": 0.5}
SMALL = {"kind": "small_cnn", "width": 6}
SHARE = {"select": {"kind": "top_share", "share": 0.5}}
WORK: dict[str, list[dict[str, Any]]] = {
    "teacher_student": [{"kind": "teacher_student", "teacher": [SMALL, SMALL]}],
    "hints": [{"kind": "teacher_student", "teacher": SMALL, "how": "features", "layers": [1]}],
    "born_again": [{"kind": "born_again", "generations": 2}],
    "pseudo_label": [{"kind": "pseudo_label", "rounds": 2, **SHARE}],
    "noisy_student": [{"kind": "noisy_student", "student": SMALL, "rounds": 2, **SHARE}],
    "pretrain": [{"kind": "pretrain", "data": FEW}],
    "ssl_pretrain": [{"kind": "ssl_pretrain"}],
    "together": [{"kind": "ssl_pretrain"}, {"kind": "pseudo_label", **SHARE}, {"kind": "born_again"}],
}


def stages_of(recipes: list[dict[str, Any]]) -> tuple[StageSpec, ...]:
    fields = digits_stage(data=FEW, budget={"epochs": 2, "batch_size": 64}).model_dump(exclude={"name", "task", "init"})
    bare = ExperimentSpec.model_validate(fields)
    return ExperimentSpec.model_validate(fields | {"recipes": recipes}).expand(bare).stages


def train(
    stages: tuple[StageSpec, ...], folder: Path, lab: Lab, *, cut: bool
) -> dict[str, tuple[StageJob, StageResult]]:
    """Each stage from the files of those before it, as the recorder leaves them."""
    done: dict[str, tuple[StageJob, StageResult]] = {}

    def power_cut(report: EpochReport) -> None:
        if report.epoch == CUT_IN_EPOCH:
            raise PowerCut

    for spec in stages:
        job = stage_job(spec, folder, ancestors={name: done[name][0].key for name in spec.needs()})
        data = lab.data_of(spec)
        if cut:
            with pytest.raises(PowerCut):
                train_alone(job, data, power_cut)
            assert not job.model_path(job.key).exists(), "nothing that a later stage could take for a result"
        done[spec.name] = job, train_alone(job, data)
        (job.runs_dir / job.key / "spec.json").write_text(spec.model_dump_json())
    return done


def test_every_recipe_is_here() -> None:
    assert {recipe["kind"] for recipes in WORK.values() for recipe in recipes} == set(RECIPES)


@pytest.mark.parametrize("name", WORK)
def test_cut_in_every_stage_and_resumed_is_never_cut(name: str, lab: Lab, tmp_path: Path) -> None:
    stages = stages_of(WORK[name])
    assert len(stages) > 1
    whole = train(stages, tmp_path / "whole", lab, cut=False)
    cut = train(stages, tmp_path / "cut", lab, cut=True)
    for stage, (job, result) in whole.items():
        resumed_job, resumed = cut[stage]
        assert re.search(rf"resumed after epoch {CUT_IN_EPOCH - 1}\b", resumed.log), stage
        expect_same_run(resumed_job, resumed, job, result)
