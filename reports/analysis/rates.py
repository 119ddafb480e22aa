"""The learning rates that training really used, arms with one course together."""

from dataclasses import dataclass

from reports.records.load import StudyData


@dataclass(frozen=True, slots=True)
class UsedRates:
    """One course of the learning rate: largest of all parameter groups, by optimizer step."""

    arms: tuple[str, ...]
    seed: int  # whose run it was read from: a plateau's course may differ between seeds
    steps: tuple[int, ...]
    rates: tuple[float, ...]

    def at(self, share: float) -> float:
        """The rate when this share of the steps was done."""
        return self.rates[round(share * (len(self.rates) - 1))]


def used_rates(study: StudyData) -> tuple[UsedRates, ...]:
    """Of each arm's first seed that left curves, in the order of the plan; of a failed run only where none finished."""
    arms_of: dict[tuple[tuple[int, ...], tuple[float, ...]], list[str]] = {}
    seed_of: dict[tuple[tuple[int, ...], tuple[float, ...]], int] = {}
    for arm in study.plan.arms:
        final = arm.final.stage_hash
        for seed in sorted(study.plan.every_seed, key=lambda seed: study.finished((final, seed)) is None):
            curves = study.curves((final, seed))
            if curves is not None and curves.lr and len(curves.lr) == len(curves.lr_step):
                course = (curves.lr_step, curves.lr)
                arms_of.setdefault(course, []).append(arm.name)
                seed_of.setdefault(course, seed)
                break
    return tuple(UsedRates(tuple(arms), seed_of[course], *course) for course, arms in arms_of.items())
