"""Studies without any true effect: how often does one of them claim one?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.analysis.study import analyse
from reports.results.study import Analysis, Effect
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.shares import Share, markdown, share
from tests.benchmarks.proof.studies import planned_study, with_scores

NUM_FACTORS = 6
GOAL = 0.06
BOTH_WAYS = (
    *((num_seeds, Luck(correlation)) for num_seeds in (3, 5) for correlation in (0.0, 0.3)),
    *((num_seeds, Luck(tails="heavy")) for num_seeds in (3, 5)),
    *((num_seeds, Luck(unequal=True)) for num_seeds in (3, 5)),
    *((num_seeds, luck) for num_seeds in (2, 6) for luck in (Luck(), Luck(unequal=True))),
)
AVERAGES = (
    (2, Luck()),
    *((3, luck) for luck in (Luck(), Luck(tails="heavy"), Luck(unequal=True))),
    *((num_seeds, Luck(unequal=True)) for num_seeds in (5, 2)),
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
    unadjusted: Share  # studies with an interval of 95% that leaves 0 out: what a reader without Holm would claim


def count_false_claims(
    design: str, num_studies: int, num_seeds: int, luck: Luck, rng: np.random.Generator
) -> FalseClaims:
    """Judge studies whose factors all do nothing."""
    plan = planned_study(design, NUM_FACTORS, num_seeds)
    found = [analyse(with_scores(plan, luck.draw(rng, len(plan.arms), num_seeds))) for _ in range(num_studies)]
    return FalseClaims(
        num_seeds=num_seeds,
        luck=luck,
        headline=", ".join(sorted({str(e.method) for a in found for e in planned(a) if e.method is not None})),
        num_comparisons=found[0].num_comparisons,
        any_claim=share([claims_something(analysis) for analysis in found]),
        placebo=share([analysis.controls[0].as_expected is False for analysis in found]),
        unadjusted=share([excludes_zero(analysis) for analysis in found]),
    )


def claims_something(analysis: Analysis) -> bool:
    """Whether any factor is said to help or to hurt."""
    return any(effect.verdict.helps or effect.verdict.hurts for effect in analysis.effects)


def excludes_zero(analysis: Analysis) -> bool:
    """Whether the 95% interval of any planned comparison, taken alone, leaves 0 out."""
    return any(effect.ci95 is not None and effect.ci95.low * effect.ci95.high > 0 for effect in planned(analysis))


def planned(analysis: Analysis) -> tuple[Effect, ...]:
    """The declared family."""
    return tuple(effect for effect in analysis.effects if not effect.exploratory)


def section(num_studies: int, seed: int) -> str:
    """Each factor added to bare and removed from full."""
    found, table = count_all("both_ways", BOTH_WAYS, num_studies, seed)
    worst = max((f for f in found if f.num_seeds in (3, 5)), key=lambda f: f.any_claim.value)
    return (
        f"{num_studies:,} studies a row, {NUM_FACTORS} factors both ways, {found[0].num_comparisons} comparisons in "
        f"the family, through `analyse`. Any false claim and placebo: goal at most {GOAL:g} at 3 and 5 seeds; the "
        f"worst row has {worst.any_claim} ({worst.luck.name}, {worst.num_seeds} seeds).\n\n{table}"
    )


def averages_section(num_studies: int, seed: int) -> str:
    """Main effects of a fraction, which the moderated two-way judges."""
    found, table = count_all("quarter", AVERAGES, num_studies, seed)
    return (
        f"{num_studies:,} studies a row, {NUM_FACTORS} factors in a 2^(6-2) fraction of 16 arms, "
        f"{found[0].num_comparisons} main effects in the family, through `analyse`.\n\n{table}"
    )


def count_all(
    design: str, settings: Sequence[tuple[int, Luck]], num_studies: int, seed: int
) -> tuple[list[FalseClaims], str]:
    """Every setting, and the table of them."""
    rngs = np.random.default_rng(seed).spawn(len(settings))
    found = [count_false_claims(design, num_studies, *one, rng) for one, rng in zip(settings, rngs, strict=True)]
    columns = ("seeds", "luck", "judged by", "any false claim", "placebo found", "interval without 0, uncorrected")
    return found, markdown(
        columns, [(f.num_seeds, f.luck.name, f.headline, f.any_claim, f.placebo, f.unadjusted) for f in found]
    )
