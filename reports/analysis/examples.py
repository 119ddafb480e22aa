"""What each comparison changed image by image, from the stored predictions.

The verdict stays with the seeds. Here is where the checkpoints differ, whether that could be the seeds' luck, and on
which classes.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pipeline.spec.study import Comparison
from reports.analysis.classes import class_name
from reports.records.load import StudyData
from reports.records.predictions import Answers
from reports.results.in_depth import ClassDifference, ExampleAnalysis, ExampleEffect, SeedFlips
from reports.results.ranges import Range
from reports.stats.estimate import Interval
from reports.stats.mcnemar import Flips, QuasiEffect, count_flips, quasi_mcnemar
from reports.stats.multiplicity import benjamini_hochberg
from reports.stats.overdispersion import Dispersion, SumsOfSquares, pool_dispersion, sums_of_squares
from reports.wording import p_text

POINTS = 100.0


def analyse_examples(study: StudyData, answers: Answers) -> ExampleAnalysis | None:
    """Every difference of two arms; None where no run left predictions."""
    if not answers.runs:
        return None
    stages = _factor_stages(study)
    whole = pool_dispersion(_unique_squares(study, answers, stages, None))
    phi = whole[0] if whole else None
    differences = [c for c in study.plan.comparisons if not c.weights]
    ordered = sorted(differences, key=lambda comparison: comparison.control)
    effects = tuple(_effect(study, answers, comparison, phi) for comparison in ordered)
    return ExampleAnalysis(
        phi=None if phi is None else phi.phi,
        phi_limit=None if phi is None else phi.limit,
        phi_df=0 if phi is None else phi.df,
        checkpoints_only=phi is None or phi.exceeds,
        sentence=_gate(phi),
        effects=effects,
        classes=_class_differences(study, answers, stages, effects),
    )


def _gate(phi: Dispersion | None) -> str:
    if phi is None:
        return (
            "How much runs of one arm differ is unknown (it takes two seeds of an arm), so McNemar's p speaks about "
            "these checkpoints only."
        )
    figures = f"phi {phi.phi:.2f}, limit {phi.limit:.2f} at {phi.df} df"
    if phi.exceeds:
        return (
            f"Runs of one arm differ from each other by more than the images explain ({figures}): McNemar's p speaks "
            "about these checkpoints only. The widened p allows for that."
        )
    return (
        f"No sign that runs of one arm differ by more than the images explain ({figures}), so McNemar's p may speak "
        "about the factor too. The verdicts above stay with the seeds."
    )


def _factor_stages(study: StudyData) -> tuple[str, ...]:
    """Stages that comparisons of factors are made of. Controls lend nothing, here as in the verdicts."""
    arms = [arm for c in study.plan.comparisons if not c.control for arm in c.contrast]
    return tuple(dict.fromkeys(study.plan.arm(name).final.stage_hash for name in arms))


def _seeds_answered(study: StudyData, answers: Answers, stage: str) -> tuple[int, ...]:
    return tuple(seed for seed in study.plan.seeds if (stage, seed) in answers.runs)


def _matrix(study: StudyData, answers: Answers, stage: str) -> np.ndarray | None:
    """[num_seeds, num_images] uint8 of one arm; None where its runs did not all answer the same images."""
    runs = [(stage, seed) for seed in _seeds_answered(study, answers, stage)]
    if not runs or any(not answers.same_images(run, runs[0]) for run in runs):
        return None
    return np.stack([answers.runs[run].correct for run in runs])


@dataclass(frozen=True, slots=True)
class _Grouping:
    """Images in the order of their class."""

    order: np.ndarray  # [num_images]
    starts: np.ndarray  # [num_classes that occur]
    labels: np.ndarray  # [num_classes that occur]


def _group(labels: np.ndarray) -> _Grouping:
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    return _Grouping(order, starts, present)


def _unique_squares(
    study: StudyData, answers: Answers, stages: tuple[str, ...], grouping: _Grouping | None
) -> list[SumsOfSquares]:
    """Of every arm once; arms that answered alike count as one, since a copy says nothing new about luck."""
    found: dict[bytes, SumsOfSquares] = {}
    for stage in stages:
        matrix = _matrix(study, answers, stage)
        if matrix is None or (grouping is not None and matrix.shape[1] != len(grouping.order)):
            continue
        ordered = matrix if grouping is None else matrix[:, grouping.order]
        starts = np.zeros(1, dtype=int) if grouping is None else grouping.starts
        found.setdefault(matrix.tobytes(), sums_of_squares(ordered, starts))
    return list(found.values())


def _effect(study: StudyData, answers: Answers, comparison: Comparison, phi: Dispersion | None) -> ExampleEffect:
    named = ExampleEffect(
        factor=comparison.factor,
        context=comparison.context,
        treatment=comparison.treatment,
        reference=comparison.reference,
        control=comparison.control,
    )
    treatment, reference = (
        study.plan.arm(name).final.stage_hash for name in (comparison.treatment, comparison.reference)
    )
    reason = _why_not(study, answers, comparison, treatment, reference)
    if reason:
        return named.model_copy(update={"not_assessed": reason, "sentence": f"not assessed ({reason})"})
    flips = {
        seed: count_flips(answers.runs[treatment, seed].correct, answers.runs[reference, seed].correct)
        for seed in study.plan.seeds
        if (treatment, seed) in answers.runs and (reference, seed) in answers.runs
    }
    total = sum(flips.values(), Flips(0, 0, 0))
    widened = None if phi is None else quasi_mcnemar(total, phi.phi, phi.df)
    num_images = next(iter(flips.values())).num_images
    own = [_own_flips(_matrix(study, answers, stage)) for stage in (reference, treatment)]
    return named.model_copy(
        update={
            "num_images": num_images,
            "seeds": tuple(
                SeedFlips(seed=seed, fixed=found.fixed, broken=found.broken, p=found.p) for seed, found in flips.items()
            ),
            "fixed": total.fixed,
            "broken": total.broken,
            "p": total.p,
            "difference": POINTS * (total.fixed - total.broken) / total.num_images,
            "ci95": None if widened is None else _points(widened.interval95),
            "p_widened": None if widened is None else widened.p,
            "reference_flips": own[0],
            "treatment_flips": own[1],
            "sentence": _sentence(total, len(flips), num_images, phi, widened),
        }
    )


def _why_not(study: StudyData, answers: Answers, comparison: Comparison, treatment: str, reference: str) -> str:
    """Why a comparison cannot be looked at image by image; empty where it can."""
    pair = (comparison.treatment, comparison.reference)
    if treatment == reference:
        return "both arms are the same specification"
    without = [
        name for name, stage in zip(pair, (treatment, reference), strict=True)
        if not _seeds_answered(study, answers, stage)
    ]  # fmt: skip
    if without:
        return f"no predictions of {' and '.join(without)}"
    seeds = [s for s in study.plan.seeds if (treatment, s) in answers.runs and (reference, s) in answers.runs]
    if not seeds:
        return "no seed has predictions of both arms"
    for seed in seeds:
        one, other = answers.runs[treatment, seed], answers.runs[reference, seed]
        if one.images[0] != other.images[0]:
            return f"predictions of {pair[0]} and {pair[1]} are of different images"
        if one.images[1] != other.images[1]:
            return f"predictions of {pair[0]} and {pair[1]} have different labels"
    if all(
        np.array_equal(answers.runs[treatment, s].confidence, answers.runs[reference, s].confidence)
        and np.array_equal(answers.runs[treatment, s].correct, answers.runs[reference, s].correct)
        for s in seeds
    ):
        return "both arms answered alike, down to the confidence"
    return ""


def _own_flips(correct: np.ndarray | None) -> float | None:
    """Images that differ between two seeds of one arm, mean over all pairs; None below two seeds."""
    if correct is None or len(correct) < 2:
        return None
    right = correct.sum(axis=0, dtype=np.int64)
    num_seeds = len(correct)
    return float((right * (num_seeds - right)).sum() / (num_seeds * (num_seeds - 1) / 2))


def _sentence(
    total: Flips, num_seeds: int, num_images: int, phi: Dispersion | None, widened: QuasiEffect | None
) -> str:
    counts = (
        f"fixed {total.fixed / num_seeds:.1f} and broke {total.broken / num_seeds:.1f} of {num_images} images "
        f"({'mean of ' if num_seeds > 1 else ''}{num_seeds} seed{'' if num_seeds == 1 else 's'}); "
        f"McNemar p={p_text(total.p)}"
    )
    if phi is None or widened is None:
        return f"{counts}, about these checkpoints only"
    only = ", about these checkpoints only" if phi.exceeds else ""
    return f"{counts}{only}; widened for run-to-run differences p={p_text(widened.p)}"


def _class_differences(
    study: StudyData, answers: Answers, stages: tuple[str, ...], effects: tuple[ExampleEffect, ...]
) -> tuple[ClassDifference, ...]:
    """Every class of every comparison of factors, on the images that most runs answered."""
    images = Counter(run.images for run in answers.runs.values()).most_common(1)[0][0]
    grouping = _group(answers.labels[images])
    on_them = tuple(
        stage
        for stage in stages
        if all(answers.runs[stage, seed].images == images for seed in _seeds_answered(study, answers, stage))
    )
    dispersions = pool_dispersion(_unique_squares(study, answers, on_them, grouping))
    found: list[tuple[ExampleEffect, int, QuasiEffect, Dispersion]] = []
    sizes = np.diff(np.append(grouping.starts, len(grouping.order)))
    for effect in effects:
        arms = [study.plan.arm(name).final.stage_hash for name in (effect.treatment, effect.reference)]
        if effect.control or effect.not_assessed or not set(arms) <= set(on_them):
            continue
        pairs = [
            np.stack([answers.runs[stage, flips.seed].correct for flips in effect.seeds])[:, grouping.order]
            for stage in arms
        ]  # two of [num_seeds, num_images]
        fixed, broken = (
            np.add.reduceat(better > worse, grouping.starts, axis=1, dtype=np.int64).sum(axis=0)
            for better, worse in (pairs, pairs[::-1])
        )
        for group, phi in enumerate(dispersions):
            if phi is not None:
                flips = Flips(int(fixed[group]), int(broken[group]), len(effect.seeds) * int(sizes[group]))
                found.append((effect, group, quasi_mcnemar(flips, phi.phi, phi.df), phi))
    if not found:
        return ()
    adjusted = benjamini_hochberg(np.array([widened.p for _, _, widened, _ in found]))
    rows = [
        ClassDifference(
            factor=effect.factor,
            context=effect.context,
            class_name=class_name(study.plan, int(grouping.labels[group])),
            num_images=int(sizes[group]),
            difference=POINTS * widened.difference,
            ci95=_points(widened.interval95),
            p=widened.p,
            q=float(q),
            phi=phi.phi,
        )
        for (effect, group, widened, phi), q in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.p))


def _points(limits: Interval | None) -> Range | None:
    return None if limits is None else Range(low=POINTS * limits.low, high=POINTS * limits.high)
