"""Studies of any design without training: known gains of factors and of two pairs, and luck on top."""

from collections.abc import Mapping

import numpy as np

from ablations.designs import AnyDesign, lay_out, plain_groups
from pipeline.spec.study import Arm, DataSummary, Metric, PlannedStage, StudyPlan
from reports.records.load import StudyData
from tests.benchmarks.proof.studies import PT_PER_SD, with_scores

FACTORS = ("cosine", "mixup", "smoothing", "distill", "progressive", "erasing", "ema", "sam")
GAINS_PT = {"cosine": 2.5, "mixup": 1.0, "smoothing": 1.0, "distill": 0.5, "progressive": -1.0}
PAIRS_PT = {("mixup", "smoothing"): -1.5, ("cosine", "distill"): 1.0}
BARE_PT = 90.0


def plan_of(design: AnyDesign, num_factors: int, num_seeds: int = 3) -> StudyPlan:
    """The plan of this design over the first factors."""
    layout = lay_out(design, plain_groups(FACTORS[:num_factors]), ())
    arms = tuple(
        Arm(name=c.name, factors=c.factors, stages=(PlannedStage(name="main", stage_hash=c.name, spec={}),), recipe={})
        for c in layout.cells
    )
    return StudyPlan(
        study="crafted", metric=Metric(delta=0.3), seeds=tuple(range(num_seeds)), design=design.kind, arms=arms,
        comparisons=layout.comparisons, aliases=layout.aliases, design_notes=layout.notes,
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={"val": 10}),
    )  # fmt: skip


def true_level(arm: Arm) -> float:
    """Points of the arm without luck."""
    on = set(arm.factors)
    pairs = sum(gain for pair, gain in PAIRS_PT.items() if set(pair) <= on)
    return BARE_PT + sum(GAINS_PT.get(factor, 0.0) for factor in arm.factors) + pairs


def crafted(plan: StudyPlan, noise_pt: float = 0.5) -> tuple[StudyData, dict[str, np.ndarray]]:
    """The study, every run finished, and arm -> [num_seeds] its scores in points."""
    rng = np.random.default_rng(3)
    by_seed = rng.normal(0, 1, len(plan.seeds))  # what arms share with a seed
    scores = {arm.name: true_level(arm) + by_seed + rng.normal(0, noise_pt, len(plan.seeds)) for arm in plan.arms}
    return with_scores(plan, _as_luck(plan, scores)), scores


def _as_luck(plan: StudyPlan, scores: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.array([(scores[arm.name] - BARE_PT) / PT_PER_SD for arm in plan.arms])


def without(study: StudyData, *runs: tuple[str, int]) -> StudyData:
    """The study as if these runs, by arm and seed, had not come yet."""
    gone = {(study.plan.arm(arm).final.stage_hash, seed) for arm, seed in runs}
    records = {run: record for run, record in study.records.items() if run not in gone}
    return StudyData(study.plan, records, study.timings, study.files)
