"""What a search found, in words and rows: for the page, the terminal and Markdown."""

from reports.formats.markdown import escape, table_lines
from reports.results.study import Spread
from reports.results.tuning import TrialResult, TuningAnalysis
from reports.scale import Scale

NONE = "—"
SEARCHES = {"grid": "every combination", "random": "random search", "tpe": "Bayesian search (TPE)"}
SCHEDULERS = {"none": "", "asha": ", ASHA over rungs", "median": ", short runs first (median rule)"}


def setting_line(analysis: TuningAnalysis) -> str:
    """'digits, small_cnn, 3 epochs · random search · 30 trials, 2 failed · judged by ...'."""
    failed = sum(trial.state in ("failed", "impossible") for trial in analysis.trials)
    trials = f"{len(analysis.trials)} trials" + (f", {failed} of them failed or impossible" if failed else "")
    search = SEARCHES[analysis.search] + SCHEDULERS[analysis.scheduler]
    parts = [analysis.setting, search, trials, f"chosen by {analysis.metric_title} on validation"]
    return " · ".join(part for part in parts if part)


def selection_lines(analysis: TuningAnalysis, scale: Scale) -> tuple[str, ...]:
    """The winner, the score that chose it, its fresh score, and what that is against the base."""
    winner = analysis.winner
    if winner is None:
        return ("No trial has finished in full yet, so nothing is chosen.",)
    values = ", ".join(f"{path} = {value}" for path, value in winner.values.items())
    lines = [
        f"Trial {winner.trial} was chosen: {values}.",
        f"The {scale.title} that chose it is {scale.value(winner.selected)}: the best of "
        f"{sum(trial.state == 'finished' for trial in analysis.trials)} runs, so too high on average.",
    ]
    if winner.fresh is None:
        return (*lines, "It has not been run with fresh seeds yet, so there is no score to quote.")
    lines.append(
        f"With fresh seeds it scores {_level(winner.fresh, scale)}"
        + (f"; the base as it was written, {_level(winner.bare, scale)}." if winner.bare is not None else ".")
    )
    if winner.effect is not None:
        lines.append(f"Chosen minus base: {winner.effect.sentence} (unequal tuning: the base was not searched for).")
    return tuple(lines)


def _level(spread: Spread, scale: Scale) -> str:
    sd = f", sd {scale.value(spread.sd)}" if spread.sd is not None else ""
    return f"{scale.value(spread.mean)} on average (n={spread.n}{sd})"


def trial_table(analysis: TuningAnalysis, scale: Scale) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Headings and rows: every trial, best first, those without a score last."""
    paths = tuple(one.path for one in analysis.slices)
    columns = ("trial", *paths, scale.title, "epochs", "seconds", "state")
    ranked = sorted(analysis.trials, key=lambda trial: _rank(trial, analysis.epochs, scale))
    return columns, tuple(_row(trial, paths, scale) for trial in ranked)


def _rank(trial: TrialResult, epochs: int, scale: Scale) -> tuple[bool, int, float, int]:
    gain = 0.0 if trial.score is None else scale.gain(trial.score)
    return trial.score is None, epochs - trial.epochs, -gain, trial.number


def _row(trial: TrialResult, paths: tuple[str, ...], scale: Scale) -> tuple[str, ...]:
    state = f"{trial.state}: {trial.reason}" if trial.reason else trial.state
    return (
        str(trial.number),
        *(trial.values[path] for path in paths),
        NONE if trial.score is None else scale.value(trial.score),
        str(trial.epochs) if trial.epochs else NONE,
        NONE if trial.seconds is None else f"{trial.seconds:.1f}",
        "given no run in full" if trial.state == "short" else state,
    )


def to_markdown(analysis: TuningAnalysis, scale: Scale) -> str:
    """To paste into an issue."""
    columns, rows = trial_table(analysis, scale)
    lines = [f"## {analysis.question or analysis.study}", "", escape(setting_line(analysis)), ""]
    lines += [f"{escape(line)}\n" for line in selection_lines(analysis, scale)]
    return "\n".join([*lines, *table_lines(columns, rows)]) + "\n"


def to_json(analysis: TuningAnalysis) -> str:
    """All of it for other programs."""
    return analysis.model_dump_json(indent=2)
