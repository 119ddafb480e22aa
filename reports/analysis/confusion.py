"""What two arms take for what: counts of true and predicted classes over seeds."""

import numpy as np

from reports.analysis.classes import class_name
from reports.records.load import StudyData
from reports.records.predictions import Answers
from reports.results.seen import ComparedArms, ConfusedPair, ConfusionAnalysis, CountSpread

MAX_PAIRS = 12


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """[num_classes, num_classes] int64: how many images of class i were taken for class j.

    Args:
        labels: [num_images] class numbers below num_classes.
        predicted: the same.
        num_classes: K.
    """
    cells = labels.astype(np.int64) * num_classes + predicted.astype(np.int64)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def analyse_confusion(study: StudyData, answers: Answers, arms: ComparedArms) -> ConfusionAnalysis | None:
    """The pairs that are confused most; None where the arms did not answer the same images."""
    stages = [study.plan.arm(name).final.stage_hash for name in (arms.reference, arms.other)]
    runs = [[(stage, seed) for seed in study.plan.seeds if (stage, seed) in answers.runs] for stage in stages]
    if not all(runs) or not all(answers.same_images(run, runs[0][0]) for own in runs for run in own):
        return None
    labels = answers.labels_of(runs[0][0])
    highest = max(int(labels.max()), *(int(answers.runs[run].predicted.max()) for own in runs for run in own))
    num_classes = max(len(study.plan.data.class_names), highest + 1)
    names = tuple(class_name(study.plan, label) for label in range(num_classes))
    counts = [
        np.stack([confusion_counts(labels, answers.runs[run].predicted, len(names)) for run in own]) for own in runs
    ]  # two of [num_seeds, K, K]
    reference, other = (found.mean(axis=0) for found in counts)
    wrong = np.maximum(reference, other)
    np.fill_diagonal(wrong, 0)
    order = [divmod(int(cell), len(names)) for cell in np.argsort(-wrong, axis=None, kind="stable")[:MAX_PAIRS]]
    sizes = np.bincount(labels.astype(np.int64), minlength=len(names))
    return ConfusionAnalysis(
        arms=arms,
        class_names=names,
        pairs=tuple(
            ConfusedPair(
                true_class=names[true],
                predicted_class=names[predicted],
                num_images=int(sizes[true]),
                reference=_spread(counts[0][:, true, predicted]),
                other=_spread(counts[1][:, true, predicted]),
            )
            for true, predicted in order
            if wrong[true, predicted] > 0
        ),
        reference_counts=tuple(tuple(row) for row in reference.tolist()),
        other_counts=tuple(tuple(row) for row in other.tolist()),
    )


def _spread(values: np.ndarray) -> CountSpread:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return CountSpread(mean=float(values.mean()), sd=sd, n=len(values))
