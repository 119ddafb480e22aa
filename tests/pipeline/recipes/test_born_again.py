import pytest

from pipeline.spec.errors import Impossible
from pipeline.strategies.distill import DistillConfig
from tests.pipeline.recipes.test_teacher_student import BARE, RECIPE, experiment
from tests.pipeline.stages import example


def test_the_first_generation_is_the_arm_without_the_recipe() -> None:
    first, last = experiment(example("mixup"), recipes=[{"kind": "born_again"}]).expand(BARE).stages
    (plain,) = experiment(example("mixup")).expand(BARE).stages
    assert first.identity("f", {}) == plain.identity("f", {}), "so its runs are shared"
    assert [s.kind for s in last.strategies] == ["mixup", "distill"]
    assert last.needs() == (first.name,)
    distill = last.strategies[-1]
    assert isinstance(distill, DistillConfig)
    assert (distill.temperature, distill.weight) == (1.0, 0.5)


def test_generations_follow_each_other_with_one_recipe() -> None:
    stages = experiment(recipes=[{"kind": "born_again", "generations": 3}]).expand(BARE).stages
    assert [stage.name for stage in stages] == ["generation_1", "generation_2", "generation_3", "main"]
    assert [stage.needs() for stage in stages] == [(), ("generation_1",), ("generation_2",), ("generation_3",)]
    assert all(stage.model == BARE.model for stage in stages)
    two = experiment(recipes=[{"kind": "born_again", "generations": 2}]).expand(BARE).stages
    shared = [
        stages[i].identity("f", {"generation_1": "a"}) == two[i].identity("f", {"generation_1": "a"}) for i in (0, 1)
    ]
    assert shared == [True, True]


def test_it_starts_from_what_the_arm_starts_from() -> None:
    spec = experiment(recipes=[{"kind": "born_again"}], init={"kind": "from_file", "path": "w.pt", "sha256": "a" * 64})
    assert {stage.init.kind for stage in spec.expand(BARE).stages} == {"from_file"}


@pytest.mark.parametrize("order", [1, -1])
def test_two_recipes_that_distil_cannot_be_in_one_arm(order: int) -> None:
    recipes = [{"kind": "born_again"}, RECIPE][::order]
    with pytest.raises(Impossible, match="adds distill to stage 'main', which has it already"):
        experiment(recipes=recipes).expand(BARE)
