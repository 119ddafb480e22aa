"""The tables about images, confidence, speed and the front: the twins of the figures, and what has no figure."""

from reports.formats.text import ratio_text
from reports.page.tables import NONE, Table
from reports.results.in_depth import (
    CalibrationAnalysis,
    ClassDifference,
    ExampleAnalysis,
    ExampleEffect,
    ParetoAnalysis,
    SpeedAnalysis,
    SpeedRatio,
)
from reports.results.ranges import Range
from reports.scale import Scale
from reports.wording import p_text, range_text

Q_LEVEL = 0.10
MAX_CLASS_ROWS = 40
"""Rows of the class table that a person would read; all are in the JSON."""


def flips_table(analysis: ExampleAnalysis) -> Table:
    """Every comparison image by image."""
    columns = (
        "factor", "context", "fixed", "broken", "McNemar p", "accuracy, pt", "95% CI, widened", "p, widened",
        "differ between two seeds", "images", "fixed/broken by seed", "remark",
    )  # fmt: skip
    return Table(columns, tuple(_flips_row(effect) for effect in analysis.effects))


def _flips_row(effect: ExampleEffect) -> tuple[str, ...]:
    if effect.not_assessed or effect.p is None or effect.difference is None:
        return (effect.factor, effect.context, *(NONE,) * 9, f"not assessed ({effect.not_assessed})")
    count = len(effect.seeds)
    own = [f"{name} {flips:.1f}" for name, flips in
           ((effect.reference, effect.reference_flips), (effect.treatment, effect.treatment_flips))
           if flips is not None]  # fmt: skip
    return (
        effect.factor,
        effect.context,
        f"{effect.fixed / count:.1f}",
        f"{effect.broken / count:.1f}",
        p_text(effect.p),
        f"{effect.difference:+.2f}",
        NONE if effect.ci95 is None else f"[{effect.ci95.low:.2f}, {effect.ci95.high:.2f}]",
        NONE if effect.p_widened is None else p_text(effect.p_widened),
        ", ".join(own) or NONE,
        f"{effect.num_images:,}",
        "; ".join(f"{seed.seed}: {seed.fixed}/{seed.broken}" for seed in effect.seeds),
        "control" if effect.control else "",
    )


def class_table(analysis: ExampleAnalysis) -> Table | None:
    """The classes with the smallest p; None where there is none."""
    if not analysis.classes:
        return None
    columns = ("class", "images", "factor", "context", "accuracy, pt", "95% CI, widened", "p", "BH q", "phi")
    return Table(columns, tuple(_class_row(row) for row in analysis.classes[:MAX_CLASS_ROWS]))


def _class_row(row: ClassDifference) -> tuple[str, ...]:
    return (
        row.class_name,
        f"{row.num_images:,}",
        row.factor,
        row.context,
        f"{row.difference:+.1f}",
        NONE if row.ci95 is None else f"[{row.ci95.low:.1f}, {row.ci95.high:.1f}]",
        p_text(row.p),
        p_text(row.q) + (" *" if row.q < Q_LEVEL else ""),
        f"{row.phi:.1f}",
    )


def calibration_table(analysis: CalibrationAnalysis) -> Table:
    """Every arm's confidence against what came true, each ECE beside its null level."""
    columns = (
        "arm", "seeds", "images", "mean confidence", "right", "ECE, equal width", "by chance", "ECE, equal mass",
        "by chance", "debiased squared gap", "NLL", "Brier", "temperature",
    )  # fmt: skip
    rows = tuple(
        (
            arm.arm,
            str(arm.num_seeds),
            f"{arm.num_images:,}",
            f"{arm.confidence:.2f}%",
            f"{arm.accuracy:.2f}%",
            f"{arm.ece:.2f} pt",
            f"{arm.ece_null:.2f} pt",
            f"{arm.ece_mass:.2f} pt",
            f"{arm.ece_mass_null:.2f} pt",
            f"{arm.debiased_squared_l2:.5f}",
            NONE if arm.nll is None else f"{arm.nll:.4f}",
            NONE if arm.brier is None else f"{arm.brier:.4f}",
            NONE if arm.temperature is None else f"{arm.temperature:.3f}",
        )
        for arm in analysis.arms
    )
    return Table(columns, rows)


def bin_table(analysis: CalibrationAnalysis) -> Table:
    """The twin of the reliability diagrams."""
    rows = tuple(
        (
            arm.arm,
            f"{100 * found.confidence:.1f}%",
            f"{100 * found.accuracy:.1f}%",
            f"[{100 * found.ci95.low:.1f}, {100 * found.ci95.high:.1f}]",
            f"{found.count:,}",
        )
        for arm in analysis.arms
        for found in arm.bins
    )
    return Table(("arm", "confidence", "right", "95% CI (Wilson)", "images"), rows)


def temperature_table(analysis: CalibrationAnalysis) -> Table | None:
    """Before and after a fitted temperature; None where no comparison switches one on."""
    rows = tuple(
        (
            change.factor,
            change.context,
            f"{change.ece_before:.2f} pt ({change.before})",
            f"{change.ece_after:.2f} pt ({change.after})",
            f"{change.temperature:.3f}",
        )
        for change in analysis.temperatures
    )
    return Table(("factor", "context", "ECE before", "ECE after", "temperature"), rows) if rows else None


def time_table(analysis: SpeedAnalysis) -> Table | None:
    """Time to the target of every arm; None where it is not assessed."""
    if not analysis.arms:
        return None
    horizon = analysis.arms[0].horizon
    columns = ("arm", "reached", "epochs by seed", f"mean, up to {horizon} epochs", "an epoch's steps", "mean time")
    rows = tuple(
        (
            arm.arm,
            f"{arm.num_reached}/{len(arm.epochs)}",
            "; ".join(f"{seed}: {NONE if e is None else f'{e:.1f}'}" for seed, e in arm.epochs.items()) or NONE,
            NONE if arm.restricted_epochs is None else f"{arm.restricted_epochs:.2f}",
            NONE if arm.epoch_s is None else f"{arm.epoch_s:.3g} s",
            NONE if arm.restricted_s is None else f"{arm.restricted_s:.4g} s",
        )
        for arm in analysis.arms
    )
    return Table(columns, rows)


def time_ratio_table(analysis: SpeedAnalysis) -> Table | None:
    """Time to the target of one arm over another's; None where there is no comparison of two arms."""
    rows = tuple(_time_ratio_row(row) for row in analysis.ratios)
    return Table(("factor", "context", "epochs", "seconds", "remark"), rows) if rows else None


def _time_ratio_row(row: SpeedRatio) -> tuple[str, ...]:
    remark = f"no ratio ({row.not_assessed})" if row.not_assessed else ""
    return (
        row.factor, row.context, _ratio(row.epochs, row.epochs_ci95), _ratio(row.seconds, row.seconds_ci95), remark,
    )  # fmt: skip


def throughput_table(analysis: SpeedAnalysis) -> Table | None:
    """Throughput and memory of every arm that was timed; None where none was."""
    rows = tuple(
        (
            row.arm,
            f"{row.images_per_s:,.0f}",
            NONE if row.ratio is None else ratio_text(row.ratio),
            NONE if row.peak_memory_mb is None else f"{row.peak_memory_mb:,.0f}",
            NONE if row.memory_ratio is None else f"{row.memory_ratio:.2f}x",
        )
        for row in analysis.throughput
    )
    return Table(("arm", "images/s", "vs bare", "peak MB", "vs bare"), rows) if rows else None


def pareto_table(analysis: ParetoAnalysis, scale: Scale) -> Table:
    """The twin of the scatter."""
    columns = (
        "arm", scale.title, "95% CI", f"training time vs {analysis.reference}", "95% CI", "on the front as measured",
        "P(on the front)", "dominated by (95%)", "failed runs",
    )  # fmt: skip
    rows = tuple(
        (
            point.arm,
            scale.value(point.value),
            range_text(point.value_ci95, scale) or NONE,
            f"{point.cost:.2f}x",
            NONE if point.cost_ci95 is None else f"[{point.cost_ci95.low:.2f}, {point.cost_ci95.high:.2f}]",
            "yes" if point.on_front else "no",
            NONE if point.p_front is None else f"{point.p_front:.2f}",
            ", ".join(point.dominated_by) or NONE,
            str(point.num_failed),
        )
        for point in analysis.points
    )
    return Table(columns, rows)


def _ratio(value: float | None, limits: Range | None) -> str:
    if value is None:
        return NONE
    return f"{value:.2f}x" if limits is None else f"{value:.2f}x [{limits.low:.2f}, {limits.high:.2f}]"
