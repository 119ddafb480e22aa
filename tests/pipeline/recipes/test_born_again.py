from itertools import combinations
from typing import Any

import pytest

from pipeline.recipes.experiment import RECIPES
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


FEW = {"kind": "digits", "labeled_frac": 0.2}
CHANGES = {  # what shows most: a network of its own
    "teacher_student": {"teacher": {"kind": "small_cnn", "width": 6}},
    "noisy_student": {"student": {"kind": "small_cnn", "width": 9}},
}


def made_of(recipes: list[dict[str, Any]]) -> tuple[str, dict[str, str]] | str:
    """Identity of the arm's last stage and of every stage by name, or why there is no such arm."""
    bare = experiment(data=FEW)
    try:
        stages = experiment(example("normalization"), recipes=recipes, data=FEW).expand(bare).stages
    except Impossible as error:
        return str(error)
    found: dict[str, str] = {}
    for stage in stages:
        found[stage.name] = stage.identity("f", found)
    return found[stages[-1].name], found


@pytest.mark.parametrize("pair", [*combinations(RECIPES, 2)], ids="-".join)
def test_the_order_in_which_recipes_are_written_does_not_matter(pair: tuple[str, str]) -> None:
    recipes = [RECIPES[kind].example().model_dump(mode="json") | CHANGES.get(kind, {}) for kind in pair]
    assert made_of(recipes) == made_of(recipes[::-1])


def test_every_generation_has_the_arms_other_recipes() -> None:
    """So the first is the arm without this recipe, and shares its runs."""
    ssl = {"kind": "ssl_pretrain"}
    _, alone = made_of([ssl])
    _, both = made_of([{"kind": "born_again"}, ssl])
    assert (both["pretrain"], both["generation_1"]) == (alone["pretrain"], alone["main"])  # type: ignore[index]
    assert list(both) == ["pretrain", "generation_1", "main"]


def test_what_is_pretrained_is_the_network_that_is_trained() -> None:
    recipes = [{"kind": "ssl_pretrain"}, {"kind": "noisy_student", "student": {"kind": "small_cnn", "width": 9}}]
    first, *_, last = experiment(recipes=recipes, data=FEW).expand(experiment(data=FEW)).stages
    assert first.name == "pretrain"
    assert first.model == last.model != BARE.model
