"""`make chaos`: faults at random moments of a grid of 60 trials. `python -m tests.chaos --seed 7` repeats a draw."""

import argparse
import logging
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from ablations.records.store import read_records
from tests.chaos.disk import small_disk
from tests.chaos.faults import FAULTS
from tests.chaos.harness import Outcome, run_round, run_undisturbed, totals
from tests.chaos.outcome import same_for_two_seeds
from tests.chaos.page import render
from tests.chaos.schedule import Round, draw, still_to_break
from tests.chaos.small_store import try_small_store
from tests.chaos.study import write_grid

SEEDS = [0, 1, 2, 3, 4, 5]  # ten trials each
MIN_FAULTS = 20
PASSES = 2  # what could not be broken at its moment, since the study was over, is drawn once more
PAGE = Path(__file__).resolve().parents[2] / "docs" / "RELIABILITY.md"

_log = logging.getLogger("chaos")


def main() -> int:
    """Exit code 1: a promise was not kept, or too little was broken to tell."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--folder", type=Path, help="kept afterwards; default: a temporary one")
    options.add_argument("--page", type=Path, default=PAGE)
    asked = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    _log.info("seed %d, in %s", asked.seed, folder)
    grid = write_grid(folder / "grid.yaml", SEEDS)
    undisturbed = run_undisturbed(grid, folder / "undisturbed")
    if same := same_for_two_seeds(undisturbed):
        _log.error("two seeds give the same numbers: %s", same)
        return 1
    runs = len(read_records(undisturbed.home))
    rounds: list[Round] = []
    outcomes: list[Outcome] = []
    with small_disk(folder / "disk") as is_small:
        faults = [fault for fault in FAULTS if is_small or fault.needs != "disk"]
        for again in range(PASSES):
            left = still_to_break(faults, totals(outcomes))
            for drawn in draw(left, asked.rounds, runs, asked.seed + again) if left else ():
                rounds.append(drawn)
                number = len(outcomes)
                outcome = run_round(drawn, grid, folder / "disk", folder / f"round-{number}", undisturbed)
                outcomes.append(outcome)
                names = ", ".join(fault.name for fault in outcome.injected)
                _log.info("round %d: %s; exit codes %s; %.0f s", number, names, outcome.exit_codes, outcome.seconds)
                for line in outcome.missed + outcome.broken:
                    _log.info("round %d: %s", number, line)
                asked.page.write_text(render(rounds, outcomes, runs, None, is_small), encoding="utf-8")
    store = try_small_store(folder / "store")
    asked.page.write_text(render(rounds, outcomes, runs, store, is_small), encoding="utf-8")
    num_faults = sum(totals(outcomes).values())
    broken = [line for outcome in outcomes for line in outcome.broken] + store
    _log.info("%d faults, %d promises not kept; written to %s", num_faults, len(broken), asked.page)
    for line in broken:
        _log.error(line)
    if asked.folder is None and not broken:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if broken or num_faults < MIN_FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
