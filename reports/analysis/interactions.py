"""Pairs of factors: what was estimated, what the design cannot tell apart, and the means behind the largest."""

from itertools import combinations

import numpy as np

from pipeline.spec.study import Alias, Comparison, StudyPlan
from reports.analysis.contrast import NEGLIGIBLE
from reports.analysis.estimates import CellFit
from reports.results.effect import Effect
from reports.results.interactions import CellMean, InteractionAnalysis, Pair, PairMeans
from reports.results.ranges import Range

MAX_PLOTS = 6
"""More pictures of pairs than these would not be looked at; the heat map has all."""


def analyse_interactions(plan: StudyPlan, effects: tuple[Effect, ...], cells: CellFit) -> InteractionAnalysis | None:
    """Every pair of factors that some pair's interaction was planned with; None where none was.

    Args:
        plan: which says what the design mixes.
        effects: of the study, judged.
        cells: the level of each arm, free of what arms share with a seed.
    """
    fullest_first = sorted(plan.arms, key=lambda arm: -len(arm.factors))  # `full` has them in the order of the grid
    switches = tuple(dict.fromkeys(factor for arm in fullest_first for factor in arm.factors))
    by_name = {f"{a} x {b}": (a, b) for a in switches for b in switches if a != b}
    planned = [c for c in (*plan.comparisons, *plan.unassessed) if c.context == "interaction" and c.factor in by_name]
    if not planned:
        return None
    asked = {name for comparison in planned for name in by_name[comparison.factor]}
    asked |= {name for alias in plan.aliases if alias.effect in by_name for name in by_name[alias.effect]}
    factors = tuple(switch for switch in switches if switch in asked)
    comparisons = {frozenset(by_name[c.factor]): c for c in planned}
    found = {frozenset(by_name[e.factor]): e for e in effects if e.context == "interaction" and e.factor in by_name}
    aliases = {frozenset(by_name[alias.effect]): alias for alias in plan.aliases if alias.effect in by_name}
    pairs = tuple(
        _pair(a, b, comparisons.get(frozenset((a, b))), found.get(frozenset((a, b))), aliases.get(frozenset((a, b))))
        for a, b in combinations(factors, 2)
    )
    shown = sorted((p for p in pairs if p.estimate is not None), key=lambda p: -abs(p.estimate or 0.0))
    level = next((effect.level for effect in found.values()), 1 - plan.alpha)
    means = (
        pair_means(plan, cells, (p.first, p.second), comparisons[frozenset((p.first, p.second))], level) for p in shown
    )
    largest = [four for four in means if four is not None][:MAX_PLOTS]
    return InteractionAnalysis(factors=factors, level=level, pairs=pairs, largest=tuple(largest))


def _pair(a: str, b: str, planned: Comparison | None, effect: Effect | None, alias: Alias | None) -> Pair:
    mixed = ()
    if planned is not None:
        mixed = planned.confounded or planned.mixed_in
    elif alias is not None:
        mixed = alias.mixed_with
    if planned is None and not mixed:
        return Pair(first=a, second=b, state="not estimable")
    if planned is not None and (effect is None or effect.estimate is None):
        return Pair(first=a, second=b, state="no result yet", mixed_with=mixed)
    return Pair(
        first=a,
        second=b,
        state="aliased" if mixed else "estimated",
        estimate=None if effect is None else effect.estimate,
        ci95=None if effect is None else effect.ci95,
        q=None if effect is None else effect.q,
        mixed_with=mixed,
    )


def pair_means(
    plan: StudyPlan, cells: CellFit, pair: tuple[str, str], interaction: Comparison, level: float
) -> PairMeans | None:
    """The four means that a pair's interaction is made of; None while one has no result.

    The weights of the interaction, taken apart by which of the two is on, are four means: in a balanced design plain
    ones, in any other the means that least squares adjusts for the factors beside them.

    Args:
        plan: of the arms.
        cells: the level of each arm.
        pair: names of the two.
        interaction: whose weights are taken apart.
        level: of the intervals.
    """
    groups: dict[tuple[bool, bool], dict[str, float]] = {}
    for arm, weight in interaction.contrast.items():
        on = plan.arm(arm).factors
        groups.setdefault((pair[0] in on, pair[1] in on), {})[arm] = weight
    sums = {state: sum(weights.values()) for state, weights in groups.items()}
    if len(groups) < 4 or any(abs(total) < NEGLIGIBLE for total in sums.values()):
        return None
    means = {
        state: _mean(plan, cells, {arm: weight / sums[state] for arm, weight in weights.items()}, level)
        for state, weights in groups.items()
    }
    neither, first, second, both = (
        means[state] for state in ((False, False), (True, False), (False, True), (True, True))
    )
    if neither is None or first is None or second is None or both is None:
        return None
    return PairMeans(
        first=pair[0],
        second=pair[1],
        num_arms=len(interaction.contrast),
        neither=neither,
        first_alone=first,
        second_alone=second,
        both=both,
    )


def _mean(plan: StudyPlan, cells: CellFit, weights: dict[str, float], level: float) -> CellMean | None:
    rows = {arm: cells.row_of.get(plan.arm(arm).final.stage_hash) for arm in weights}
    padded = np.zeros(cells.num_cells)
    for arm, weight in weights.items():
        row = rows[arm]
        if row is None:
            return None
        padded[row] += weight
    found = cells.fit.level(padded)
    if found is None:
        return None
    limits = found.interval(level) if found.has_spread else None
    return CellMean(value=found.effect, ci95=None if limits is None else Range(low=limits.low, high=limits.high))
