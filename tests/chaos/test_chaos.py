"""A short `make chaos`, with a fixed draw: one seed, so eleven runs, and three faults."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.records.home import Home
from tests.chaos.faults import FAULTS
from tests.chaos.harness import Outcome, run_round, run_undisturbed
from tests.chaos.outcome import differences, lost_or_torn, without_clocks
from tests.chaos.schedule import draw, still_to_break
from tests.chaos.study import write_grid
from tests.chaos.target import Snapshot, Target

SHORT = ("training worker killed", "record writer killed", "driver killed")


def test_a_draw_can_be_repeated_and_deals_every_fault_out() -> None:
    rounds = draw(FAULTS, 4, 66, seed=3)
    assert rounds == draw(FAULTS, 4, 66, seed=3) != draw(FAULTS, 4, 66, seed=4)
    moments = [moment for drawn in rounds for moment in drawn.moments]
    assert len(moments) == sum(fault.times for fault in FAULTS) >= 20
    assert {moment.fault.name for moment in moments} == {fault.name for fault in FAULTS}
    for drawn in rounds:
        needs = {moment.fault.needs for moment in drawn.moments}
        assert ("database" if drawn.uses_server else "server") not in needs
        assert [moment.runs for moment in drawn.moments] == sorted(moment.runs for moment in drawn.moments)


def test_what_could_not_be_broken_is_drawn_again() -> None:
    first, second, *rest = FAULTS
    injected = {fault.name: fault.times for fault in rest} | {first.name: first.times - 1}
    left = still_to_break(FAULTS, injected)
    assert [(fault.name, fault.times) for fault in left] == [(first.name, 1), (second.name, second.times)]


def test_answers_are_compared_number_by_number_but_for_clocks() -> None:
    one = {"arms": [{"top1": 0.5, "busy_s": 1.0}], "seeds": [0, 1]}
    assert differences(without_clocks(one), without_clocks({**one, "arms": [{"top1": 0.5, "busy_s": 2.0}]})) == []
    (line,) = differences(one, {**one, "arms": [{"top1": 0.5000001, "busy_s": 1.0}]})
    assert line.startswith(".arms[0].top1: 0.5 is not")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Target, Outcome]:
    """The undisturbed study, and what became of the one that was broken."""
    folder = tmp_path_factory.mktemp("chaos")
    grid = write_grid(folder / "grid.yaml", [0])
    undisturbed = run_undisturbed(grid, folder / "undisturbed")
    faults = [fault for fault in FAULTS if fault.name in SHORT]
    (drawn,) = draw([replace(fault, times=1) for fault in faults], 1, 11, seed=1)
    return undisturbed, run_round(drawn, grid, folder / "homes", folder / "round", undisturbed)


@pytest.mark.slow
@pytest.mark.ray(own_cluster=True)
@pytest.mark.timeout(1200)
def test_a_broken_study_ends_with_every_number_of_an_undisturbed_one(broken: tuple[Target, Outcome]) -> None:
    outcome = broken[1]
    assert outcome.broken == [] and outcome.missed == []
    assert sorted(fault.name for fault in outcome.injected) == sorted(SHORT)
    assert outcome.exit_codes == [-9, 0]


@pytest.mark.slow
@pytest.mark.ray(own_cluster=True)
@pytest.mark.timeout(1200)
def test_what_is_lost_torn_or_kept_twice_is_noticed(broken: tuple[Target, Outcome], tmp_path: Path) -> None:
    shutil.copytree(broken[0].home.root, tmp_path / "home")
    target = Target(broken[0].grid, Home(tmp_path / "home"), tmp_path / "logs")
    before = Snapshot.of(target)
    assert lost_or_torn(target, [before]) == []
    records = target.home.records
    lines = records.read_bytes().splitlines(keepends=True)

    records.write_bytes(b"".join(lines[:-1]))
    assert [line.split()[-1] for line in lost_or_torn(target, [])] == ["finished"]
    assert "a record that was kept has changed or gone" in lost_or_torn(target, [before])
    records.write_bytes(b"".join(lines) + lines[0])
    assert [line.split()[-2:] for line in lost_or_torn(target, [before])] == [["2", "times"]]
    records.write_bytes(b"".join(lines) + lines[0][:40])
    assert lost_or_torn(target, [before]) == ["records.jsonl ends in the middle of a line"]
    records.write_bytes(b"".join(lines))
    weights = next(target.home.runs.glob("*/model.pt"))
    weights.write_bytes(weights.read_bytes() + b"x")
    (line,) = lost_or_torn(target, [before])
    assert line.endswith("model.pt changed after its run finished")
