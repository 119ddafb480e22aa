"""The same number of runs spent one factor at a time, or on a fraction of all combinations."""

from dataclasses import dataclass

import numpy as np

from pipeline.spec.study import StudyPlan
from reports.analysis.study import analyse
from reports.stats.estimate import Estimate
from reports.stats.multiplicity import holm
from reports.stats.pooled import fit_two_way
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.shares import Share, markdown, share
from tests.benchmarks.proof.studies import planned_study, with_scores

FACTORS = tuple(f"f{number}" for number in range(7))
DESIGNS = {"add_one_in": "one at a time", "eighth": "2^(7-4) and full"}
"""Both have nine arms: bare, seven more, and full."""
SEEDS = (2, 3, 5)
STRENGTH_SD = 1.0  # of what does something; an interaction in -1/+1 coding
ALPHA = 0.05
NUM_STUDIES = 300  # judged in whole, to see what is said about a confounded factor


@dataclass(frozen=True, slots=True)
class Found:
    """What one design says about one factor over many data sets."""

    standard_error: float  # median, sd
    mean: float  # of the estimates, sd
    alone: Share  # p < .05
    after_holm: Share  # and also after correction over all seven


def on_off(plan: StudyPlan) -> np.ndarray:
    """[num_arms, num_factors] of 0 and 1."""
    return np.array([[float(factor in arm.factors) for factor in FACTORS] for arm in plan.arms])


def declared_weights(plan: StudyPlan) -> np.ndarray:
    """[num_factors, num_arms] of the effects that the plan declares, in the order of the factors."""
    declared = {c.factor: c.contrast for c in plan.comparisons if not c.control and not c.exploratory}
    return np.array([[declared[factor].get(arm.name, 0.0) for arm in plan.arms] for factor in FACTORS])


def without_control(plan: StudyPlan) -> StudyPlan:
    """The plan of the factors alone."""
    arms = tuple(arm for arm in plan.arms if set(arm.factors) <= set(FACTORS))
    return plan.model_copy(update={"arms": arms, "comparisons": tuple(c for c in plan.comparisons if not c.control)})


def truth_of(plan: StudyPlan, acting: str | None, pair: tuple[str, str] | None) -> np.ndarray:
    """[num_arms] true scores in sd.

    Args:
        plan: whose arms are scored.
        acting: the factor that adds STRENGTH_SD wherever it is on.
        pair: two factors whose interaction is STRENGTH_SD, 0 on average over either.
    """
    on = on_off(plan)
    truth = np.zeros(len(on))
    if acting is not None:
        truth += STRENGTH_SD * on[:, FACTORS.index(acting)]
    if pair is not None:
        first, second = (2 * on[:, FACTORS.index(factor)] - 1 for factor in pair)
        truth += STRENGTH_SD / 2 * first * second
    return truth


def look_at(
    factor: str, plan: StudyPlan, truth: np.ndarray, num_seeds: int, num_datasets: int, rng: np.random.Generator
) -> Found:
    """Draw data sets and estimate every declared effect by the pooled model."""
    weights, place = declared_weights(plan), FACTORS.index(factor)
    found: list[Estimate] = []
    p_alone, p_holm = [], []
    for _ in range(num_datasets):
        fit = fit_two_way(truth[:, None] + Luck().draw(rng, len(truth), num_seeds))
        effects = [fit.contrast(row) for row in weights]
        p = np.array([effect.p for effect in effects])
        found.append(effects[place])
        p_alone.append(p[place])
        p_holm.append(holm(p)[place])
    return Found(
        float(np.median([estimate.standard_error for estimate in found])),
        float(np.mean([estimate.effect for estimate in found])),
        share(np.array(p_alone) < ALPHA),
        share(np.array(p_holm) < ALPHA),
    )


def verdicts_on(
    factor: str, plan: StudyPlan, truth: np.ndarray, num_seeds: int, rng: np.random.Generator
) -> dict[str, Share]:
    """Verdict -> share of whole studies that give it to this factor."""
    given: list[str] = []
    for _ in range(NUM_STUDIES):
        analysis = analyse(with_scores(plan, truth[:, None] + Luck().draw(rng, len(truth), num_seeds)))
        given += [str(e.verdict) for e in analysis.effects if e.factor == factor and not e.exploratory]
    return {verdict: share(np.array(given) == verdict) for verdict in dict.fromkeys(given)}


def section(num_datasets: int, seed: int) -> str:
    """One factor acts and nothing else does; then only a pair that is mixed with it acts."""
    rng = np.random.default_rng(seed)
    first = FACTORS[0]
    acting = []
    for num_seeds in SEEDS:
        plans = {name: without_control(planned_study(name, len(FACTORS), num_seeds)) for name in DESIGNS}
        both = [
            look_at(first, plan, truth_of(plan, first, None), num_seeds, num_datasets, rng) for plan in plans.values()
        ]
        ratio = f"{both[0].standard_error / both[1].standard_error:.2f}"
        for name, found in zip(DESIGNS.values(), both, strict=True):
            acting.append((num_seeds, name, f"{found.standard_error:.3f}", found.alone, found.after_holm, ratio))
    columns = ("seeds", "design", "standard error, sd", "found", "found after Holm over 7", "ratio of standard errors")
    num_seeds = SEEDS[-1]
    plans = {name: without_control(planned_study(name, len(FACTORS), num_seeds)) for name in DESIGNS}
    confounded = next(c for c in plans["eighth"].comparisons if c.factor == first).confounded[0]
    one, other = confounded.split(" x ")
    mixed, said = [], []
    for name, plan in plans.items():
        truth = truth_of(plan, None, (one, other))
        found = look_at(first, plan, truth, num_seeds, num_datasets, rng)
        mixed.append((num_seeds, DESIGNS[name], f"{found.mean:.2f}", found.after_holm))
        for verdict, how_often in verdicts_on(first, plan, truth, num_seeds, rng).items():
            said.append((DESIGNS[name], verdict, how_often))
    return (
        f"Seven factors, nine arms in both designs, pooled two-way model, {Luck().name}, {num_datasets:,} data sets a "
        f"row. One factor adds {STRENGTH_SD:g} sd, the others nothing.\n\n{markdown(columns, acting)}\n\n"
        f"No factor does anything alone, but {confounded} is {STRENGTH_SD:g} sd in -1/+1 coding; the fraction "
        f"estimates {first} and {confounded} as one. By p-values alone:\n\n"
        f"{markdown(('seeds', 'design', f'mean estimate of {first}, sd', 'claimed after Holm'), mixed)}\n\n"
        f"What the report says of {first}, {NUM_STUDIES} whole studies a design:\n\n"
        f"{markdown(('design', 'verdict', 'studies'), said)}"
    )
