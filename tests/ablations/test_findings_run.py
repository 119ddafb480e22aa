"""`ablate run` on a grid with everything to find in it, trained for real in this process instead of on Ray."""

import re
from pathlib import Path
from typing import Any

import pytest

from ablations.grid.spec import Resources
from ablations.planning.planned import Planned
from ablations.records import store
from ablations.records.home import Home
from ablations.running.runner import Outcome, job_of
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.sources import scan
from pipeline.spec.data import Digits
from reports.analysis.study import analyse
from reports.page.html import write_report
from reports.records.load import load_study
from reports.results.effect import Effect
from reports.stats.verdict import Verdict
from tests.ablations.studies import CommandResult, ablate, write_grid
from tests.pipeline.conftest import prepared_here
from tests.pipeline.stages import train_alone

GRID: dict[str, Any] = {
    "base": {"data": {"kind": "digits"}, "budget": {"epochs": 2, "batch_size": 64}},
    "factors": {
        "weak": {"strategies": [{"kind": "progressive_resizing", "from_px": 16}]},  # the size it ends at: 16 px
        "adamw": {"optimizer": {"kind": "adamw", "lr": 0.05}},
        "smoothing": {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]},
        "same": {"data.image_size_px": 16},  # as it was
    },
    "controls": {"tiny": {"strategies": [{"kind": "progressive_resizing", "from_px": 64}]}},  # above 16 px
    "design": {"kind": "add_one_in"},
    "seeds": [0, 1],
}
HIDDEN = "optimizer.weight_decay: 5e-05 -> 0.05, not named by factor adamw (arms +adamw, full)"
SKIPPED = (
    "skipped   arm +tiny: factor tiny: strategies: progressive_resizing: from_px=64 is above data.image_size_px=16"
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandResult, Home]:
    """The command's output and the home it left."""
    folder, prepared = (tmp_path_factory.mktemp(name) for name in ("findings", "prepared"))
    listing = scan(Digits())
    digits = make_handle(listing, prepared_here(Digits(), listing, prepared))

    def train_here(planned: Planned, home: Home, asked: Resources) -> Outcome:
        store.write_plan(home, planned.plan)
        train_all(planned, home, asked, digits)
        report = write_report(load_study(home.root, planned.plan.study), home.report(planned.plan.study))
        counts = {"finished": len(planned.runs), "failed": 0, "not run": 0, "pending": 0}
        return Outcome(counts, False, report, 1.0, False, 0, "")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ablations.running.runner.run_study", train_here)
        result = ablate("run", write_grid(folder / "grid.yaml", **GRID), "--home", folder / "home")
    return result, Home(folder / "home")


def train_all(planned: Planned, home: Home, asked: Resources, data: DataHandle) -> None:
    for run in planned.runs:
        result = train_alone(job_of(run, home, asked), data)
        store.write_run(home, result)
        store.append_record(home, result.record)


def effect(home: Home, factor: str) -> Effect:
    found = analyse(load_study(home.root, "small")).effect(factor, "added to bare")
    assert found is not None
    return found


def test_a_strategy_too_weak_to_change_a_pixel_trains_bit_for_bit_like_bare(ran: tuple[CommandResult, Home]) -> None:
    weak = effect(ran[1], "weak")
    study = load_study(ran[1].root, "small")
    hashes = [study.plan.arm(name).final.stage_hash for name in ("+weak", "bare")]
    assert hashes[0] != hashes[1], "two specifications, trained apart"
    assert (weak.verdict, weak.identical_seeds) == (Verdict.NO_EFFECT, (0, 1))
    assert "bit for bit alike in 2 of 2 seeds" in weak.sentence


def test_a_strategy_that_works_differs_in_every_seed(ran: tuple[CommandResult, Home]) -> None:
    smoothing = effect(ran[1], "smoothing")
    assert smoothing.verdict is not Verdict.NO_EFFECT and smoothing.identical_seeds == ()


def test_a_factor_that_sets_what_was_set_is_trained_once(ran: tuple[CommandResult, Home]) -> None:
    assert "same specification" in effect(ran[1], "same").sentence
    assert len(store.read_records(ran[1])) == 5 * 2  # bare, three factors, full


def test_the_command_warns_before_it_trains_and_again_below_the_verdicts(ran: tuple[CommandResult, Home]) -> None:
    result = ran[0]
    assert result.exit_code == 0, result
    for text in (result.err, result.out):
        lines = text.splitlines()
        assert any(line.startswith(SKIPPED) for line in lines)
        assert f"hidden    {HIDDEN}" in lines
        assert any(line.startswith("NO EFFECT same added to bare: ") for line in lines)
    table = result.out.split("skipped   ")[0]
    assert re.search(r"weak +│ identical +│ NO EFFECT ", table)
    assert re.search(r"tiny +│ no result +│ not assessed \(undecided\)", re.sub(r"\s+│", " │", table))


def test_the_report_has_all_three(ran: tuple[CommandResult, Home]) -> None:
    page = ran[1].report("small").read_text()
    assert "arm +tiny skipped</span> factor tiny: strategies: progressive_resizing: from_px=64 is above" in page
    assert HIDDEN.split(" (")[0].replace(">", "&gt;") in page
    assert "NO EFFECT: the factor changed nothing" in page


def test_validate_says_so_without_training(tmp_path: Path) -> None:
    result = ablate("validate", write_grid(tmp_path / "grid.yaml", **GRID))
    assert result.exit_code == 0
    first, *rest = result.out.splitlines()
    assert first.endswith("fine. 6 arms, 10 training runs")
    assert rest[0].startswith(SKIPPED) and f"hidden    {HIDDEN}" in rest
