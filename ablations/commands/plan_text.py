"""What `ablate plan` prints: arms, runs, what is reused, cost, and the smallest effect these seeds can show."""

import math
from dataclasses import dataclass

from ablations.commands.plan_change_text import change_lines, change_texts, rule_lines
from ablations.commands.stage_tree import arm_lines
from ablations.grid.noise_floor import noise_lines
from ablations.planning.disk import Disk, disk_of
from ablations.planning.planned import Planned
from ablations.planning.stage_checks import num_trained_on
from ablations.planning.step_probe import StepProbe
from ablations.records.home import Home
from ablations.records.store import known_plan, read_records, read_timings
from ablations.running.display import duration
from pipeline.data.plan import steps_per_epoch
from pipeline.spec.records import IN_POINTS, Status
from pipeline.spec.study import StudyPlan
from reports.analysis.contrast import compares_nothing, difference, is_difference, squared_norm, stage_weights
from reports.analysis.findings import changes_nothing, finding_lines, hidden_changes, why_skipped
from reports.stats.power import Detectable, sd_upper_limit, smallest_detectable

ASSUMED_ERROR = 0.1  # of a classifier nobody has trained yet, for the prior on run-to-run noise


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan costs."""

    pending: int
    finished: int
    one_after_another_s: float
    measured: int  # pending stages whose time comes from earlier runs rather than from a probe
    num_rough: int  # networks that the probe had no time to look at well
    num_one_seed: int  # runs of one seed more
    one_seed_s: float  # and their time, one after another
    stage_s: dict[str, float]  # stage hash -> seconds of one run


@dataclass(frozen=True, slots=True)
class Noise:
    """Run-to-run standard deviation of an arm in the metric's units, and where it comes from."""

    sd: float
    source: str


def estimate(planned: Planned, home: Home, finished: frozenset[str]) -> Estimate:
    """Seconds from earlier runs or timings of the same stage where there are any, else from a probe."""
    records = read_records(home)
    known = {h: r.cost.busy_s for (h, _), r in records.items() if r.status is Status.FINISHED and r.cost}
    timed = {t.stage_hash: t.step_ms / 1000 for t in read_timings(home)}
    probe = StepProbe()
    total_s, measured = 0.0, 0
    stage_s: dict[str, float] = {}
    for run in planned.runs:
        spec, listing = run.spec, planned.data[run.data_key].listing
        stage = run.stage.stage_hash
        if stage in known:
            stage_s[stage] = known[stage]
        elif stage not in stage_s:
            step_s = timed[stage] if stage in timed else probe.step_s(spec, len(listing.class_names))
            num_train = num_trained_on(spec, len(listing.rows("train")), len(listing.rows("pool")))
            stage_s[stage] = step_s * steps_per_epoch(num_train, spec.budget.batch_size) * spec.budget.epochs
        if run.key not in finished:
            total_s += stage_s[stage]
            measured += stage in known
    one_seed = {s.stage_hash for arm in planned.plan.arms if arm.seeds is None for s in arm.stages}
    return Estimate(
        pending=len(planned.runs) - len(finished),
        finished=len(finished),
        one_after_another_s=total_s,
        measured=measured,
        num_rough=probe.num_rough,
        num_one_seed=len(one_seed),
        one_seed_s=sum(stage_s[stage] for stage in one_seed),
        stage_s=stage_s,
    )


def noise(planned: Planned, home: Home) -> Noise | None:
    """From this plan's finished arms if one has two seeds, else the binomial prior; None where neither is known.

    The prior: var = error / (2 n), for the share of right answers on n samples (Jordan 2023, arXiv:2304.01910).
    """
    metric = planned.plan.metric.name
    scale = 100.0 if metric in IN_POINTS else 1.0
    records = read_records(home)
    squares, df, num_arms = 0.0, 0, 0
    for stage_hash in dict.fromkeys(arm.final.stage_hash for arm in planned.plan.arms):  # shared runs count once
        found = [records.get((stage_hash, seed)) for seed in planned.plan.seeds]
        values = [r.metrics[f"val/{metric}"] * scale for r in found if r and f"val/{metric}" in r.metrics]
        if len(values) >= 2:
            mean = sum(values) / len(values)
            squares += sum((v - mean) ** 2 for v in values)
            df += len(values) - 1
            num_arms += 1
    if num_arms == 1:  # a few seeds of one arm may be alike by luck, and a study planned on them would be too small
        found = math.sqrt(squares / df)
        of = f"of {found:.2f} measured on one arm, {df} degree{'' if df == 1 else 's'} of freedom"
        return Noise(sd_upper_limit(found, df), f"80% upper limit {of}")
    if df:
        return Noise(math.sqrt(squares / df), f"measured on finished runs, {df} degrees of freedom")
    if metric not in ("top1", "balanced_accuracy"):
        return None
    num_val = planned.plan.data.num_samples["val"]
    sd = scale * math.sqrt(ASSUMED_ERROR / (2 * num_val))
    return Noise(
        sd,
        f"assumed: {ASSUMED_ERROR:.0%} error on {num_val} val images; often too small, so replace it by a measurement",
    )


def detectable(planned: Planned, sd: float, num_seeds: int) -> Detectable:
    """The smallest effect the headline method finds with 80% power: of the declared comparison that sees least."""
    plan = planned.plan
    factors = [comparison for comparison in plan.comparisons if not comparison.control]
    used = {stage for comparison in factors for stage, _ in stage_weights(plan, comparison)}
    keys = list(dict.fromkeys(stage_weights(plan, c) for c in factors if not c.exploratory))
    measured = [key for key in keys if not compares_nothing(key)] or [difference("", "")]
    found = [
        smallest_detectable(
            sd,
            num_seeds,
            len(keys),
            max(2, len(used)),
            squared_norm=squared_norm(key),
            weighted=not is_difference(key),
            alpha=plan.alpha,
        )
        for key in measured
    ]
    return max(found, key=lambda one: one.alone or 0.0)


def plan_lines(planned: Planned, home: Home, finished: frozenset[str], lanes: int) -> list[str]:
    """The plan for people."""
    plan = planned.plan
    cost = estimate(planned, home, finished)
    counts = plan.data.num_samples
    unit = "points" if plan.metric.name in IN_POINTS else ""
    lines = [
        f"study     {plan.study}",
        f"question  {plan.question or '(none given)'}",
        f"data      {counts['train']} train, {counts['val']} val, {counts['test']} test images"
        f"{f' and {pool} without labels' if (pool := counts.get('pool')) else ''} in "
        f"{len(plan.data.class_names)} classes (fingerprint {plan.data.fingerprint[:12]})",
        *(f"          {note}" for note in plan.data.notes),
        f"design    {plan.design}, seeds {', '.join(map(str, plan.seeds))}; judged by val "
        f"{plan.metric.name} at the last "
        f"epoch, delta {plan.metric.delta:g} {unit}".rstrip(),
        f"arms      {len(plan.arms)}",
        *arm_lines(plan, cost.stage_s),
    ]
    lines += [*rule_lines(plan), *noise_lines(plan), *design_lines(plan), *finding_lines(plan)]
    lines += change_lines(planned, home, finished)
    lines += [
        f"runs      {len(planned.runs)} unique training runs; sharing stages between arms saves {planned.num_reused}",
        f"to do     {cost.pending} ({cost.finished} are finished already and reused)",
        f"cost      about {duration(cost.one_after_another_s)} of training one after another, "
        f"{duration(cost.one_after_another_s / lanes)} on {lanes} lane{'s' if lanes != 1 else ''}, "
        "start-up and cost block "
        f"apart; one seed more: {cost.num_one_seed} runs, {duration(cost.one_seed_s / lanes)}"
        + ("" if cost.measured or not cost.pending else f" ({probe_text(cost.num_rough)})"),
        *disk_lines(disk_of(planned, home, finished, lanes), home),
    ]
    return lines + detectable_lines(planned, noise(planned, home), unit)


def probe_text(num_rough: int) -> str:
    """How far a probe may be trusted."""
    networks = f"{num_rough} network{'' if num_rough == 1 else 's'}"
    rough = f"; {networks} too large for it, extrapolated from two images or from FLOPs" if num_rough else ""
    return f"from a probe of single steps here{rough}: expect a factor of {'three' if num_rough else 'two'}"


def disk_lines(disk: Disk, home: Home) -> list[str]:
    """What the home will hold, and whether there is room for it."""
    lines = [
        f"disk      about {disk.total_mb:.0f} MB in {home.root}, up to {disk.prepared_mb:.0f} of it prepared images; "
        f"checkpoints of runs under way up to {disk.checkpoints_mb:.0f} MB more; {disk.free_mb:.0f} MB are free"
    ]
    return lines + ([f"          WARNING: {disk.warning}"] if disk.warning else [])


def design_lines(plan: StudyPlan) -> list[str]:
    """Why this design, and what it cannot tell apart."""
    lines = [f"{'note' if i == 0 else '':<10}{note}" for i, note in enumerate(plan.design_notes)]
    for i, alias in enumerate(plan.aliases):
        mixed = f" = {' = '.join(alias.mixed_with)}" if alias.mixed_with else ""
        clear = "clear" if alias.clear else "not clear"
        part = f", mixed by up to {alias.max_alias:.2f} with another" if 0 < alias.max_alias < 1 else ""
        lost = ", cannot be estimated" if alias.vif is None else ""
        lines.append(f"{'aliases' if i == 0 else '':<10}{alias.effect}{mixed}: {clear}{part}{lost}")
    return lines


def detectable_lines(planned: Planned, spread: Noise | None, unit: str) -> list[str]:
    """What these seeds, and one or a few more, can show."""
    if spread is None:
        return ["detects   unknown until one arm has run with two seeds"]
    n = len(planned.plan.seeds)
    lines = [f"noise     sd {spread.sd:.2f} {unit} from run to run ({spread.source})"]
    fewer: Detectable | None = None
    for seeds in (n, n + 1, n + 2):
        found = detectable(planned, spread.sd, seeds)
        if found.alone is None or found.after_correction is None:
            lines.append(f"detects   {seeds} seed{'s' if seeds != 1 else ''}: no verdict is possible")
            continue
        lines.append(
            f"detects   {seeds} seed{'s' if seeds != 1 else ''}: an effect of {found.alone:.2f} {unit} (80% power), "
            f"{found.after_correction:.2f} if it must survive the correction for all factors"
        )
        if fewer is not None and found.method != fewer.method:
            lines.append(
                f"          from {seeds} seeds on the {found.method} judges (df {found.df:g}), no longer the "
                f"{fewer.method} (df {fewer.df:g}), which leans more on the spread of other arms"
            )
        fewer = found
    return lines


def plan_json(planned: Planned, home: Home, finished: frozenset[str], lanes: int) -> dict:
    """The same for programs."""
    cost = estimate(planned, home, finished)
    spread = noise(planned, home)
    found = detectable(planned, spread.sd, len(planned.plan.seeds)) if spread else None
    disk = disk_of(planned, home, finished, lanes)
    before = known_plan(home, planned.plan.study)
    return {
        "study": planned.plan.study,
        "plan_hash": planned.plan.plan_hash,
        "promise": planned.plan.promise.model_dump(mode="json"),
        "seeds": planned.plan.seeds,
        "changed": change_texts(before, planned.plan) if before else (),
        "arms": {arm.name: [s.stage_hash for s in arm.stages] for arm in planned.plan.arms},
        "skipped": {arm.name: why_skipped(arm) for arm in planned.plan.skipped},
        "unassessed": [comparison.model_dump() for comparison in planned.plan.unassessed],
        "no_effect": [comparison.model_dump() for comparison in changes_nothing(planned.plan)],
        "hidden_changes": [change.model_dump() for change in hidden_changes(planned.plan)],
        "runs": {
            "unique": len(planned.runs),
            "finished": cost.finished,
            "pending": cost.pending,
            "shared": planned.num_reused,
        },
        "one_seed_more": {"runs": cost.num_one_seed, "seconds_on_lanes": cost.one_seed_s / lanes},
        "seconds": {"sequential": cost.one_after_another_s, "on_lanes": cost.one_after_another_s / lanes},
        "disk_mb": disk.total_mb,
        "disk_to_write_mb": disk.to_write_mb,
        "disk_free_mb": disk.free_mb,
        "noise_sd": spread.sd if spread else None,
        "smallest_detectable": found.alone if found else None,
        "smallest_detectable_corrected": found.after_correction if found else None,
    }
