"""How seeds may be added once results have been seen: declared in the grid, before the first run.

Adding seeds until an interval leaves 0 is optional stopping: one seed at a time from 3 to 10, it finds an effect where
there is none in 16.8% of studies instead of 5%. Each rule here keeps the level it promises.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.spec.base import Frozen


class NoMoreSeeds(Frozen):
    """The seeds of the grid, and that is all."""

    kind: Literal["none"] = "none"


class Looks(Frozen):
    """Verdicts may be read at these numbers of seeds, all at one stricter level, and the study may end at any."""

    kind: Literal["looks"] = "looks"
    at: tuple[int, ...] = Field(min_length=2, description="numbers of seeds; the first is the grid's own")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.at[0] < 2 or any(after <= before for before, after in zip(self.at, self.at[1:], strict=False)):
            raise ValueError(f"at: expected rising numbers of seeds from 2, such as [3, 5, 10], not {list(self.at)}")
        return self


class Precision(Frozen):
    """Stein's two stages: the spread over the grid's seeds says once how many a wanted interval needs."""

    kind: Literal["precision"] = "precision"
    half_width: float = Field(gt=0, description="wanted of the 95% intervals; points, or metric units")
    max_seeds: int = Field(ge=3, le=1000, description="cap; where it binds, the report says so")


def _is_a_rule(value: Any) -> Any:
    if not isinstance(value, Mapping | Frozen):
        raise ValueError(
            "expected a rule such as {kind: looks, at: [3, 5, 10]} or {kind: precision, half_width: 0.5, max_seeds: "
            f"10}}, not {value!r}"
        )
    return value


_Written = Annotated[NoMoreSeeds | Looks | Precision, Field(discriminator="kind")]
MoreSeeds = Annotated[_Written, BeforeValidator(_is_a_rule, json_schema_input_type=_Written)]
