"""Whatever a grid says, `ablate validate` and `ablate plan` end in success or in a clear error: never in a traceback,
never with Ray.

ABLATE_FUZZ=N draws N grids of each kind, anew each time. Without it the same ones are drawn every time, and no more of
a kind once a few seconds are over.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import ray
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from ablations.planning.step_probe import StepProbe
from pipeline.data import sources
from tests.ablations.fuzz.grids import from_schema, mutated, torn_text
from tests.ablations.studies import ablate
from tests.ablations.test_shipped_grids import listing_of

SECONDS_OF_A_KIND = 5.0
ASKED = os.environ.get("ABLATE_FUZZ")
few = settings(
    max_examples=int(ASKED or 25),
    derandomize=ASKED is None,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink) if ASKED else (Phase.generate,),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=False,
)


_ends: dict[str, float] = {}  # kind of grid -> when the last one is drawn


def ends_well(kind: str, text: str) -> None:
    """Both commands, in an empty folder."""
    if ASKED is None and time.monotonic() > _ends.setdefault(kind, time.monotonic() + SECONDS_OF_A_KIND):
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(ray, "init", side_effect=AssertionError("Ray started")),
        patch.object(StepProbe, "step_s", return_value=0.1),  # a step of a large network takes minutes on a CPU
    ):
        grid = Path(folder) / "grid.yaml"
        grid.write_bytes(text.encode("utf-8", "surrogatepass"))
        for arguments in (["validate", grid], ["plan", grid, "--home", Path(folder) / "home"]):
            result = ablate(*arguments)
            assert result.exit_code in (0, 2), result
            if result.exit_code == 2:
                assert result.err.startswith("error: ") and result.out == "", result
                assert "Traceback" not in result.err
                assert all(line.startswith("error: ") for line in result.err.splitlines()), result.err


def written(grid: dict[str, Any]) -> str:
    return yaml.safe_dump(grid, sort_keys=False, allow_unicode=True)


@few
@given(grid=from_schema())
def test_what_the_schema_allows(grid: dict[str, Any]) -> None:
    ends_well("schema", written(grid))


@few
@given(grid=mutated())
def test_shipped_grids_with_a_part_broken(grid: dict[str, Any]) -> None:
    with patch.object(sources, "scan_image_folder", listing_of):  # as if the images were there
        ends_well("broken", written(grid))


@few
@given(text=torn_text())
def test_shipped_grids_with_torn_text(text: str) -> None:
    ends_well("torn", text)
