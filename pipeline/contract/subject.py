"""The strategy under examination: one of the catalogue by its kind, or a user's own by its target."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pipeline.contract.stages import digits_stage
from pipeline.experiment import StageSpec
from pipeline.spec.errors import ContractBroken, SpecError
from pipeline.strategies import CATALOGUE
from pipeline.strategies.base import StrategyConfig
from pipeline.strategies.custom import CustomConfig, load_trick

MAKE_EXAMPLE = (
    "give every field a default, or override the class method `example` so that it returns the smallest config that "
    "works in any stage"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the checks look at."""

    name: str  # kind or target
    config: StrategyConfig  # an entry of a stage's strategies, as small as can be
    neutral: StrategyConfig | None  # one that should do nothing

    @classmethod
    def of(cls, name: str) -> "Subject":
        """Find a strategy.

        Raises:
            SpecError: there is no such kind, or the target cannot be imported or is no strategy.
            ContractBroken: it has no example that could be examined.
        """
        if ":" in name:
            return cls._of_target(name)
        if name not in CATALOGUE:
            raise SpecError(
                f"there is no strategy {name!r}; expected package.module:Name of your own, or one of "
                f"{', '.join(CATALOGUE)}"
            )
        kind = CATALOGUE[name]
        return cls(name, kind.example(), kind.neutral())

    @classmethod
    def _of_target(cls, target: str) -> "Subject":
        trick = load_trick(target)
        try:
            neutral = trick.neutral()
            return cls(
                target,
                CustomConfig.of(target, trick.example()),
                None if neutral is None else CustomConfig.of(target, neutral),
            )
        except Exception as error:  # a user's code may do anything
            reason = f"{type(error).__name__}: {error}"
            if isinstance(error, ValidationError):
                fault = error.errors(include_url=False)[0]
                reason = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            raise ContractBroken(f"{trick.__name__}.example() or .neutral(): {reason}; {MAKE_EXAMPLE}") from error

    @property
    def trick(self) -> StrategyConfig:
        """The config that says what is done."""
        return self.config.trick

    @property
    def setting(self) -> dict[str, Any]:
        """Fields of a stage in which it finds something to do."""
        return type(self.trick).setting()

    def stage(self, **changes: Any) -> StageSpec:
        """A small stage with it."""
        return digits_stage(self.config.model_dump(mode="json"), **(self.setting | changes))

    def neutral_stage(self) -> StageSpec:
        """The same at its neutral limit."""
        assert self.neutral is not None, "the caller leaves out those without a neutral limit"
        return digits_stage(self.neutral.model_dump(mode="json"), **self.setting)
