"""Whether a study is what it promised to be, as typed values."""

from typing import Literal

from pydantic import Field

from pipeline.spec.base import Frozen

What = Literal[
    "promise", "metric", "delta", "level", "seeds", "rule for more seeds", "design", "retune", "comparisons", "arms",
    "data", "code", "failed runs", "stopped early", "missing runs",
]  # fmt: skip


class Deviation(Frozen):
    """One difference between what was promised and what is reported."""

    what: What
    text: str


class AsPlanned(Frozen):
    """The promise, and every deviation from it."""

    promised_at: str | None = Field(description="UTC; None where no plan was kept before the runs")
    promise_hash: str
    num_plans: int = Field(description="different plans that the study was run with")
    deviations: tuple[Deviation, ...]
    seed_rule: str = Field("", description="under which declared rule seeds were or may be added; empty: none")
    notes: tuple[str, ...] = Field((), description="what belongs to the plan and must be known, such as early stops")
    sentence: str

    @property
    def short(self) -> str:
        """'as planned', or '2 deviations: seeds, failed runs'."""
        if not self.deviations:
            return "as planned"
        said = {"promise": "results were known before a plan was kept"}
        kinds = ", ".join(dict.fromkeys(said.get(deviation.what, deviation.what) for deviation in self.deviations))
        return f"{len(self.deviations)} deviation{'' if len(self.deviations) == 1 else 's'}: {kinds}"
