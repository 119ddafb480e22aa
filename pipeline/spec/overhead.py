"""What each strategy costs, as measured by `python -m tests.benchmarks.bench_strategies` and shown on its card."""

import json
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from pipeline.spec.base import Frozen

MEASURED = Path(__file__).with_name("overheads.json")


class Ratio(Frozen):
    """Median of paired ratios with a 95% interval."""

    median: float
    low: float
    high: float


class Overhead(Frozen):
    """One strategy beside bare, in turns."""

    what: Literal["step", "render", "predict"] = Field(description="a training step, a batch's pixels, an evaluation")
    times_bare: Ratio
    floor: str = Field("", description="the least that the arithmetic asks for; empty where the network is another")
    times_floor: Ratio | None = None
    num_pairs: int
    setting: str = Field(description="network, size, batch, hardware, date")


@cache
def measured_overheads() -> dict[str, tuple[Overhead, ...]]:
    """Kind -> what was measured of it."""
    if not MEASURED.exists():
        return {}
    return TypeAdapter(dict[str, tuple[Overhead, ...]]).validate_python(json.loads(MEASURED.read_text()))


def overhead_lines(kind: str) -> tuple[str, ...]:
    """One sentence per measurement."""
    lines = []
    for one in measured_overheads().get(kind, ()):
        bare = f"a {one.what} takes {_said(one.times_bare)} of bare's"
        if one.times_floor is not None:
            bare += f", {_said(one.times_floor)} of the least possible ({one.floor})"
        lines.append(f"{bare}; {one.num_pairs} pairs; {one.setting}")
    return tuple(lines)


def _said(ratio: Ratio) -> str:
    return f"{ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]"
