"""Is it one lucky seed? The levels of both arms of every comparison, seed by seed, failures included."""

from pipeline.spec.study import Comparison
from reports.analysis.estimates import score
from reports.records.load import StudyData
from reports.results.seed_pairs import SeedPair, SeedPairs
from reports.scale import Scale


def pair_seeds(study: StudyData, scale: Scale) -> tuple[SeedPairs, ...]:
    """The planned comparisons of two arms in the order of the plan, those without any run left out."""
    planned = (_pairs(study, comparison, scale) for comparison in study.plan.comparisons if not comparison.weights)
    return tuple(
        found
        for found in planned
        if any(pair.reference is not None or pair.treatment is not None for pair in found.seeds)
    )


def _pairs(study: StudyData, comparison: Comparison, scale: Scale) -> SeedPairs:
    treatment, reference = (
        study.plan.arm(name).final.stage_hash for name in (comparison.treatment, comparison.reference)
    )
    seeds = tuple(
        SeedPair(
            seed=seed,
            reference=score(study, reference, seed, scale),
            treatment=score(study, treatment, seed, scale),
            reference_failed=_failed(study, reference, seed),
            treatment_failed=_failed(study, treatment, seed),
        )
        for seed in study.plan.seeds
    )
    gains = [
        scale.gain(pair.treatment - pair.reference)
        for pair in seeds
        if pair.treatment is not None and pair.reference is not None
    ]
    return SeedPairs(
        factor=comparison.factor,
        context=comparison.context,
        treatment_arm=comparison.treatment,
        reference_arm=comparison.reference,
        control=comparison.control,
        seeds=seeds,
        num_better=sum(gain > 0 for gain in gains),
    )


def _failed(study: StudyData, stage_hash: str, seed: int) -> bool:
    record = study.records.get((stage_hash, seed))
    return record is not None and record.failure is not None
