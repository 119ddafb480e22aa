"""The same number of runs spent one factor at a time, or on a fraction of all combinations."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from reports.stats.estimate import Estimate
from reports.stats.multiplicity import holm
from reports.stats.pooled import fit_two_way
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.shares import Share, markdown, share

NUM_FACTORS = 7
SEEDS = (2, 3, 5)
STRENGTH_SD = 1.0  # of what does something, in -1/+1 coding
B, D = 1, 3  # their interaction is one with the effect of A in the fraction, where D = AB
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """Which factors are on in each cell, and the weights of the cells in each factor's effect."""

    name: str
    on: np.ndarray  # [num_cells, num_factors] of 0 and 1
    weights: np.ndarray  # [num_factors, num_cells]


def one_at_a_time() -> Design:
    """Bare, and each factor alone: 8 cells."""
    on = np.vstack([np.zeros(NUM_FACTORS), np.eye(NUM_FACTORS)])
    return Design("one at a time", on, np.hstack([-np.ones((NUM_FACTORS, 1)), np.eye(NUM_FACTORS)]))


def fraction() -> Design:
    """2^(7-4) of resolution III: D = AB, E = AC, F = BC, G = ABC. 8 cells; an effect is mean(on) - mean(off)."""
    basic = np.array(list(product((-1.0, 1.0), repeat=3)))
    a, b, c = basic.T
    signs = np.column_stack([a, b, c, a * b, a * c, b * c, a * b * c])
    return Design("2^(7-4)", (signs + 1) / 2, signs.T / 4)


def estimate_effects(design: Design, scores: np.ndarray) -> list[Estimate]:
    """The pooled model's estimate of every factor.

    Args:
        design: whose cells were run.
        scores: [num_cells, num_seeds].
    """
    fit = fit_two_way(scores)
    return [fit.contrast(weights) for weights in design.weights]


@dataclass(frozen=True, slots=True)
class Found:
    """What one design says about the first factor, A, over many data sets."""

    standard_error: float  # median, sd
    mean: float  # of the estimates, sd
    alone: Share  # p < .05
    after_holm: Share  # and after correction over all seven


def look_at_a(
    design: Design, main_sd: float, interaction_sd: float, num_seeds: int, num_datasets: int, rng: np.random.Generator
) -> Found:
    """Draw and judge.

    Args:
        design: to run.
        main_sd: what A does.
        interaction_sd: what B and D do together, 0 on average over either.
        num_seeds: of every cell.
        num_datasets: to draw.
        rng: to draw with.
    """
    signs = 2 * design.on - 1
    truth = main_sd * design.on[:, 0] + interaction_sd / 2 * signs[:, B] * signs[:, D]
    estimates, p_alone, p_holm = [], [], []
    for _ in range(num_datasets):
        scores = truth[:, None] + Luck().draw(rng, len(truth), num_seeds)
        effects = estimate_effects(design, scores)
        p = np.array([estimate.p for estimate in effects])
        estimates.append(effects[0])
        p_alone.append(p[0])
        p_holm.append(holm(p)[0])
    return Found(
        float(np.median([estimate.standard_error for estimate in estimates])),
        float(np.mean([estimate.effect for estimate in estimates])),
        share(np.array(p_alone) < ALPHA),
        share(np.array(p_holm) < ALPHA),
    )


def section(num_datasets: int, seed: int) -> str:
    """A acts and nothing else does; then only B and D together act."""
    rng = np.random.default_rng(seed)
    designs = (one_at_a_time(), fraction())
    acting = []
    for num_seeds in SEEDS:
        both = [look_at_a(design, STRENGTH_SD, 0.0, num_seeds, num_datasets, rng) for design in designs]
        ratio = f"{both[0].standard_error / both[1].standard_error:.2f}"
        for design, found in zip(designs, both, strict=True):
            error = f"{found.standard_error:.3f}"
            acting.append((num_seeds, design.name, error, found.alone, found.after_holm, ratio))
    mixed = []
    for design in designs:
        found = look_at_a(design, 0.0, STRENGTH_SD, SEEDS[-1], num_datasets, rng)
        mixed.append((SEEDS[-1], design.name, f"{found.mean:.2f}", found.after_holm))
    columns = ("seeds", "design", "standard error, sd", "A is found", "after Holm over 7", "ratio of standard errors")
    return (
        f"Seven factors, eight cells, pooled two-way model, {Luck().name}, {num_datasets:,} data sets a row. Only A "
        f"does something: {STRENGTH_SD:g} sd.\n\n{markdown(columns, acting)}\n\n"
        f"A does nothing, but B and D together do, {STRENGTH_SD:g} sd in -1/+1 coding. The planner marks A as "
        "confounded with B x D in this fraction, so the report makes no such claim:\n\n"
        f"{markdown(('seeds', 'design', 'mean estimate of A, sd', 'A is claimed after Holm'), mixed)}"
    )
