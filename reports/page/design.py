"""How the study was laid out: what the design cannot tell apart, and what a screen chose beforehand."""

from pipeline.spec.study import StudyPlan
from reports.page.tables import NONE, Table
from reports.scale import scale_of_metric


def alias_table(plan: StudyPlan) -> Table | None:
    """What each effect is mixed with; None where the design mixes none that it says anything about."""
    if not plan.aliases:
        return None
    columns = ("effect", "estimated as one with", "clear of others up to two-way", "largest share of another", "VIF")
    return Table(
        columns,
        tuple(
            (
                alias.effect,
                ", ".join(alias.mixed_with) or NONE,
                "yes" if alias.clear else "no",
                f"{alias.max_alias:.2f}",
                "cannot be estimated" if alias.vif is None else f"{alias.vif:.2f}",
            )
            for alias in plan.aliases
        ),
    )


def screen_table(plan: StudyPlan) -> Table | None:
    """The rungs of the screen that chose the factors; None where nothing was screened."""
    if not plan.screen:
        return None
    scale = scale_of_metric(plan.metric)
    headings = tuple(f"{each.epochs} epoch{'' if each.epochs == 1 else 's'}, seed {each.seed}" for each in plan.screen)
    rows = []
    for factor in plan.screen[0].gains:
        cells = []
        for each in plan.screen:
            if factor not in each.gains:
                cells.append(NONE)
                continue
            gain = each.gains[factor]
            score = "its run failed" if gain is None else scale.difference(gain)
            cells.append(f"{score}, {'goes on' if factor in each.kept else 'ends here'}")
        rows.append((factor, *cells))
    return Table(("factor", *headings), tuple(rows))
