"""Tuning parity: the fields that every arm of a grid gets a search for, of equal size, before its seeds run."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ablations.designs import AnyDesign
from pipeline.spec.base import Frozen
from pipeline.spec.tuning import AnyRange

DESIGNS = ("baseline", "add_one_in", "leave_one_out", "both_ways", "stack")
"""Those that compare two arms at a time. The others average over cells, each of which would get settings of its own."""


def with_default_ranges(value: Any) -> Any:
    """`[optimizer.lr]` means `{optimizer.lr: null}`: a range around what each arm has there."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(path, str) for path in value):
        raise ValueError(
            "expected dotted paths such as [optimizer.lr, optimizer.weight_decay], or a range for each, as in "
            f"{{optimizer.lr: {{kind: log_uniform, low: 0.01, high: 1}}}}, not {value!r}"
        )
    twice = sorted({path for path in value if value.count(path) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)}: name each field once")
    return dict.fromkeys(value)


class Retune(Frozen):
    """The same search for every arm; its seeds then run with the best settings that it found.

    Every arm tries its recipe as written first, then settings drawn at random, the same ones in every arm that has the
    same ranges.
    """

    fields: Annotated[
        dict[str, AnyRange | None],
        BeforeValidator(with_default_ranges, json_schema_input_type=dict[str, AnyRange | None] | list[str]),
    ] = Field(
        min_length=1,
        description="dotted paths, each with its range; without one: a factor of ten each way around what the arm has, "
        "each power of ten as likely",
    )
    trials: int = Field(8, ge=2, le=1000, description="of every arm")
    seed: int = Field(1_000_003, ge=0, lt=2**31, description="of every trial; must not be among the study's seeds")


def fault_of(retune: Retune, design: AnyDesign, seeds: tuple[int, ...]) -> str:
    """Why a grid cannot be retuned; empty where it can."""
    if retune.seed in seeds:
        return (
            f"retune.seed={retune.seed} is among seeds {list(seeds)}: arms must be judged by runs that did not choose "
            "their settings; take another seed for the search"
        )
    if design.kind not in DESIGNS:
        return (
            f"retune: the design {design.kind} does not compare two arms at a time, so settings of an arm's own would "
            f"be mixed into its averages; use one of {', '.join(DESIGNS)}, or leave retune out"
        )
    if "budget.epochs" in retune.fields:
        return "retune.fields.budget.epochs: is fixed by base, since the longest training would win; leave it out"
    for path in retune.fields:
        below = [other for other in retune.fields if other.startswith(f"{path}.")]
        if below:
            return f"retune.fields.{below[0]}: lies below {path}, which sets the whole of it; leave one of them out"
    return ""
