"""A trick of one's own: a strategy that lives outside this project, named by its import path."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, field_validator
from pydantic_core import InitErrorDetails
from torch import nn

from pipeline.spec.card import Card
from pipeline.spec.errors import SpecError
from pipeline.spec.targets import load_target, source_hash
from pipeline.strategies.base import Strategy, StrategyConfig, TrainingFields

CARD = Card(
    title="A trick of one's own",
    family="your own",
    idea="Names a subclass of StrategyConfig in your own code; its hooks, card and checks count like the catalogue's.",
    helps_when="What you want to know about is not in the catalogue: write it in your own file, without a fork.",
    pitfalls=(
        "Run `ablate check` on it first: a trick that forgets its state, or draws from a global generator, is not "
        "the same trick after an interruption.",
        "It is applied after what the catalogue does to batches and loss, before what averages or calibrates weights; "
        "several of them in the order of their targets.",
        "An edit of its source makes new runs. Installed packages that it imports are not followed: raise its "
        "`version` when one of them changes what it does.",
    ),
)
EXAMPLE = "pipeline.strategies.label_smoothing:LabelSmoothingConfig"  # any strategy will do


def load_trick(target: str, source: str | None = None) -> type[StrategyConfig]:
    """The config class that a target names.

    Args:
        target: `package.module:Name`.
        source: the hash that its source must have; None: whatever is there.

    Raises:
        SpecError: it cannot be imported, is something else, or is incomplete.
    """
    found = load_target(target, source)
    if not (isinstance(found, type) and issubclass(found, StrategyConfig)):
        what = f"the class {found.__name__}" if isinstance(found, type) else f"a {type(found).__name__}"
        raise SpecError(f"target {target!r}: is {what}; expected a subclass of pipeline.strategies.base.StrategyConfig")
    runtime, card = getattr(found, "runtime", None), getattr(found, "card", None)
    if not isinstance(card, Card):
        raise SpecError(f"target {target!r}: has no card; give the class `card: ClassVar[Card] = Card(title=...)`")
    if not (isinstance(runtime, type) and issubclass(runtime, Strategy)):
        raise SpecError(
            f"target {target!r}: has no runtime; give the class `runtime: ClassVar[type[Strategy]] = ...`, a subclass "
            "of pipeline.strategies.base.Strategy with the hooks"
        )
    if found.model_fields["kind"].is_required():
        raise SpecError(f'target {target!r}: has no kind; give the class `kind: Literal["my_trick"] = "my_trick"`')
    return found


def build_trick(trick: type[StrategyConfig], options: dict[str, Any]) -> StrategyConfig:
    """The user's own config.

    Raises:
        ValidationError: an option is unknown, missing or impossible; located within the options.
    """
    unknown = [name for name in options if name not in trick.model_fields or name == "kind"]
    if unknown:  # in pydantic's own words nobody would learn which options there are
        known = ", ".join(name for name in trick.model_fields if name != "kind") or "none"
        faults = [
            InitErrorDetails(
                type="value_error",
                loc=(name,),
                input=options[name],
                ctx={"error": ValueError(f"there is no such option; {trick.__name__} has: {known}")},
            )
            for name in unknown
        ]
        raise ValidationError.from_exception_data(trick.__name__, faults)
    return trick.model_validate(options)


def options_of(trick: StrategyConfig) -> dict[str, Any]:
    """Every option with its value, as `build_trick` takes them."""
    return trick.model_dump(mode="json", exclude={"kind"})


class CustomConfig(StrategyConfig):
    """Switches on the strategy that `target` names."""

    kind: Literal["custom"] = "custom"
    target: str = Field(description="package.module:Name of a subclass of StrategyConfig; run from its folder")
    source: str | None = Field(None, description="hash of its source: filled in; if given, it must be that")
    options: dict[str, Any] = Field(default={}, description="its fields; defaults are filled in")
    card: ClassVar[Card] = CARD
    runtime: ClassVar[type[Strategy]] = Strategy
    _trick: StrategyConfig = PrivateAttr()

    @field_validator("target")
    @classmethod
    def _is_a_trick(cls, target: str) -> str:
        load_trick(target)
        return target

    @field_validator("source")
    @classmethod
    def _source_is_current(cls, source: str | None, info: ValidationInfo) -> str | None:
        if "target" not in info.data:
            return source  # has a fault of its own
        target = info.data["target"]
        load_trick(target, source)
        return source or source_hash(target)

    @field_validator("options")
    @classmethod
    def _options_fit(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if info.data.get("source") is None:
            return options  # the target has a fault
        return options_of(build_trick(load_trick(info.data["target"], info.data["source"]), options))

    def model_post_init(self, context: Any) -> None:
        """Build the user's own config once; that it can be built was checked."""
        super().model_post_init(context)
        self._trick = build_trick(load_trick(self.target, self.source), self.options)

    @classmethod
    def of(cls, target: str, trick: StrategyConfig) -> Self:
        """The entry of a recipe for a config of the target's class."""
        return cls(target=target, options=options_of(trick))

    @classmethod
    def example(cls) -> Self:
        """A strategy of the catalogue by its import path."""
        return cls.of(EXAMPLE, load_trick(EXAMPLE).example())

    @classmethod
    def neutral(cls) -> Self | None:
        """The example's."""
        neutral = load_trick(EXAMPLE).neutral()
        return None if neutral is None else cls.of(EXAMPLE, neutral)

    @classmethod
    def setting(cls) -> dict[str, Any]:
        """The example's."""
        return load_trick(EXAMPLE).setting()

    @property
    def key(self) -> str:
        """Its target: several tricks may go together."""
        return self.target

    @property
    def trick(self) -> StrategyConfig:
        """The user's own config."""
        return self._trick

    def needs(self) -> tuple[str, ...]:
        """What the trick needs."""
        return self._trick.needs()

    def fault(self, training: TrainingFields) -> str | None:
        """What the trick says."""
        return self._trick.fault(training)

    def team_fault(self, training: TrainingFields, num_workers: int, device_type: str | None = None) -> str | None:
        """What the trick says."""
        return self._trick.team_fault(training, num_workers, device_type)

    def edit_model(self, model: nn.Module, num_classes: int) -> nn.Module:
        """As the trick does."""
        return self._trick.edit_model(model, num_classes)
