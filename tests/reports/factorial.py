"""A full factorial as a study: 2^3 cells with the scores of a table, and the comparisons such a design plans."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import factorial

import numpy as np

from pipeline.spec.study import Arm, Comparison, DataSummary, Metric, PlannedStage, StudyPlan
from reports.records.load import StudyData
from tests.reports.test_effects import NoFiles, make_record

FACTORS = ("a", "b", "c")
SIGNS = tuple(itertools.product((-1, 1), repeat=3))  # ---, --+, -+-, ... as the reference case lists its cells
REFERENCE = (  # [num_cells, num_seeds] of case R5, in points
    (90.0, 90.2), (90.9, 91.2), (91.1, 91.4), (92.3, 92.2), (91.0, 91.3), (92.1, 92.0), (91.2, 91.6), (92.4, 92.3),
)  # fmt: skip


def name_of(on: Sequence[str]) -> str:
    """The arm in which these factors are on."""
    return "full" if len(on) == len(FACTORS) else "".join(f"+{factor}" for factor in on) or "bare"


CELLS = tuple(tuple(f for f, sign in zip(FACTORS, signs, strict=True) if sign > 0) for signs in SIGNS)
SCORES = {name_of(on): row for on, row in zip(CELLS, REFERENCE, strict=True)}


def averaged(*factors: str) -> dict[str, float]:
    """Twice the coefficient of these factors' product in +-1 coding: mean where it is + minus mean where it is -."""
    columns = [[signs[FACTORS.index(factor)] for signs in SIGNS] for factor in factors]
    return {name_of(on): float(np.prod(s)) / 4 for on, s in zip(CELLS, zip(*columns, strict=True), strict=True)}


def share(factor: str) -> dict[str, float]:
    """Shapley's weights: the factor's step, averaged over all orders."""
    weights: dict[str, float] = {}
    for on in CELLS:
        if factor not in on:
            weight = factorial(len(on)) * factorial(len(FACTORS) - len(on) - 1) / factorial(len(FACTORS))
            weights[name_of(on)] = weights.get(name_of(on), 0.0) - weight
            more = name_of(tuple(f for f in FACTORS if f in (*on, factor)))
            weights[more] = weights.get(more, 0.0) + weight
    return weights


MAIN = tuple(Comparison(factor=f, context="averaged over the others", weights=averaged(f)) for f in FACTORS)
INTERACTIONS = tuple(
    Comparison(factor=f"{a} x {b}", context="interaction", weights=averaged(a, b), exploratory=True)
    for a, b in itertools.combinations(FACTORS, 2)
)
SHARES = tuple(Comparison(factor=f, context="share of the gain", weights=share(f)) for f in FACTORS)


def factorial_study(
    comparisons: tuple[Comparison, ...] = MAIN + INTERACTIONS,
    scores: Mapping[str, Sequence[float | None]] = SCORES,
    *,
    stages: Mapping[str, str] | None = None,
    delta: float = 0.1,
) -> StudyData:
    """The study with these scores in points; None: failed, NaN: not run.

    Args:
        comparisons: of the plan.
        scores: by arm.
        stages: arm -> stage hash, where it is not the arm's name.
        delta: smallest difference that matters, in points.
    """
    hashes = {name_of(on): name_of(on) for on in CELLS} | dict(stages or {})
    arms = tuple(
        Arm(
            name=name_of(on),
            factors=on,
            stages=(PlannedStage(name="main", stage_hash=hashes[name_of(on)], spec={}),),
            recipe={"strategies": [{"kind": factor} for factor in on]},
        )
        for on in sorted(CELLS, key=lambda on: (len(on), on))
    )
    plan = StudyPlan(
        study="factorial", metric=Metric(delta=delta), seeds=tuple(range(len(scores["bare"]))), design="full_factorial",
        arms=arms, comparisons=comparisons,
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={"val": 10}),
    )  # fmt: skip
    records = {
        (hashes[arm], seed): make_record(hashes[arm], seed, None if value is None else value / 100)
        for arm, row in scores.items()
        for seed, value in enumerate(row)
        if value is None or not np.isnan(value)
    }
    return StudyData(plan, records, [], NoFiles())


def at_level(study: StudyData, alpha: float) -> StudyData:
    """The study as if its plan had declared this level for its verdicts."""
    return replace(study, plan=study.plan.model_copy(update={"alpha": alpha}))
