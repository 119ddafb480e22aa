"""The catalogue card: what a strategy is, where it comes from, and how it goes wrong."""

from pydantic import Field, field_serializer

from pipeline.spec.base import Frozen

ANY_TASK = frozenset({"classify", "simclr", "mae", "simmim"})
"""Of cards whose kind works whatever a stage optimises."""


class Paper(Frozen):
    """Where a trick was published."""

    title: str
    year: int
    arxiv: str | None = None
    url: str | None = None


class Card(Frozen):
    """One page about one kind. `clashes` and `tasks` are rules: the spec enforces them."""

    title: str
    idea: str
    family: str
    paper: Paper | None = None
    formula: str = ""
    helps_when: str = ""
    pitfalls: tuple[str, ...] = ()
    tasks: frozenset[str] = Field(frozenset({"classify"}), description="kinds of task that it may be part of")
    clashes: dict[str, str] = Field(default={}, description="kind that it cannot be combined with -> the reason")
    defaults_from: str = ""
    overhead: tuple[str, ...] = Field((), description="measured, one sentence each (spec/overhead.py)")

    @field_serializer("tasks")
    def _in_order(self, tasks: frozenset[str]) -> list[str]:
        return sorted(tasks)  # a set has another order in every process, and plans are compared as text
