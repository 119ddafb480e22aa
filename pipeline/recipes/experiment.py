"""The experiment as a person writes it, and the stages it stands for."""

from typing import Annotated, Any, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from pipeline.experiment import StageList, StageSpec, Training
from pipeline.recipes.base import RecipeConfig
from pipeline.recipes.born_again import BornAgainConfig
from pipeline.recipes.noisy_student import NoisyStudentConfig
from pipeline.recipes.pretrain import PretrainConfig
from pipeline.recipes.pseudo_label import PseudoLabelConfig
from pipeline.recipes.ssl_pretrain import SslPretrainConfig
from pipeline.recipes.teacher_student import TeacherStudentConfig
from pipeline.spec.card import Card
from pipeline.strategies import CATALOGUE
from pipeline.strategies.custom import load_trick

AnyRecipe = Annotated[
    TeacherStudentConfig
    | PseudoLabelConfig
    | NoisyStudentConfig
    | PretrainConfig  # behind those that may choose another network: its weights must fit the one that is trained
    | SslPretrainConfig
    | BornAgainConfig,  # the last: a generation is the arm with all its other recipes
    Field(discriminator="kind"),
]
"""The order here is the order of application, whatever was written: equal sets make equal stages."""

RECIPES: dict[str, type[RecipeConfig]] = {
    recipe.model_fields["kind"].default: recipe for recipe in get_args(get_args(AnyRecipe)[0])
}


def _known_recipes(value: Any) -> Any:
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            kind = item.get("kind") if isinstance(item, dict) else None
            if isinstance(kind, str) and kind not in RECIPES:
                raise ValueError(f"item {i}: there is no recipe {kind!r}; known recipes: {', '.join(RECIPES)}")
    return value


class ExperimentSpec(Training):
    """One trial: what to train, on what, with which strategies and recipes."""

    recipes: Annotated[tuple[AnyRecipe, ...], BeforeValidator(_known_recipes)] = ()

    @model_validator(mode="after")
    def _recipes_once(self) -> Self:
        kinds = [recipe.kind for recipe in self.recipes]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"recipes: {kinds}; each kind may appear once")
        order = list(RECIPES)
        ordered = tuple(sorted(self.recipes, key=lambda recipe: order.index(recipe.kind)))
        if ordered != self.recipes:
            object.__setattr__(self, "recipes", ordered)  # still under construction
        return self

    def training(self) -> Training:
        """Without the recipes."""
        return Training(**{name: getattr(self, name) for name in Training.model_fields})

    def expand(self, bare: "ExperimentSpec") -> StageList:
        """The stages of this trial; `bare` is the experiment without any factor."""
        main = StageSpec(**{name: getattr(self, name) for name in Training.model_fields})
        trial = StageList(stages=(main,))
        for recipe in self.recipes:
            trial = recipe.expand(trial, bare.training())
        return trial


def card_of(name: str) -> Card | None:
    """The card of a strategy or recipe, by its kind, or by the target of a strategy of one's own."""
    if ":" in name:
        return load_trick(name).card
    known = {**CATALOGUE, **RECIPES}
    return known[name].card if name in known else None
