"""What a reader of mean accuracies would claim, and what the verdicts claim, where some factors do something."""

from dataclasses import dataclass

import numpy as np

from reports.analysis.study import analyse
from reports.results.study import Analysis
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.shares import Share, markdown, share
from tests.benchmarks.proof.studies import planned_study, with_scores

EFFECTS_SD = {"f0": 1.0, "f1": 2.0, "f2": 4.0}
IDLE = ("f3", "f4", "f5")
SEEDS = (3, 5, 10)


@dataclass(frozen=True, slots=True)
class Claims:
    """Of one way to read the results, over many studies."""

    false_wins: Share  # idle factors that are called a win
    any_false_win: Share  # studies with at least one
    found: dict[str, Share]  # factor that helps -> studies in which it is called a win


def wins_by_mean(analysis: Analysis) -> set[str]:
    """Factors whose mean is above bare's."""
    return {effect.factor for effect in analysis.effects if effect.estimate is not None and effect.estimate > 0}


def wins_by_verdict(analysis: Analysis) -> set[str]:
    """Factors that are said to help."""
    return {effect.factor for effect in analysis.effects if effect.verdict.helps}


def compare_readings(num_studies: int, num_seeds: int, rng: np.random.Generator) -> dict[str, Claims]:
    """Both readings of the same studies, one factor at a time added to bare."""
    plan = planned_study("add_one_in", len(EFFECTS_SD) + len(IDLE), num_seeds)
    luck = Luck()
    wins: dict[str, list[set[str]]] = {"means": [], "verdicts": []}
    for _ in range(num_studies):
        analysis = analyse(with_scores(plan, luck.draw(rng, len(plan.arms), num_seeds), EFFECTS_SD))
        wins["means"].append(wins_by_mean(analysis))
        wins["verdicts"].append(wins_by_verdict(analysis))
    return {
        reading: Claims(
            false_wins=share([len(won & set(IDLE)) / len(IDLE) for won in found]),
            any_false_win=share([bool(won & set(IDLE)) for won in found]),
            found={factor: share([factor in won for won in found]) for factor in EFFECTS_SD},
        )
        for reading, found in wins.items()
    }


def section(num_studies: int, seed: int) -> str:
    """A row for each reading and number of seeds."""
    rngs = np.random.default_rng(seed).spawn(len(SEEDS))
    rows = []
    for num_seeds, rng in zip(SEEDS, rngs, strict=True):
        for reading, claims in compare_readings(num_studies, num_seeds, rng).items():
            rows.append((num_seeds, reading, claims.false_wins, claims.any_false_win, *claims.found.values()))
    effects = (f"finds {effect:g} sd" for effect in EFFECTS_SD.values())
    columns = ("seeds", "reading", "idle factors called a win", "studies with such a win", *effects)
    return (
        f"{num_studies:,} studies a row, six factors added to bare, three of them idle, {Luck().name}, through "
        f'`analyse`. Means: above bare\'s is a win. Verdicts: any kind of "helps".\n\n{markdown(columns, rows)}'
    )
