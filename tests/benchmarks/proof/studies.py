"""Whole studies without training: a planned design, and records in memory as the recorder would have written them."""

from collections.abc import Mapping
from functools import cache

import numpy as np

from ablations.designs import AddOneIn, AnyDesign, BothWays, Fractional, lay_out, plain_groups
from pipeline.spec.records import Environment, RunRecord, Status
from pipeline.spec.study import Arm, DataSummary, Metric, PlannedStage, StudyPlan
from reports.records.load import RunId, StudyData

PT_PER_SD = 0.5
"""Percentage points of top-1 in one sd of a run: about what small networks on small data have."""
DELTA_SD = 0.1
"""Threshold in sd. Small on purpose: a larger one turns some false claims into "no meaningful difference"."""
TRUE_LEVEL = 0.9
PLACEBO = "placebo"
DESIGNS: dict[str, AnyDesign] = {
    "add_one_in": AddOneIn(),
    "both_ways": BothWays(),
    "eighth": Fractional(cells=8),
    "quarter": Fractional(cells=16),
}
ENVIRONMENT = Environment(
    code_version="simulated", python="3.11", torch="none", ray="none", timm="none", device="none", threads_per_worker=1
)


class NoFiles:
    """Runs that left no files."""

    def read(self, run: RunId, name: str) -> bytes | None:
        """Nothing."""
        return None


@cache
def planned_study(design: str, num_factors: int, num_seeds: int) -> StudyPlan:
    """A study of factors f0, f1 ... and a placebo."""
    layout = lay_out(DESIGNS[design], plain_groups(f"f{i}" for i in range(num_factors)), (PLACEBO,))
    arms = tuple(
        Arm(
            name=cell.name,
            factors=cell.factors,
            stages=(PlannedStage(name="main", stage_hash=cell.name, spec={}),),
            recipe={},
        )
        for cell in layout.cells
    )
    return StudyPlan(
        study="simulated",
        metric=Metric(name="top1", delta=DELTA_SD * PT_PER_SD),
        seeds=tuple(range(num_seeds)),
        design=DESIGNS[design].kind,
        arms=arms,
        comparisons=layout.comparisons,
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={"val": 10_000}),
    )


def with_scores(plan: StudyPlan, luck_sd: np.ndarray, effects_sd: Mapping[str, float] | None = None) -> StudyData:
    """The study with a finished run for each arm and seed.

    Args:
        plan: of `planned_study`.
        luck_sd: [num_arms, num_seeds] in sd, from `Luck.draw`.
        effects_sd: factor -> what it truly adds, in sd; factors that are not named add nothing.
    """
    effects = effects_sd or {}
    records: dict[RunId, RunRecord] = {}
    for arm, luck in zip(plan.arms, luck_sd, strict=True):
        gain = sum(effects.get(factor, 0.0) for factor in arm.factors)
        for seed, deviation in zip(plan.seeds, luck, strict=True):
            score = TRUE_LEVEL + PT_PER_SD / 100 * (gain + float(deviation))
            records[arm.final.stage_hash, seed] = RunRecord(
                stage_hash=arm.final.stage_hash,
                seed=seed,
                stage="main",
                status=Status.FINISHED,
                metrics={"val/top1": score},
                environment=ENVIRONMENT,
                data_fingerprint="f",
                finished_at="2026-01-01T00:00:00Z",
            )
    return StudyData(plan, records, [], NoFiles())
