"""Which verdict a comparison gets, and what a reader must know beside it."""

from dataclasses import dataclass

from pipeline.spec.study import Comparison, StudyPlan
from reports.analysis.contrast import compares_nothing, is_difference
from reports.analysis.estimates import Contrast
from reports.analysis.findings import describe_undeclared
from reports.analysis.sides import Sides, sides_of
from reports.results.completeness import Completeness
from reports.scale import Scale
from reports.stats.exaggeration import exaggeration
from reports.stats.proportion import wilson
from reports.stats.verdict import (
    Evidence,
    Ruling,
    Verdict,
    confounded,
    identical_runs,
    mixed,
    no_effect,
    not_assessed,
    rule,
    rule_exploratory,
    same_specification,
    unstable,
)
from reports.wording import explored

MAX_ARMS_NAMED = 3  # in a sentence; a factorial has many more


@dataclass(frozen=True, slots=True)
class Bench:
    """What every ruling of a study looks at."""

    plan: StudyPlan
    completeness: Completeness
    scale: Scale

    def rule(self, comparison: Comparison, contrast: Contrast, evidence: Evidence | None) -> Ruling:
        """The verdict. The order is the argument: what happened to the runs comes before what they scored."""
        num_planned, two_arms = len(self.plan.seeds), is_difference(contrast.key)
        if compares_nothing(contrast.key):
            return same_specification(two_arms=not comparison.weights)
        sides = sides_of(self.plan, comparison, self.completeness)
        if sides.positive.failed_frac > sides.negative.failed_frac:
            return unstable(sides.positive.num_failed, sides.positive.num_planned)
        if contrast.identical:
            return no_effect(len(contrast.seeds), two_arms=two_arms)
        if num_planned == 1:
            return not_assessed("one seed: no verdict")
        if evidence is None and len(contrast.seeds) < 2:
            return not_assessed(self._why_missing(sides, contrast))
        if contrast.seeds_do_nothing:
            return identical_runs()
        if evidence is None and self.plan.stage_one_seeds != self.plan.seeds:
            return not_assessed(
                "the seeds of the first stage, which measure the spread, did not finish or do not differ"
            )
        if evidence is None:
            # The arms do vary with the seed, but by the same amount: seen with few validation images.
            return not_assessed(f"all {len(contrast.seeds)} differences are equal, so their spread is unknown")
        if comparison.confounded:
            return confounded(comparison.confounded)
        if comparison.exploratory:
            return mixed(rule_exploratory(evidence, self.scale, explored(comparison.context)), comparison.mixed_in)
        return mixed(rule(evidence, self.scale), comparison.mixed_in)

    def notes(
        self, comparison: Comparison, contrast: Contrast, evidence: Evidence | None, ruling: Ruling
    ) -> tuple[str, ...]:
        """What a reader must know beside the verdict."""
        sides = sides_of(self.plan, comparison, self.completeness)
        arms = sides.arms or tuple(comparison.contrast)
        notes = [comparison.note] if comparison.note else []
        if is_difference(contrast.key):  # arms of an average are those of every other: the study's warnings have them
            for name in arms:
                notes += self._notes_on_runs(name, measured=bool(contrast.seeds))
        notes += self._notes_on_seeds(contrast, evidence, ruling)
        notes += dict.fromkeys(
            f"hidden: {describe_undeclared(change)}; its effect is part of this one"
            for name in sides.positive.arms or arms[:1]
            for change in self.plan.arm(name).undeclared
            if comparison.factor in change.factors
        )
        if evidence is not None and evidence.gain.num_seeds == 2 < len(self.plan.stage_one_seeds):
            notes.append("2 seeds: noise pooled over all arms, which assumes that they scatter alike")
        clear = ruling.verdict.helps or ruling.verdict.hurts
        clear = clear or ruling.verdict in (Verdict.SUGGESTIVE, Verdict.EXPLORATORY)
        if evidence is not None and clear and abs(evidence.gain.effect) < evidence.smallest_detectable:
            notes.append(self._significance_filter(evidence))
        return tuple(notes)

    def _significance_filter(self, evidence: Evidence) -> str:
        """What passes the test of a study too small for it is too large, and by how much."""
        gain, size = evidence.gain, self.scale.size(evidence.delta)
        filtered = exaggeration(evidence.delta, gain.sd, gain.num_seeds, gain.df, evidence.alpha)
        found = f"{self.scale.value(evidence.smallest_detectable)}{self.scale.suffix}"
        return (
            f"smaller than the {found} this study reliably detects, so probably too large: a true effect of {size} "
            f"would stand out in {filtered.power:.0%} of such studies, as {filtered.ratio:.1f} times its size on "
            f"average, and with the wrong sign in {filtered.wrong_sign:.0%} of those"
        )

    def _notes_on_runs(self, arm: str, *, measured: bool) -> list[str]:
        num_planned = len(self.plan.seeds)
        cells = self.completeness.of_arm(arm)
        notes = []
        if failed := sum(cell.state == "failed" for cell in cells):
            limits = wilson(failed, num_planned)
            note = f"{arm}: {failed} of {num_planned} runs failed (95% CI {limits.low:.0%} to {limits.high:.0%})"
            notes.append(f"{note}; the difference is conditional on success" if measured else note)
        return notes + [f"{arm}, seed {cell.seed}: {cell.reason}" for cell in cells if cell.state == "blocked"]

    def _notes_on_seeds(self, contrast: Contrast, evidence: Evidence | None, ruling: Ruling) -> list[str]:
        notes: list[str] = []
        num_planned, num_seeds = len(self.plan.seeds), len(contrast.seeds)
        two_arms = is_difference(contrast.key)
        if two_arms and 0 < num_seeds < num_planned:
            notes.append(f"{num_seeds} of {num_planned} planned seeds")
        if not two_arms and evidence is not None and num_seeds < num_planned:
            notes.append(
                f"{num_seeds} of {num_planned} planned seeds finished in all {len(contrast.key)} arms; the pooled "
                "model uses every run that finished"
            )
        if contrast.identical_seeds and ruling.verdict is not Verdict.NO_EFFECT:
            seeds = f"{len(contrast.identical_seeds)} of {num_seeds} seeds"
            who = "both arms" if two_arms else "the arms with and without it"
            notes.append(f"in {seeds} {who} trained bit for bit alike: the factor changed nothing there")
        return notes

    def _why_missing(self, sides: Sides, contrast: Contrast) -> str:
        cells = [cell for arm in sides.arms for cell in self.completeness.of_arm(arm)]
        blocked = sorted({cell.reason for cell in cells if cell.state == "blocked"})
        finished = {cell.arm for cell in cells if cell.state == "finished"}
        never = [arm for arm in sides.arms if arm not in finished]
        seen = f"{len(contrast.seeds)} of {len(self.plan.seeds)} seeds finished in "
        if is_difference(contrast.key):
            return "; ".join([*blocked, seen + "both arms"])
        if never:
            who = f"arm{'' if len(never) == 1 else 's'} {', '.join(never)}"
            if len(never) > MAX_ARMS_NAMED:
                who = f"{len(never)} of {len(sides.arms)} arms"
            return "; ".join([*blocked, f"{who} {'has' if len(never) == 1 else 'have'} no finished run"])
        return "; ".join([*blocked, seen + f"all {len(sides.arms)} arms, too few to tell the effect from luck"])
