"""Recipes that bring labels from an earlier stage: pseudo_label and noisy_student."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.experiment import StageSpec
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.errors import Impossible
from pipeline.strategies.pseudo_labels import MinConfidence, PseudoLabelsConfig, TopShare
from tests.pipeline.recipes.test_teacher_student import experiment
from tests.pipeline.stages import example

FEW = {"kind": "digits", "labeled_frac": 0.2}
WIDE = {"kind": "small_cnn", "width": 9, "drop_rate": 0.2}
BARE = experiment(data=FEW)


def arm(*strategies: dict[str, Any], **recipe: Any) -> ExperimentSpec:
    return experiment(*strategies, recipes=[recipe], data=FEW)


def hashes(spec: ExperimentSpec) -> list[str]:
    found: dict[str, str] = {}
    for stage in spec.expand(BARE).stages:
        found[stage.name] = stage.identity("f", found)
    return list(found.values())


def labels_of(stage: StageSpec) -> PseudoLabelsConfig:
    (config,) = (s for s in stage.strategies if isinstance(s, PseudoLabelsConfig))
    return config


def test_the_bare_recipe_labels_and_its_runs_are_shared() -> None:
    (bare,) = hashes(BARE)
    first, last = hashes(arm(kind="pseudo_label"))
    assert first == bare != last
    assert hashes(arm(example("mixup"), kind="pseudo_label"))[0] == bare, "no factor of the arm changes who labels"
    assert hashes(arm(kind="noisy_student"))[0] == bare


def test_every_round_is_labelled_by_the_one_before() -> None:
    recipe = {"kind": "pseudo_label", "select": {"kind": "top_share", "share": 0.4}}
    stages = arm(example("mixup"), **recipe, rounds=3).expand(BARE).stages
    assert [stage.name for stage in stages] == ["labels_1", "labels_2", "labels_3", "main"]
    assert [stage.needs() for stage in stages] == [(), ("labels_1",), ("labels_2",), ("labels_3",)]
    assert all(labels_of(stage).select == TopShare(share=0.4) for stage in stages[1:])
    assert [s.kind for s in stages[2].strategies] == ["pseudo_labels"], "the rounds before the last are bare's"
    assert [s.kind for s in stages[3].strategies] == ["pseudo_labels", "mixup"]
    assert hashes(arm(**recipe, rounds=3))[:2] == hashes(arm(**recipe, rounds=2))[:2], "rounds share their beginning"


def test_students_have_noise_and_the_network_that_was_asked_for_and_the_teacher_has_neither() -> None:
    stages = arm(kind="noisy_student", student=WIDE, rounds=2).expand(BARE).stages
    assert [stage.name for stage in stages] == ["noisy_teacher", "noisy_student_1", "main"]
    teacher, *students = stages
    assert (teacher.model, teacher.strategies) == (BARE.model, ())
    for student in students:
        assert student.model.model_dump(exclude={"num_classes"}) == WIDE
        assert [s.kind for s in student.strategies] == ["pseudo_labels", "rand_augment"]
        assert (labels_of(student).soft, labels_of(student).select) == (True, MinConfidence(min_confidence=0.3))
    assert [stage.needs() for stage in stages] == [(), ("noisy_teacher",), ("noisy_student_1",)]


def test_noise_that_the_arm_has_already_is_its_own() -> None:
    own = example("rand_augment") | {"magnitude": 3}
    main = arm(own, kind="noisy_student").expand(BARE).stages[-1]
    (noise,) = (s for s in main.strategies if s.kind == "rand_augment")
    assert noise.model_dump()["magnitude"] == 3


@pytest.mark.parametrize("kind", ["pseudo_label", "noisy_student"])
def test_without_unlabelled_images_such_an_arm_cannot_be(kind: str) -> None:
    with pytest.raises(ValidationError, match="no unlabelled images"):
        experiment(recipes=[{"kind": kind}]).expand(experiment())


def test_labels_of_two_teachers_cannot_be_in_one_arm() -> None:
    both = experiment(recipes=[{"kind": "pseudo_label"}, {"kind": "noisy_student"}], data=FEW)
    with pytest.raises(Impossible, match="noisy_student adds pseudo_labels to stage 'main', which has it already"):
        both.expand(BARE)


def test_a_student_of_two_kinds_of_teachers_can_be() -> None:
    recipes = [{"kind": "pseudo_label"}, {"kind": "teacher_student", "teacher": WIDE}]
    stages = experiment(recipes=recipes, data=FEW).expand(BARE).stages
    assert [stage.name for stage in stages] == ["teacher", "labels_1", "main"]
    assert set(stages[-1].needs()) == {"labels_1", "teacher"}
