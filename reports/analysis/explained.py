"""Right and wrong examples of two arms, from the sample of images that every run has a heat map of."""

import numpy as np

from reports.analysis.classes import class_name
from reports.records.load import StudyData
from reports.records.pictures import Heat, read_heat
from reports.results.seen import Answer, ComparedArms, ExplainedAnalysis, ExplainedGroup, ExplainedImage

MAX_IMAGES = 4  # of a group


def analyse_explained(study: StudyData, arms: ComparedArms) -> ExplainedAnalysis | None:
    """Four groups: fixed, broken, both right, both wrong; None where the runs of no seed have heat maps of both."""
    stages = [study.plan.arm(name).final.stage_hash for name in (arms.reference, arms.other)]
    for seed in study.plan.seeds:
        if not all(study.finished((stage, seed)) for stage in stages):
            continue
        reference, other = (read_heat(study, (stage, seed)) for stage in stages)
        if reference is not None and other is not None and reference.ids == other.ids:
            return _grouped(study, arms, seed, reference, other)
    return None


def _grouped(study: StudyData, arms: ComparedArms, seed: int, reference: Heat, other: Heat) -> ExplainedAnalysis:
    before, after = reference.predicted == reference.labels, other.predicted == other.labels
    groups = {
        f"Fixed: wrong in {arms.reference}, right in {arms.other}": ~before & after,
        f"Broken: right in {arms.reference}, wrong in {arms.other}": before & ~after,
        "Both right": before & after,
        "Both wrong": ~before & ~after,
    }
    return ExplainedAnalysis(
        arms=arms,
        seed=seed,
        num_images=len(reference.ids),
        groups=tuple(
            ExplainedGroup(
                title=title,
                num_images=int(among.sum()),
                images=tuple(
                    ExplainedImage(
                        id=reference.ids[i],
                        true_class=class_name(study.plan, int(reference.labels[i])),
                        reference=_answer(study, reference, i),
                        other=_answer(study, other, i),
                    )
                    for i in np.flatnonzero(among)[:MAX_IMAGES].tolist()
                ),
            )
            for title, among in groups.items()
        ),
    )


def _answer(study: StudyData, heat: Heat, i: int) -> Answer:
    return Answer(predicted_class=class_name(study.plan, int(heat.predicted[i])), confidence=float(heat.confidence[i]))
