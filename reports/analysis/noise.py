"""How large luck is: the noise floor of the study, bare run again with other luck, and the same seed run twice."""

import numpy as np
from scipy import stats

from pipeline.spec.study import Arm, StudyPlan
from reports.analysis.arms import bare_arm
from reports.analysis.estimates import CellFit, score
from reports.records.load import StudyData
from reports.records.traces import same_trace
from reports.results.noise import NoiseFloor, Repeats, Rerun
from reports.results.ranges import Range
from reports.scale import Scale
from reports.stats.power import sd_interval

MACHINE = ("device", "threads_per_worker", "torch", "code_version")
"""What of a run's environment may change its last bits."""


def noise_floor(study: StudyData, cells: CellFit, scale: Scale) -> NoiseFloor | None:
    """Spread over seeds, pooled over the arms that are compared; where the plan compares none, of the runs of bare.

    The pooled one leaves out what arms share with a seed, as their differences do. None while nothing is known of it.
    """
    if not all(comparison.control for comparison in study.plan.comparisons):
        if cells.fit.df <= 0 or cells.fit.mse <= 0:
            return None
        source = f"pooled over {cells.num_cells} arms, without the luck that they share with a seed"
        return _floor(float(np.sqrt(cells.fit.mse)), cells.fit.df, source, len(study.plan.seeds), scale)
    found = repeats(study, scale)
    if found is None or found.sd is None:
        return None
    runs = [f"{len(values)} runs of {arm}" for arm, values in found.scores.items()]
    return _floor(found.sd, found.df, " and ".join(runs), len(study.plan.seeds), scale)


def repeats(study: StudyData, scale: Scale) -> Repeats | None:
    """Every finished run of bare's recipe on streams of its own; None before bare has one."""
    bare = bare_arm(study)
    if bare is None or not (own := _scores(study, bare, scale)):
        return None
    again = {arm.name: _scores(study, arm, scale) for arm in bare_again(study.plan, bare, "placebo")}
    scores = {bare.name: own} | {name: values for name, values in again.items() if values}
    differences = {
        name: {seed: value - own[seed] for seed, value in values.items() if seed in own}
        for name, values in scores.items()
        if name != bare.name
    }
    # All are draws of one distribution: the A/A arm has the same mean by construction, so one is estimated.
    every = np.array([value for values in scores.values() for value in values.values()])
    df = len(every) - 1
    sd = float(np.std(every, ddof=1)) if df > 0 else 0.0
    if sd == 0:
        sentence = f"{len(every)} run{'' if df == 0 else 's'} of bare's recipe: their spread is unknown"
        return Repeats(scores=scores, differences=differences, sd=None, ci95=None, df=df, band=None, sentence=sentence)
    limits = sd_interval(sd, df)
    num_seeds = min((len(values) for values in differences.values() if values), default=len(own))
    half = float(stats.t.ppf(0.975, df)) * sd * float(np.sqrt(2 / num_seeds))
    text = (
        f"{len(every)} runs of bare's recipe scatter with a standard deviation of {scale.value(sd)}{scale.suffix} (95% "
        f"CI {scale.value(limits.low)} to {scale.value(limits.high)})"
    )
    means = [
        f"{name} differs from bare by {scale.difference(float(np.mean([*values.values()])))} on average, where 95% of "
        f"such averages lie within ±{scale.value(half)}{scale.suffix}"
        for name, values in differences.items()
        if values
    ]
    return Repeats(
        scores=scores,
        differences=differences,
        sd=sd,
        ci95=Range(low=limits.low, high=limits.high),
        df=df,
        band=Range(low=-half, high=half),
        sentence="; ".join([text, *means]),
    )


def reruns(study: StudyData, scale: Scale) -> tuple[Rerun, ...]:
    """Each seed that bare was run with twice."""
    bare = bare_arm(study)
    if bare is None:
        return ()
    return tuple(
        _rerun(study, arm, bare, seed, scale)
        for arm in bare_again(study.plan, bare, "rerun")
        for seed in study.plan.seeds_of(arm)
    )


def bare_again(plan: StudyPlan, bare: Arm, kind: str) -> tuple[Arm, ...]:
    """The arms whose last stage is bare's and this strategy, and nothing else."""
    wanted = {**bare.final.spec, "strategies": list(bare.final.spec.get("strategies") or ())}
    found: list[Arm] = []
    for arm in plan.arms:
        entries = list(arm.final.spec.get("strategies") or ())
        left = [entry for entry in entries if entry.get("kind") != kind]
        alike = {**arm.final.spec, "strategies": left} == wanted and arm.final.needs == bare.final.needs
        if alike and len(left) < len(entries):
            found.append(arm)
    return tuple(found)


def _floor(sd: float, df: int, source: str, num_seeds: int, scale: Scale) -> NoiseFloor:
    limits, t95 = sd_interval(sd, df), float(stats.t.ppf(0.975, df))
    half = t95 * sd * float(np.sqrt(2 / num_seeds))
    sentence = (
        f"One arm scatters with a standard deviation of {scale.value(sd)}{scale.suffix} over seeds (95% CI "
        f"{scale.value(limits.low)} to {scale.value(limits.high)}; {source}). Of two arms that do not differ, with "
        f"{num_seeds} seed{'' if num_seeds == 1 else 's'} each, 95% of the differences lie within "
        f"±{scale.value(half)}{scale.suffix}"
    )
    return NoiseFloor(
        sd=sd,
        ci95=Range(low=limits.low, high=limits.high),
        df=df,
        source=source,
        num_seeds=num_seeds,
        t95=t95,
        band=Range(low=-half, high=half),
        sentence=sentence,
    )


def _scores(study: StudyData, arm: Arm, scale: Scale) -> dict[int, float]:
    found = {seed: score(study, arm.final.stage_hash, seed, scale) for seed in study.plan.seeds_of(arm)}
    return {seed: value for seed, value in found.items() if value is not None}


def _rerun(study: StudyData, arm: Arm, bare: Arm, seed: int, scale: Scale) -> Rerun:
    again, first = (arm.final.stage_hash, seed), (bare.final.stage_hash, seed)
    values = [score(study, *run, scale) for run in (again, first)]
    if values[0] is None or values[1] is None:
        sentence = f"seed {seed} was not run twice to the end, so nobody knows whether the machine adds noise"
        return Rerun(seed=seed, outcome="not finished", difference=None, sentence=sentence)
    difference = values[0] - values[1]
    if same_trace(study, again, first):
        sentence = f"seed {seed} run twice gave the same numbers bit for bit"
        return Rerun(seed=seed, outcome="same", difference=difference, sentence=sentence)
    environments = [study.records[run].environment for run in (again, first)]
    other = [name for name in MACHINE if len({str(getattr(one, name)) for one in environments}) > 1]
    why = (
        f"the two runs differ in {', '.join(name.replace('_', ' ') for name in other)}, which may be why"
        if other
        else f"this hardware ({environments[0].device}) is not deterministic, and its noise is part of every spread"
    )
    apart = (
        f"differ by {scale.value(abs(difference))}{scale.suffix}"
        if difference
        else f"have equal {scale.title}, but not the same numbers bit for bit"
    )
    return Rerun(
        seed=seed, outcome="differs", difference=difference, sentence=f"seed {seed} run twice: they {apart}; {why}"
    )
