"""Studies without any true effect: how often does one of them claim one?"""

from dataclasses import dataclass

import numpy as np

from reports.analysis import analyse
from reports.results import Analysis
from reports.stats.verdict import Verdict
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.shares import Share, markdown, share
from tests.benchmarks.proof.studies import planned_study, with_scores

NUM_FACTORS = 6
GOAL = 0.06
SETTINGS = (
    *((num_seeds, Luck(correlation)) for num_seeds in (3, 5) for correlation in (0.0, 0.3)),
    *((num_seeds, Luck(tails="heavy")) for num_seeds in (3, 5)),
    *((num_seeds, Luck(unequal=True)) for num_seeds in (3, 5)),
    *((num_seeds, luck) for num_seeds in (2, 6) for luck in (Luck(), Luck(unequal=True))),
)


@dataclass(frozen=True, slots=True)
class FalseClaims:
    """What studies of idle factors said."""

    num_seeds: int
    luck: Luck
    headline: str
    num_comparisons: int
    any_claim: Share  # studies with a "helps" or a "hurts" among the planned comparisons
    placebo: Share  # studies whose placebo was found to do something
    suggestive: Share  # of comparisons
    unadjusted: Share  # studies with an interval of 95% that leaves 0 out: what a reader without Holm would claim


def count_false_claims(num_studies: int, num_seeds: int, luck: Luck, rng: np.random.Generator) -> FalseClaims:
    """Judge studies whose factors all do nothing."""
    plan = planned_study("both_ways", NUM_FACTORS, num_seeds)
    found = [analyse(with_scores(plan, luck.draw(rng, len(plan.arms), num_seeds))) for _ in range(num_studies)]
    return FalseClaims(
        num_seeds=num_seeds,
        luck=luck,
        headline=str(found[0].headline),
        num_comparisons=found[0].num_comparisons,
        any_claim=share([claims_something(analysis) for analysis in found]),
        placebo=share([analysis.controls[0].as_expected is False for analysis in found]),
        suggestive=share(
            [np.mean([effect.verdict is Verdict.SUGGESTIVE for effect in analysis.effects]) for analysis in found]
        ),
        unadjusted=share([excludes_zero(analysis) for analysis in found]),
    )


def claims_something(analysis: Analysis) -> bool:
    """Whether any factor is said to help or to hurt."""
    return any(effect.verdict.helps or effect.verdict.hurts for effect in analysis.effects)


def excludes_zero(analysis: Analysis) -> bool:
    """Whether the 95% interval of any comparison, taken alone, leaves 0 out."""
    return any(effect.ci95 is not None and effect.ci95.low * effect.ci95.high > 0 for effect in analysis.effects)


def section(num_studies: int, seed: int) -> str:
    """The table of all settings."""
    rngs = np.random.default_rng(seed).spawn(len(SETTINGS))
    found = [count_false_claims(num_studies, *setting, rng) for setting, rng in zip(SETTINGS, rngs, strict=True)]
    table = markdown(
        ("seeds", "luck", "judged by", "any false claim", "placebo found", "interval without 0, uncorrected"),
        ((f.num_seeds, f.luck.name, f.headline, f.any_claim, f.placebo, f.unadjusted) for f in found),
    )
    planned = [f for f in found if f.num_seeds in (3, 5)]
    worst = max(planned, key=lambda f: f.any_claim.value)
    return (
        f"{num_studies:,} studies a row, {NUM_FACTORS} factors both ways, {found[0].num_comparisons} comparisons in "
        f"the family, through `analyse`. Any false claim and placebo: goal at most {GOAL:g} at 3 and 5 seeds; the "
        f"worst row has {worst.any_claim} ({worst.luck.name}, {worst.num_seeds} seeds).\n\n{table}"
    )
