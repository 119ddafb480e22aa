import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.spec import overhead
from pipeline.spec.overhead import measured_overheads, overhead_lines

ONE = {
    "what": "step",
    "times_bare": {"median": 2.04, "low": 2.01, "high": 2.08},
    "floor": "two passes",
    "times_floor": {"median": 1.012, "low": 0.99, "high": 1.03},
    "num_pairs": 15,
    "setting": "a net, one thread",
}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "overheads.json"
    monkeypatch.setattr(overhead, "MEASURED", path)
    measured_overheads.cache_clear()
    yield path
    measured_overheads.cache_clear()


def test_a_line_shows_both_ratios_with_their_intervals(kept: Path) -> None:
    kept.write_text(json.dumps({"sam": [ONE], "se": [{**ONE, "floor": "", "times_floor": None}]}))
    assert overhead_lines("sam") == (
        "a step takes 2.04x [2.01, 2.08] of bare's, 1.01x [0.99, 1.03] of the least possible (two passes); 15 pairs; "
        "a net, one thread",
    )
    assert overhead_lines("se") == ("a step takes 2.04x [2.01, 2.08] of bare's; 15 pairs; a net, one thread",)


def test_what_was_not_measured_has_no_line(kept: Path) -> None:
    assert overhead_lines("sam") == ()
    kept.write_text("{}")
    measured_overheads.cache_clear()
    assert overhead_lines("sam") == ()


def test_the_kept_file_is_readable() -> None:
    for kind, found in measured_overheads().items():
        assert all(one.num_pairs >= 15 for one in found), kind
