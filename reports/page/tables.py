"""The tables of the page, as text in rows: every number of a figure also stands in one of them."""

from dataclasses import dataclass

from pipeline.spec.study import StudyPlan
from reports.analysis.findings import arms_text, skipped_by_reason
from reports.formats.text import effect_text, ratio_text
from reports.records.load import StudyData
from reports.results.completeness import RunCell
from reports.results.effect import Effect
from reports.results.ranges import Range
from reports.results.study import Analysis, NetworkSize, Spread
from reports.scale import Scale, scale_of
from reports.wording import level_text, p_text, range_text

NONE = "—"


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class GridRow:
    """One arm's runs, in the order of the plan's seeds; None with a seed that the arm is not planned with."""

    arm: str
    cells: tuple[RunCell | None, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Runs that did not finish or were never planned, and why."""

    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class ControlLine:
    """Whether a control came out as it must."""

    factor: str
    passed: bool | None
    text: str


def completeness_grid(analysis: Analysis, seeds: tuple[int, ...]) -> tuple[GridRow, ...]:
    """Arms by seeds."""
    found = {(cell.arm, cell.seed): cell for cell in analysis.completeness.cells}
    return tuple(GridRow(arm.name, tuple(found.get((arm.name, seed)) for seed in seeds)) for arm in analysis.arms)


def troubles(analysis: Analysis) -> tuple[Trouble, ...]:
    """Arms that were skipped, then failed and blocked cells; those with one reason together."""
    skipped = tuple(
        Trouble(f"{arms_text(arms)} skipped", reason)
        for reason, arms in skipped_by_reason(analysis.completeness.skipped).items()
    )
    seeds: dict[tuple[str, str], list[int]] = {}
    for cell in analysis.completeness.cells:
        if cell.state in ("failed", "blocked"):
            seeds.setdefault((cell.arm, cell.reason), []).append(cell.seed)
    return skipped + tuple(
        Trouble(f"{arm}, seed{'' if len(found) == 1 else 's'} {', '.join(map(str, found))}", reason)
        for (arm, reason), found in seeds.items()
    )


def effect_table(analysis: Analysis, scale: Scale) -> Table:
    """The twin of the forest plot: all numbers of all comparisons, controls last."""
    columns = (
        "factor", "context", "difference", f"{level_text(analysis.level)} CI", "p", "Holm p", "method", "df", "seeds",
        "detectable (80%)", "each seed", "other methods", "r", "step cost", "verdict",
    )  # fmt: skip
    return Table(columns, tuple(_effect_row(effect, scale) for effect in analysis.effects + analysis.controls))


def secondary_table(analysis: Analysis) -> Table | None:
    """Other validation metrics; None where there are none."""
    columns = ("factor", "context", "metric", "difference", "95% CI", "p", "BH q")
    rows: list[tuple[str, ...]] = []
    for effect in analysis.effects:
        for other in effect.secondary:
            # As many digits as the interval needs: [0.000, 0.000] beside a star says nothing.
            scale = scale_of(other.metric, (other.ci95.high - other.ci95.low) / 2)
            limits = range_text(other.ci95, scale)
            mark = " *" if other.q < 0.1 else ""
            rows.append(
                (effect.factor, effect.context, scale.title, scale.difference(other.estimate), limits,
                 p_text(other.p), p_text(other.q) + mark)
            )  # fmt: skip
    return Table(columns, tuple(rows)) if rows else None


def arm_table(analysis: Analysis) -> Table:
    """Levels and cost of each arm."""
    metrics = sorted(
        {name for arm in analysis.arms for name in arm.metrics if name.startswith("val/")},
        key=lambda name: (name != f"val/{analysis.metric}", name),
    )
    columns = (
        "arm", "seeds", *(name.removeprefix("val/") for name in metrics), "step ms", "step vs bare", "peak MB",
        "parameters", "GFLOPs an image", "images seen", "with teachers", "busy",
    )  # fmt: skip
    rows = tuple(
        (
            arm.name,
            str(arm.n),
            *(_spread(arm.metrics.get(name), scale_of(name.removeprefix("val/"))) for name in metrics),
            NONE if arm.step_ms is None else f"{arm.step_ms:.1f}",
            ratio_text(arm.step_ratio) if arm.factors else "reference",
            NONE if arm.peak_memory_mb is None else f"{arm.peak_memory_mb:,.0f}",
            *_network_cells(arm.network),
            NONE if arm.samples_seen is None else f"{arm.samples_seen:,.0f}",
            NONE if arm.samples_with_ancestors is None else f"{arm.samples_with_ancestors:,.0f}",
            NONE if arm.busy_s_with_ancestors is None else duration(arm.busy_s_with_ancestors),
        )
        for arm in analysis.arms
    )
    return Table(columns, rows)


def noise_table(analysis: Analysis, scale: Scale) -> Table | None:
    """Every run of bare's recipe, and what the A/A arm differs by; None before there is one."""
    found = analysis.repeats
    if found is None:
        return None
    seeds = tuple(dict.fromkeys(seed for values in found.scores.values() for seed in values))
    rows = [
        (name, *(scale.value(values[seed]) if seed in values else NONE for seed in seeds))
        for name, values in found.scores.items()
    ]
    rows += [
        (f"{name} minus bare", *(scale.difference(values[seed]) if seed in values else NONE for seed in seeds))
        for name, values in found.differences.items()
    ]
    return Table(("arm", *(f"seed {seed}" for seed in seeds)), tuple(rows))


def _network_cells(network: NetworkSize | None) -> tuple[str, str]:
    """Millions of parameters and GFLOPs; before and after where strategies changed the network."""
    if network is None:
        return NONE, NONE
    parameters = _change(network.bare_num_parameters / 1e6, network.num_parameters / 1e6)
    return f"{parameters} M", _change(network.bare_gflops, network.forward_gflops)


def _change(before: float, after: float) -> str:
    return f"{after:.3g}" if before == after else f"{before:.3g} → {after:.3g}"


def control_lines(analysis: Analysis) -> tuple[ControlLine, ...]:
    """One line per control: what was expected and what came."""
    return tuple(
        ControlLine(
            effect.factor,
            effect.as_expected,
            f"expected: {effect.expected or 'nothing in particular'}; found: {effect.sentence}",
        )
        for effect in analysis.controls
    )


def provenance(study: StudyData, analysis: Analysis) -> tuple[tuple[str, str], ...]:
    """Names and values of what the numbers rest on."""
    plan, records = study.plan, list(study.records.values())
    roles = ", ".join(f"{count:,} {role}" for role, count in plan.data.num_samples.items())
    skipped = sorted({record.skipped_images for record in records})
    found: list[tuple[str, str]] = [
        ("study", plan.study),
        ("design", f"{plan.design}, seeds {', '.join(map(str, plan.seeds))}"),
        ("plan hash", plan.plan_hash),
        ("data", f"{roles} images in {len(plan.data.class_names)} classes"),
        ("classes", ", ".join(plan.data.class_names)),
        ("data fingerprint", plan.data.fingerprint),
        ("skipped images", ", ".join(map(str, skipped)) or NONE),
    ]
    for name in ("code_version", "python", "torch", "ray", "timm", "device", "threads_per_worker"):
        values = sorted({str(getattr(record.environment, name)) for record in records})
        found.append((name.replace("_", " "), ", ".join(values) or NONE))
    if records:
        times = sorted(record.finished_at for record in records)
        found.append(("runs ended", f"{times[0]} to {times[-1]}"))
    total = analysis.total_cost
    found.append(("spent so far", f"{duration(total.busy_s)} busy, {total.samples_seen:,} images trained on"))
    found.extend(("note on the data", note) for note in plan.data.notes)
    return tuple(found)


def spec_hashes(plan: StudyPlan) -> Table:
    """The identity of every stage of every arm."""
    rows = tuple((arm.name, stage.name, stage.stage_hash) for arm in plan.arms for stage in arm.stages)
    return Table(("arm", "stage", "spec hash"), rows)


def duration(seconds: float) -> str:
    """'2 h 05 min', '3.4 min' or '12 s'."""
    if seconds >= 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _effect_row(effect: Effect, scale: Scale) -> tuple[str, ...]:
    others = "; ".join(
        f"{other.method} {scale.difference(other.estimate)} {range_text(other.ci95, scale)}".rstrip()
        for other in effect.others
        if other.method != effect.method
    )
    seeds = ", ".join(f"{seed}: {scale.difference(value)}" for seed, value in effect.differences.items())
    ratio = ratio_text(effect.step_ratio)
    difference = effect_text(effect.model_copy(update={"ci95": None}), scale)
    return (
        effect.factor + (" (control)" if effect.control else ""), effect.context, difference,
        _range(effect.ci95, scale), _p(effect.p), _adjusted_p(effect),
        str(effect.method or NONE), NONE if effect.df is None else f"{effect.df:g}",
        f"{effect.n} of {effect.num_seeds_planned}",
        NONE if effect.mde is None else f"{scale.value(effect.mde)}{scale.suffix}",
        seeds or NONE, others or NONE, NONE if effect.correlation is None else f"{effect.correlation:.2f}",
        ratio, effect.sentence,
    )  # fmt: skip


def _adjusted_p(effect: Effect) -> str:
    if effect.q is not None:
        return f"q {p_text(effect.q)}"
    return NONE if effect.control else _p(effect.p_holm)


def _range(limits: Range | None, scale: Scale) -> str:
    return range_text(limits, scale) or NONE


def _p(value: float | None) -> str:
    return NONE if value is None else p_text(value)


def _spread(spread: Spread | None, scale: Scale) -> str:
    if spread is None:
        return NONE
    return scale.value(spread.mean) + ("" if spread.sd is None else f" (sd {scale.value(spread.sd)})")
