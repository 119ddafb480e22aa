"""Proof by simulation that the statistics keep their promises; kept in docs/STATISTICS_PROOF.md.

Run: nice python -m tests.benchmarks.bench_statistics [PART ...]
Without names every part is run, about half an hour on one core. Each part draws from its own stream, so that it gives
the same numbers alone as among the others, and replaces its own section of the document. STUDIES=200 makes a quick
look, which is printed and not kept.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy

from tests.benchmarks.proof import coverage, false_claims, gate, means, more_seeds, same_runs

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "STATISTICS_PROOF.md"
MEASURED = "\n## Measured\n"
FULL_STUDIES = 2_000


@dataclass(frozen=True, slots=True)
class Part:
    """A question of the proof."""

    title: str
    measure: Callable[[int, int], str]  # how many to simulate, and a seed -> Markdown
    full: int  # studies or data sets a row
    seed: int


PARTS = {
    "false_claims": Part("False claims", false_claims.section, FULL_STUDIES, 20261124),
    "averages": Part("False claims of averaged effects", false_claims.averages_section, FULL_STUDIES, 20261130),
    "coverage": Part("Coverage", coverage.section, 10_000, 20261125),
    "moderated": Part("Moderated t", coverage.moderated_section, 10_000, 20261126),
    "means": Part("Against comparing the means", means.section, FULL_STUDIES, 20261127),
    "same_runs": Part("Factorial against one at a time", same_runs.section, 10_000, 20261128),
    "more_seeds": Part("More seeds", more_seeds.section, 20_000, 20261129),
    "gate": Part("The gate before McNemar's test", gate.section, 1_000, 20261131),
}


def measure(name: str, num: int) -> str:
    """One section: what came, and what it takes to repeat it."""
    part = PARTS[name]
    start = time.perf_counter()
    seed = part.seed
    text = part.measure(num, seed)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}"
    return (
        f"### {part.title}\n\n{text}\n\n`python -m tests.benchmarks.bench_statistics {name}`, seed {seed}, "
        f"{datetime.now(UTC):%Y-%m-%d}, {versions}, {time.perf_counter() - start:.0f} s.\n"
    )


def keep(section: str) -> None:
    """Put a section into the document, in the order of the parts."""
    before, _, measured = DOCUMENT.read_text().partition(MEASURED)
    sections = {text.partition("\n")[0]: text for text in measured.split("### ") if text.strip()}
    title = section.removeprefix("### ").partition("\n")[0]
    sections[title] = section.removeprefix("### ")
    ordered = [sections[part.title].strip() for part in PARTS.values() if part.title in sections]
    DOCUMENT.write_text(f"{before.rstrip()}\n{MEASURED}\n" + "\n\n".join(f"### {text}" for text in ordered) + "\n")


def main() -> None:
    names = sys.argv[1:] or list(PARTS)
    if unknown := set(names) - PARTS.keys():
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    asked = os.environ.get("STUDIES")
    for name in names:
        section = measure(name, PARTS[name].full if asked is None else int(asked))
        print(section, flush=True)
        if asked is None:
            keep(section)


if __name__ == "__main__":
    main()
