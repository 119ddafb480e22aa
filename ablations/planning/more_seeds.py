"""`ablate run --add-seeds`: which seeds come next under the rule that the grid declared."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from ablations.grid.spec import GridSpec
from ablations.records import store
from ablations.records.home import Home
from pipeline.spec.errors import SpecError
from pipeline.spec.more_seeds import Looks, MoreSeeds, NoMoreSeeds, Precision
from pipeline.spec.records import RunRecord
from pipeline.spec.study import StudyPlan
from reports.analysis.completeness import assess_completeness
from reports.analysis.study import analyse
from reports.analysis.two_stages import first_stage
from reports.records.load import HomeFiles, StudyData, pick_records
from reports.scale import Scale, scale_of_metric
from reports.stats.looks import constant_alpha
from reports.stats.power import ALPHA
from reports.stats.two_stage import seeds_for

NO_RULE = (
    "--add-seeds: the grid declares no rule for more seeds; adding them after a look at the results is optional "
    "stopping, and finds effects where there are none. Write one into the grid, for instance\n"
    "  more_seeds: {kind: looks, at: [%s]}\n"
    "  more_seeds: {kind: precision, half_width: %g, max_seeds: %d}\n"
    "A rule that is declared when results are known already is listed in the report as a deviation"
)


@dataclass(frozen=True, slots=True)
class NextSeeds:
    """The seeds to run now, and why."""

    seeds: tuple[int, ...]
    note: str


def level(rule: MoreSeeds) -> float:
    """The two-sided level of verdicts under this rule: stricter where they may be read several times."""
    return constant_alpha(rule.at) if isinstance(rule, Looks) else ALPHA


def seeds_so_far(grid: GridSpec, before: StudyPlan | None) -> tuple[int, ...]:
    """The grid's seeds, and those that its rule had added when it last ran; a grid with other seeds starts anew."""
    return before.seeds if before is not None and before.promised_seeds == grid.seeds else grid.seeds


def next_seeds(plan: StudyPlan, home: Home) -> NextSeeds:
    """What `--add-seeds` adds to every arm of a plan that was made with the seeds so far.

    Raises:
        SpecError: the grid declares no rule, the last look is over, or no comparison has a spread to plan with.
    """
    rule, num = plan.more_seeds, len(plan.seeds)
    if isinstance(rule, NoMoreSeeds):
        start = num if num > 1 else 3  # one seed allows no verdict
        looks = ", ".join(map(str, (start, start + 2, 2 * start + 4)))
        raise SpecError(NO_RULE % (looks, plan.metric.delta, max(20, 2 * num)))
    records = store.read_records(home)
    study = StudyData(plan, pick_records(plan, [*records.values()]), [], HomeFiles(home.root))
    to_go = assess_completeness(study).num_missing
    if to_go:
        return NextSeeds(plan.seeds, f"{to_go} runs of the present {num} seeds are to go: they come first")
    target, why = _next_look(rule, num) if isinstance(rule, Looks) else _for_precision(rule, study)
    if target <= num:
        return NextSeeds(plan.seeds, why)
    added = tuple(islice(_fresh_seeds(plan, records), target - num))
    names = ", ".join(map(str, added))
    return NextSeeds(plan.seeds + added, f"{why}: seed{'' if len(added) == 1 else 's'} {names} for every arm")


def _next_look(rule: Looks, num: int) -> tuple[int, str]:
    later = [at for at in rule.at if at > num]
    if not later:
        raise SpecError(
            f"--add-seeds: the last of the declared looks, at {rule.at[-1]} seeds, is complete; a later one was not "
            "declared. Report what there is, or start a new study with fresh seeds"
        )
    number = rule.at.index(later[0]) + 1
    return later[0], f"look {number} of {len(rule.at)}, at {later[0]} seeds, each judged at {level(rule):g}"


@dataclass(frozen=True, slots=True)
class _Need:
    """What one comparison asks for."""

    seeds: int
    name: str
    sd: float
    df: float


def _for_precision(rule: Precision, study: StudyData) -> tuple[int, str]:
    """Always from the first stage alone: its spread must not be looked up again later."""
    plan = study.plan
    first = plan.promised_seeds
    stage_one = first_stage(study) or study
    family = {(c.factor, c.context) for c in plan.comparisons if not c.control and not c.exploratory}
    needs = [
        _Need(seeds_for(e.sd, len(first), rule.half_width, df=e.df), f"{e.factor} {e.context}", e.sd, e.df)
        for e in analyse(stage_one).effects
        if (e.factor, e.context) in family and e.sd is not None and e.df is not None
    ]
    if not needs:
        raise SpecError(
            f"--add-seeds: no comparison has a spread over the {len(first)} seeds of the first stage, so nobody "
            "knows how many more it needs; the report says what failed"
        )
    widest = max(needs, key=lambda need: need.seeds)
    return min(widest.seeds, rule.max_seeds), _why(rule, widest, len(first), scale_of_metric(plan.metric))


def _why(rule: Precision, widest: _Need, num_first: int, scale: Scale) -> str:
    spread = f"sd {scale.value(widest.sd)}{scale.suffix} of {widest.name} over the first {num_first} seeds"
    wanted = f"intervals of ±{scale.size(rule.half_width)}"
    if widest.seeds <= num_first:
        return f"{wanted} are reached with the first {num_first} seeds ({spread}): none is added"
    if widest.seeds > rule.max_seeds:
        return f"{wanted} need {widest.seeds} seeds ({spread}), more than max_seeds={rule.max_seeds}: they stay wider"
    return f"{wanted} need {widest.seeds} seeds ({spread})"


def _fresh_seeds(plan: StudyPlan, records: dict[tuple[str, int], RunRecord]) -> Iterator[int]:
    """The integers after the plan's; one with which an arm has run already is passed over, since it was seen."""
    hashes = {arm.final.stage_hash for arm in plan.arms}
    chose = () if plan.retuning is None else (plan.retuning.seed,)
    used = {*plan.seeds, *chose, *(seed for stage_hash, seed in records if stage_hash in hashes)}
    last = max(plan.seeds)
    return (seed for seed in chain(range(last + 1, 2**31), range(last)) if seed not in used)
