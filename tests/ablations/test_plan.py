import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from ablations.grid.spec import GridSpec
from ablations.planning.planned import Planned, unique_runs
from pipeline.experiment import StageSpec
from pipeline.spec.errors import SpecError
from pipeline.spec.study import Arm, PlannedStage, StudyPlan
from tests.ablations.grids import COSINE, DISTILL, MIXUP, SMOOTHING, grid, made_up_listing, plan_of

THREE = {"mixup": MIXUP, "smoothing": SMOOTHING, "cosine": COSINE}
PLACEBO = {"strategies": [{"kind": "placebo"}]}


def final(planned: Planned, arm: str) -> str:
    return planned.plan.arm(arm).final.stage_hash


def hashes(planned: Planned) -> dict[str, tuple[str, ...]]:
    return {arm.name: tuple(stage.stage_hash for stage in arm.stages) for arm in planned.plan.arms}


@pytest.mark.parametrize(
    ("fields", "num_stages"),
    [
        # k = 3, both ways: bare, 3 alone, 3 missing, full
        ({"factors": THREE}, 8),
        # k = 2: removing one of two is adding the other
        ({"factors": {"mixup": MIXUP, "smoothing": SMOOTHING}}, 4),
        # k = 1: full is the factor alone, and full without it is bare
        ({"factors": {"mixup": MIXUP}}, 2),
        ({"factors": THREE, "design": {"kind": "add_one_in"}}, 5),
        ({"factors": THREE, "controls": {"placebo": PLACEBO}}, 9),
        # 8 arms, 4 of them distilled by the one teacher
        ({"factors": {"mixup": MIXUP, "smoothing": SMOOTHING, "distill": DISTILL}}, 9),
        # a factor that changes nothing: "without it" is full, "with it" is bare
        ({"factors": {"mixup": MIXUP, "smoothing": SMOOTHING, "same": {"optimizer.lr": 0.1}}}, 4),
    ],
)
@pytest.mark.parametrize("seeds", [[0], [0, 5]])
def test_each_distinct_stage_is_trained_once_per_seed(fields: dict, num_stages: int, seeds: list[int]) -> None:
    planned = plan_of(grid(**fields, seeds=seeds))
    assert len(planned.runs) == num_stages * len(seeds)
    counted = Counter((run.stage.stage_hash, run.seed) for run in planned.runs)
    assert set(counted.values()) == {1}
    wanted = {(stage, seed) for arm in hashes(planned).values() for stage in arm for seed in seeds}
    assert set(counted) == wanted
    assert planned.num_reused == sum(map(len, hashes(planned).values())) * len(seeds) - len(planned.runs)


def test_two_factors_both_ways_share_their_arms() -> None:
    planned = plan_of(grid(factors={"a": MIXUP, "b": SMOOTHING}))
    assert final(planned, "-a") == final(planned, "+b")
    assert final(planned, "-b") == final(planned, "+a")
    assert len({final(planned, arm) for arm in ("bare", "+a", "+b", "full")}) == 4


def test_a_run_knows_every_arm_it_serves() -> None:
    planned = plan_of(grid(factors={"a": MIXUP, "b": SMOOTHING}, seeds=[3]))
    serves = {run.stage.stage_hash: set(run.arms) for run in planned.runs}
    assert serves[final(planned, "+a")] == {"+a", "-b"}
    assert serves[final(planned, "bare")] == {"bare"}


@pytest.mark.parametrize(
    "patch",
    [
        {"optimizer.lr": 0.1},
        {"optimizer": {"kind": "sgd", "lr": 0.1}},
        {"schedule": {"kind": "constant"}},
        {"data": {"on_bad_image": "fail"}},
        {"precision": "fp32"},  # what auto becomes on this hardware
    ],
)
def test_a_factor_that_changes_nothing_has_the_hash_of_bare(patch: dict) -> None:
    planned = plan_of(grid(factors={"nothing": patch}))
    assert final(planned, "+nothing") == final(planned, "bare")


@pytest.mark.parametrize("patch", [MIXUP, COSINE, PLACEBO, {"optimizer.lr": 0.2}, {"model.width": 5}, DISTILL])
def test_a_factor_that_changes_something_has_another_hash(patch: dict) -> None:
    planned = plan_of(grid(factors={"something": patch}))
    assert final(planned, "+something") != final(planned, "bare")


def renamed(**changes: Any) -> GridSpec:
    fields: dict[str, Any] = {"factors": {"mixup": MIXUP, "distill": DISTILL}, "controls": {"placebo": PLACEBO}}
    return grid(**(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"study": "another-name"},
        {"question": "why?", "notes": "because"},
        {"factors": {"blend": MIXUP, "teach": DISTILL}},
        {"controls": {"nothing": PLACEBO}},
        {"seeds": [9]},
        {"metric": {"name": "nll", "delta": 0.01}},
        {"resources": {"lanes": 2, "cpus_per_worker": 0.25, "threads_per_worker": 2}},
        {"max_runs": 20},
    ],
)
def test_names_seeds_and_resources_change_no_stage(changes: dict) -> None:
    assert list(hashes(plan_of(renamed(**changes))).values()) == list(hashes(plan_of(renamed())).values())


def test_where_the_data_lies_is_not_part_of_a_stage_but_what_it_holds_is() -> None:
    def at(path: str, salt: str = "") -> dict[str, tuple[str, ...]]:
        spec = grid({"data": {"kind": "image_folder", "path": path, "image_size_px": 16}}, factors={"mixup": MIXUP})
        return hashes(plan_of(spec, made_up_listing(fingerprint_salt=salt)))

    assert at("/here") == at("/there")
    assert set(at("/here").values()).isdisjoint(at("/here", "other bytes").values())


def test_another_teacher_is_another_student_and_an_undistilled_arm_stays() -> None:
    def distilled(width: int) -> Planned:
        recipe = {"kind": "teacher_student", "teacher": {"kind": "small_cnn", "width": width}}
        return plan_of(grid(factors={"distill": {"recipes": [recipe]}}))

    small, large = distilled(8), distilled(12)
    assert [stage.name for stage in small.plan.arm("full").stages] == ["teacher", "main"]
    assert hashes(small)["bare"] == hashes(large)["bare"]
    for old, new in zip(hashes(small)["full"], hashes(large)["full"], strict=True):
        assert old != new
    teacher, student = small.plan.arm("full").stages
    assert student.needs == {"teacher": teacher.stage_hash}
    assert student.spec == large.plan.arm("full").final.spec, "only what the name stands for differs"


def test_seeds_come_in_blocks_with_ancestors_first_and_each_seed_has_its_own_teacher() -> None:
    planned = plan_of(grid(factors={"mixup": MIXUP, "distill": DISTILL}, seeds=[4, 2]))
    assert [run.seed for run in planned.runs] == sorted((run.seed for run in planned.runs), reverse=True)
    done: set[str] = set()
    for run in planned.runs:
        assert set(run.needs.values()) <= done
        assert all(key.endswith(f"-{run.seed}") for key in run.needs.values())
        done.add(run.key)
    blocks = [[run.stage.stage_hash for run in planned.runs if run.seed == seed] for seed in (4, 2)]
    assert blocks[0] == blocks[1], "the order within a seed is the same after a restart"


def test_a_chain_of_ancestors_comes_in_order_whatever_the_hashes() -> None:
    spec = plan_of(grid(factors={"m": MIXUP})).runs[0].spec
    for names in ("abc", "cba", "bca"):  # hashes in every relation to the order of need
        chain = [PlannedStage(name=name, stage_hash=name * 64, spec={}) for name in names]
        chain = [chain[0]] + [
            stage.model_copy(update={"needs": {before.name: before.stage_hash}}) for before, stage in pairwise(chain)
        ]
        arm = Arm(name="full", factors=(), stages=tuple(chain), recipe={})
        specs: dict[str, StageSpec] = dict.fromkeys((stage.stage_hash for stage in chain), spec)
        keys = dict.fromkeys(specs, "data")
        assert [run.stage.name for run in unique_runs([arm], specs, keys, (0,))] == list(names)


@pytest.mark.parametrize(
    ("base", "fields", "message"),
    [
        ({"model": {"kind": "timm", "name": "resnet10tt"}}, {}, r"arm bare.*model\.name: .*'resnet10tt'.*resnet10t\b"),
        ({"budget": {"batch_size": 61}}, {}, r"budget\.batch_size=61 is larger than the training split \(60 images\)"),
        (
            {"strategies": [{"kind": "data_fraction", "frac": 0.3}]},
            {},
            r"batch_size=20 is larger than the training split \(60 images, of which data_fraction keeps 18\)",
        ),
        (
            {"strategies": [{"kind": "progressive_resizing", "from_px": 8, "batch": "by_pixels"}]},
            {},
            r"batch_size=20, which progressive_resizing raises to 80, is larger than the training split",
        ),
        ({"model": {"kind": "small_cnn", "num_classes": 3}}, {}, r"model\.num_classes=3, but the data has 4 classes"),
        ({}, {"resources": {"workers_per_trial": 2}}, r"workers_per_trial=2 cannot share budget\.num_shards=1"),
        ({}, {"max_runs": 5}, r"the plan has 6 training runs, more than max_runs=5"),
        ({"optimizer": {"kind": "timm", "name": "lambb", "lr": 0.1}}, {}, r"optimizer\.name: .*'lambb'.*lamb\b"),
        (
            {"optimizer": {"kind": "timm", "name": "adagrad", "lr": 0.1}, "schedule": {"kind": "one_cycle"}},
            {},
            "schedule: one_cycle cycles the momentum, but Adagrad has neither",
        ),
        (
            {},
            {"factors": {"d": {"strategies": [{"kind": "distill", "teacher": {"stage": "teacher"}}]}}},
            r"arm \+d: stage 'main' needs stage 'teacher', but the earlier stages are \[\]",
        ),
        (
            {
                "model": {"kind": "timm", "name": "vit_tiny_patch16_224"},
                "data": {"kind": "image_folder", "path": "photos", "image_size_px": 224},
            },
            {"factors": {"t": {"strategies": [{"kind": "tta", "views": [{"kind": "scales"}]}]}}},
            r"arm \+t.*does not take images of 196 px: .*the sizes of progressive_resizing and tta",
        ),
        ({}, {"factors": {"big": {"budget.batch_size": 80}}}, r"arm \+big, stage main: budget\.batch_size=80"),
    ],
)
def test_what_only_data_and_libraries_can_tell_is_refused_by_arm_and_field(
    base: dict, fields: dict, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        plan_of(grid(base, **({"factors": {"mixup": MIXUP}} | fields)))


def test_a_head_larger_than_the_data_and_a_batch_of_everything_are_allowed() -> None:
    base = {"model": {"kind": "small_cnn", "num_classes": 9}, "budget": {"batch_size": 60}}
    assert len(plan_of(grid(base, factors={"mixup": MIXUP}, max_runs=6)).runs) == 6


def test_the_plan_holds_what_was_promised_and_survives_json() -> None:
    planned = plan_of(grid(factors={"mixup": MIXUP, "distill": DISTILL}, controls={"placebo": PLACEBO}))
    plan = planned.plan
    assert plan.data.num_samples == {"train": 60, "val": 40, "test": 20}
    assert plan.data.notes == ("made up",)
    assert {name: card.title for name, card in plan.cards.items()}.keys() == {"mixup", "distill", "placebo"}
    assert plan.arm("full").recipe["strategies"] == MIXUP["strategies"]
    assert StudyPlan.model_validate(json.loads(plan.model_dump_json())) == plan


def test_factors_that_set_fields_have_cards_too_and_a_factor_may_have_several() -> None:
    factors = {
        "cosine": {"schedule": {"kind": "cosine", "warmup_epochs": 1}},
        "adam": {"optimizer": {"kind": "adamw", "lr": 0.001}},
        "both": {"strategies": MIXUP["strategies"], "model.drop_rate": 0.1},
        "faster": {"data.val_frac": 0.5},
    }
    cards = plan_of(grid(factors=factors)).plan.cards
    assert {name: card.title for name, card in cards.items()} == {
        "cosine": "Cosine decay",
        "cosine: warmup": "Warm-up",
        "adam": "AdamW",
        "both": "Mixup",
        "both: dropout": "Dropout",
    }


def test_two_factors_may_each_bring_a_trick_of_ones_own_with_its_card() -> None:
    tricks = "tests.pipeline.contract.tricks"
    mine, yours = (
        {"strategies": [{"kind": "custom", "target": f"{tricks}:{name}Config"}]} for name in ("Brighten", "Calm")
    )
    plan = plan_of(grid(factors={"mine": mine, "yours": yours})).plan
    assert {name: card.title for name, card in plan.cards.items()} == {"mine": "Brighten", "yours": "Calm"}
    full = plan.arm("full")
    assert full.recipe["strategies"] == mine["strategies"] + yours["strategies"]
    assert [s["options"] for s in full.final.spec["strategies"]] == [{"strength": 0.5}, {}]
    assert len({arm.final.stage_hash for arm in plan.arms}) == 4


def test_images_of_two_sizes_are_prepared_apart_and_augmentation_shares_them() -> None:
    planned = plan_of(grid(factors={"flip": {"data.augment.horizontal_flip_prob": 0.5}}))
    assert len(planned.data) == 1
    planned = plan_of(grid(factors={"large": {"data.prepared_px": 16}}))
    assert len(planned.data) == 2
    assert {run.data_key for run in planned.runs} == set(planned.data)


def test_auto_leaves_room_for_teachers() -> None:
    """8 arms and their one teacher with 2 seeds are 18 runs; 17 carry only bare, full, three arms and the teacher."""
    factors = {"mixup": MIXUP, "smoothing": SMOOTHING, "distill": DISTILL}
    room = plan_of(grid(factors=factors, design="auto", seeds=2, max_runs=18))
    assert "auto chose full_factorial" in room.plan.design_notes[0] and len(room.runs) == 18
    less = plan_of(grid(factors=factors, design="auto", seeds=2, max_runs=17))
    assert "auto chose add_one_in" in less.plan.design_notes[0] and len(less.runs) == 12
