from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.experiment import StageList
from pipeline.recipes.experiment import RECIPES, ExperimentSpec, card_of
from pipeline.spec.model import Timm
from pipeline.strategies import CATALOGUE
from pipeline.strategies.distill import DistillConfig
from tests.pipeline.stages import digits_stage, example

RECIPE: dict[str, Any] = {"kind": "teacher_student", "teacher": {"name": "resnet34"}, "temperature": 2.0, "weight": 0.7}


def experiment(
    *strategies: dict[str, Any], recipes: list[dict[str, Any]] | None = None, **changes: Any
) -> ExperimentSpec:
    fields = digits_stage(*strategies).model_dump(exclude={"name", "task", "init"})
    return ExperimentSpec.model_validate(fields | {"recipes": recipes or []} | changes)


BARE = experiment()


def test_without_recipes_a_trial_is_one_stage() -> None:
    assert experiment(example("mixup")).expand(BARE) == StageList(stages=(digits_stage(example("mixup")),))


def test_the_teacher_comes_first_and_the_student_distils_it() -> None:
    teacher, student = experiment(example("mixup"), recipes=[RECIPE]).expand(BARE).stages
    assert (teacher.name, student.name) == ("teacher", "main")
    assert teacher.model == Timm(name="resnet34"), "a timm name is enough"
    assert teacher.strategies == ()
    assert (teacher.optimizer, teacher.budget, teacher.data) == (BARE.optimizer, BARE.budget, BARE.data)
    assert teacher.schedule.kind == "cosine"
    assert [s.kind for s in student.strategies] == ["mixup", "distill"]
    distill = student.strategies[-1]
    assert isinstance(distill, DistillConfig)
    assert (distill.temperature, distill.weight, distill.needs()) == (2.0, 0.7, ("teacher",))
    assert student.needs() == ("teacher",)
    assert teacher.needs() == ()


def test_no_factor_of_the_student_changes_the_teacher() -> None:
    """So every arm of a seed shares one teacher."""
    arms = [
        experiment(recipes=[RECIPE]),
        experiment(example("mixup"), example("label_smoothing"), recipes=[RECIPE]),
        experiment(recipes=[RECIPE], optimizer={"kind": "adamw"}, schedule={"kind": "cosine"}, precision="bf16"),
    ]
    identities = {arm.expand(BARE).stages[0].identity("f", {}) for arm in arms}
    assert len(identities) == 1
    students = {arm.expand(BARE).stages[-1].identity("f", {"teacher": "t"}) for arm in arms}
    assert len(students) == 3


def test_the_teacher_may_have_its_own_recipe() -> None:
    recipe = RECIPE | {"epochs": 9, "optimizer": {"kind": "adamw"}, "strategies": [{"kind": "mixup"}]}
    teacher, student = experiment(recipes=[recipe]).expand(BARE).stages
    assert (teacher.budget.epochs, student.budget.epochs) == (9, 3)
    assert teacher.budget.batch_size == BARE.budget.batch_size
    assert teacher.optimizer.kind == "adamw"
    assert [s.kind for s in teacher.strategies] == ["mixup"]


@pytest.mark.parametrize(
    ("recipes", "message"),
    [
        ([{"kind": "teecher"}], "item 0: there is no recipe 'teecher'; known recipes: teacher_student"),
        ([RECIPE, RECIPE], "each kind may appear once"),
        ([{"kind": "teacher_student"}], "teacher"),
        ([RECIPE | {"strategies": [{"kind": "mixpu"}]}], "did you mean 'mixup'"),
    ],
)
def test_faults_say_where_and_what(recipes: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        experiment(recipes=recipes)


def test_a_student_cannot_distil_twice() -> None:
    with pytest.raises(ValidationError, match="stage 'main' needs stage 'teacher'"):
        experiment(example("distill"), recipes=[RECIPE]).expand(BARE)


def test_an_experiment_survives_json() -> None:
    spec = experiment(example("mixup"), recipes=[RECIPE])
    assert ExperimentSpec.model_validate_json(spec.model_dump_json()) == spec


def test_every_kind_has_a_card() -> None:
    for kind in (*CATALOGUE, *RECIPES):
        card = card_of(kind)
        assert card is not None
        assert card.title
    assert card_of("nothing") is None


def test_an_ensemble_has_a_stage_for_each_teacher_and_equal_ones_differ_by_their_luck() -> None:
    small = {"kind": "small_cnn", "width": 8}
    recipe = RECIPE | {"teacher": [{"name": "resnet34"}, small, small]}
    *teachers, student = experiment(recipes=[recipe]).expand(BARE).stages
    assert [teacher.name for teacher in teachers] == ["teacher", "teacher_2", "teacher_3"]
    assert [teacher.model.kind for teacher in teachers] == ["timm", "small_cnn", "small_cnn"]
    assert len({teacher.identity("f", {}) for teacher in teachers}) == 3
    assert [[s.kind for s in teacher.strategies] for teacher in teachers] == [[], [], ["placebo"]]
    assert student.needs() == ("teacher", "teacher_2", "teacher_3")
    alone = experiment(recipes=[RECIPE]).expand(BARE).stages[0]
    assert teachers[0].identity("f", {}) == alone.identity("f", {}), "and is shared with an arm that has it alone"


@pytest.mark.parametrize(("how", "kind"), [("soft", "distill"), ("hard", "hard_distill"), ("features", "feature_hint")])
def test_how_the_student_learns(how: str, kind: str) -> None:
    teacher, student = experiment(recipes=[RECIPE | {"how": how}]).expand(BARE).stages
    assert [s.kind for s in student.strategies] == [kind]
    assert student.strategies[0].model_dump()["weight"] == 0.7
    assert student.needs() == (teacher.name,)


def test_hints_come_from_one_teacher() -> None:
    with pytest.raises(ValidationError, match="how: features learns from one teacher"):
        experiment(recipes=[RECIPE | {"how": "features", "teacher": [{"name": "resnet34"}, {"name": "resnet50"}]}])
