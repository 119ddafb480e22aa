"""Which images each factor fixed and broke in most seeds, among those that there is a small picture of."""

from collections.abc import Collection

import numpy as np

from pipeline.spec.study import Comparison
from reports.analysis.classes import class_name
from reports.records.load import StudyData
from reports.records.predictions import Answers
from reports.results.seen import ChangedImage, ChangedImages

MAX_IMAGES = 6


def analyse_changed(study: StudyData, answers: Answers, shown: Collection[str]) -> tuple[ChangedImages, ...]:
    """One entry for each factor and control, in its first comparison of two arms that answered the same images.

    Args:
        study: whose plan says what is compared.
        answers: of its runs.
        shown: ids that there is a picture of, in the order in which equals are shown.
    """
    found: dict[str, ChangedImages] = {}
    for comparison in study.plan.comparisons:
        if comparison.factor not in found and not comparison.weights:
            changed = _changed(study, answers, comparison, shown)
            if changed is not None:
                found[comparison.factor] = changed
    return tuple(found.values())


def _changed(
    study: StudyData, answers: Answers, comparison: Comparison, shown: Collection[str]
) -> ChangedImages | None:
    stages = [study.plan.arm(name).final.stage_hash for name in (comparison.treatment, comparison.reference)]
    seeds = [s for s in study.plan.seeds if all((stage, s) in answers.runs for stage in stages)]
    runs = [[answers.runs[stage, seed] for seed in seeds] for stage in stages]
    everyone = [run for own in runs for run in own]
    if not seeds or stages[0] == stages[1] or any(run.images != everyone[0].images for run in everyone):
        return None
    first = (stages[0], seeds[0])
    row_of = {name: row for row, name in enumerate(answers.ids_of(first).tolist())}
    rows = np.asarray([row_of[name] for name in shown if name in row_of], dtype=np.int64)
    if not len(rows):
        return None
    labels = answers.labels_of(first)[rows]
    treated, reference = (np.stack([run.predicted[rows] for run in own]) for own in runs)  # [num_seeds, num_rows]
    right = [predicted == labels for predicted in (treated, reference)]
    ids = answers.ids_of(first)[rows]
    fixed, num_fixed = _most_seeds(study, right[0] & ~right[1], reference, labels, ids)
    broken, num_broken = _most_seeds(study, ~right[0] & right[1], treated, labels, ids)
    return ChangedImages(
        factor=comparison.factor,
        context=comparison.context,
        treatment=comparison.treatment,
        reference=comparison.reference,
        num_seeds=len(seeds),
        num_images=len(rows),
        num_fixed=num_fixed,
        num_broken=num_broken,
        fixed=fixed,
        broken=broken,
    )


def _most_seeds(
    study: StudyData, changed: np.ndarray, wrong: np.ndarray, labels: np.ndarray, ids: np.ndarray
) -> tuple[tuple[ChangedImage, ...], int]:
    """Those that changed in more than half of the seeds, most seeds first, and how many there are.

    changed: [num_seeds, num_rows] bool.  wrong: the same shape, the answers that were wrong where it changed.
    """
    counts = changed.sum(axis=0)
    often = np.flatnonzero(2 * counts > len(changed))
    order = often[np.argsort(-counts[often], kind="stable")]
    images = tuple(
        ChangedImage(
            id=str(ids[row]),
            true_class=class_name(study.plan, int(labels[row])),
            wrong_class=class_name(study.plan, int(np.bincount(wrong[changed[:, row], row]).argmax())),
            num_seeds=int(counts[row]),
        )
        for row in order[:MAX_IMAGES].tolist()
    )
    return images, len(often)
