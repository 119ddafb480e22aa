"""Tuning parity: a search for every arm, as a study before the study; then the arms with the settings it found.

What is compared are recipes at their best settings, each found with the same number of trials. The scores of a search
choose, and judge nothing: the best of several is too high.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ablations.grid.faults import fault_lines
from ablations.grid.merge import experiment
from ablations.grid.retune import Retune
from ablations.grid.spec import GridSpec
from ablations.planning.arm_builder import ArmBuilder, BuiltArm, gathered
from ablations.planning.planned import Planned, unique_runs
from ablations.planning.scans import Scans
from ablations.planning.weights import Starts
from ablations.records.home import slug
from ablations.tuning.arm_space import ArmSpace, candidates, space_of
from ablations.tuning.paths import with_values
from pipeline.data.sources import scan
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.records import HIGHER_IS_BETTER, RunRecord, Status
from pipeline.spec.retuning import ArmSearch, Candidate, Retuning
from pipeline.spec.study import Arm, Comparison, StudyPlan

DESIGN = "retune"
Records = Mapping[tuple[str, int], RunRecord]


class ArmSearches:
    """The searches of one grid, and the study that holds their runs."""

    def __init__(
        self,
        grid: GridSpec,
        retune: Retune,
        planned: Planned,
        resolve_precision: Callable[[str], str],
        weights: Path | None = None,
    ) -> None:
        """Lay out the searches. Trains nothing.

        Args:
            grid: validated.
            retune: its wish.
            planned: the grid's plan with every arm as written.
            resolve_precision: turns "auto" into a number format of the hardware that will train.
            weights: where weights from outside are kept; None: they are not fetched.

        Raises:
            SpecError: a field or a range does not fit an arm, or there are more runs than `max_runs`.
            DataError: the data is not what the spec says.
        """
        self._metric = planned.plan.metric.name
        self._bare = grid.experiment(())
        listings = {data.spec: data.listing for data in planned.data.values()}  # nothing is listed twice
        scans = Scans(lambda spec: listings[spec] if spec in listings else scan(spec))
        self._builder = ArmBuilder(scans, Starts(weights), resolve_precision, grid.resources.workers_per_trial)
        built: list[BuiltArm] = []
        found: list[ArmSearch] = []
        leaders: dict[str, str] = {}  # likeness -> the first arm that has it
        patches = grid.patches()
        for arm in planned.plan.arms:
            space = space_of(arm, patches, retune)
            leader = leaders.setdefault(space.likeness, arm.name)
            trials: list[Candidate] = []
            for values in candidates(space, retune.trials, retune.seed) if leader == arm.name else ():
                trial = self._with(arm, values, f"{arm.name} trial-{len(trials)}", values, f"trial-{len(trials)}")
                built.append(trial)
                trials.append(Candidate(arm=trial.arm.name, values=values))
            found.append(_search(arm, space, leader, trials))
        study = slug(f"{grid.study}-retune", "study name")
        self.retuning = Retuning(
            study=study, fields=tuple(retune.fields), trials=retune.trials, seed=retune.seed, arms=tuple(found)
        )
        self.planned = self._as_study(planned, built, study)
        num_runs = len(self.planned.runs) + len(planned.runs)
        if num_runs > grid.max_runs:
            raise SpecError(
                f"retune: {len(self.planned.runs)} runs of the searches and {len(planned.runs)} of the study are more "
                f"than max_runs={grid.max_runs}. Lower retune.trials, use fewer factors or seeds, or raise max_runs"
            )

    def _with(self, arm: Arm, values: Mapping[str, Any], name: str, searched: Collection[str], *more: str) -> BuiltArm:
        """An arm with these settings, under this name, and these factors more."""
        recipe = with_values(arm.recipe, values)
        # What a factor changed without naming it is no longer hidden where it was searched.
        hidden = tuple(change for change in arm.undeclared if not any(_lies_in(change.path, path) for path in searched))
        try:
            spec = experiment(recipe)
            built = self._builder.build(name, (*arm.factors, *more), spec, self._bare, recipe, hidden)
        except ValidationError as error:
            raise SpecError(f"retune: {name}: {'; '.join(fault_lines(error, ''))}") from error
        except Impossible as error:
            raise SpecError(f"retune: {name} with {dict(values)}: {error}; narrow the ranges") from error
        return replace(built, arm=built.arm.model_copy(update={"seeds": arm.seeds}))

    def _as_study(self, planned: Planned, built: Iterable[BuiltArm], study: str) -> Planned:
        trials = [replace(one, arm=one.arm.model_copy(update={"seeds": None})) for one in built]
        plan = planned.plan
        note = (
            f"the search of {plan.study}: {self.retuning.trials} trials of every arm with seed {self.retuning.seed}, "
            "scored on val; these scores choose settings and judge nothing"
        )
        searching = StudyPlan(
            study=study,
            question=f"Which {' and '.join(self.retuning.fields)} suits each arm of {plan.study}?",
            metric=plan.metric,
            seeds=(self.retuning.seed,),
            design=DESIGN,
            arms=(),
            comparisons=(),
            design_notes=(note,),
            data=plan.data,
            cards=plan.cards,
            grid=plan.grid,
        )
        return _with_arms(searching, trials)

    def choose(self, records: Records) -> Retuning:
        """The best settings of every arm by its score on val; nothing else is read.

        Args:
            records: (stage hash, seed) -> record; those of the search that are missing or failed have no score.
        """
        hashes = {arm.name: arm.final.stage_hash for arm in self.planned.plan.arms}
        turn = 1.0 if HIGHER_IS_BETTER[self._metric] else -1.0

        def score(candidate: Candidate) -> float | None:
            record = records.get((hashes[candidate.arm], self.retuning.seed))
            if record is None or record.status is not Status.FINISHED:
                return None
            found = record.metrics.get(f"val/{self._metric}")
            return found if found is not None and math.isfinite(found) else None

        def chosen(search: ArmSearch) -> ArmSearch:
            every = enumerate(map(score, search.candidates))
            scores = {number: one for number, one in every if one is not None}
            best = max(scores, key=lambda number: (turn * scores[number], -number), default=None)
            found = {"num_finished": len(scores), "chosen": best, "score": None if best is None else scores[best]}
            return search.model_copy(update=found)

        return self.retuning.model_copy(update={"arms": tuple(map(chosen, self.retuning.arms))})

    def settled(self, planned: Planned, retuning: Retuning) -> Planned:
        """The grid's plan with the chosen settings in every arm, which also says what chose them.

        Args:
            planned: with every arm as written, and any seeds.
            retuning: with settings chosen.
        """
        plan = planned.plan
        built = [
            self._with(arm, retuning.of(arm.name).values, arm.name, retuning.searched(arm.name)) for arm in plan.arms
        ]
        comparisons = tuple(_noted(comparison, retuning) for comparison in plan.comparisons)
        told = plan.model_copy(update={"comparisons": comparisons, "retuning": retuning})
        return _with_arms(told, built)


def _lies_in(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")


def _search(arm: Arm, space: ArmSpace, leader: str, trials: list[Candidate]) -> ArmSearch:
    like = "" if leader == arm.name else leader
    return ArmSearch(arm=arm.name, space=space.ranges, held=space.held, like=like, candidates=tuple(trials))


def _with_arms(plan: StudyPlan, built: list[BuiltArm]) -> Planned:
    """The plan with these arms and no others."""
    arms = [one.arm for one in built]
    specs, keys, data = gathered(built)
    plan = plan.model_copy(update={"arms": tuple(arms)})
    return Planned(plan, tuple(unique_runs(arms, specs, keys, plan.seeds)), data)


def _noted(comparison: Comparison, retuning: Retuning) -> Comparison:
    """A comparison that says so where a field was searched in some of its arms only."""
    arms = tuple(comparison.contrast)
    notes = [comparison.note] if comparison.note else []
    for path in retuning.fields:
        tuned = [arm for arm in arms if path in retuning.searched(arm)]
        others = [arm for arm in arms if arm not in tuned]
        if tuned and others:
            reasons = dict.fromkeys(retuning.own(arm).held.get(path, "no trial has a score") for arm in others)
            notes.append(
                f"unequal tuning: {path} was searched in {' and '.join(tuned)}, not in {' and '.join(others)} "
                f"({'; '.join(reasons)})"
            )
    return comparison.model_copy(update={"note": "; ".join(notes)})
