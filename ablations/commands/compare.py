"""`ablate compare`: one question about two arms of a study, with the answer as exit code, for a gate in a CI."""

import math
from typing import Annotated

import typer

from ablations.commands.options import HomeOption, JsonOption
from pipeline.spec.errors import SpecError

EXIT_NO = 1
# An arm may be called "-mixup", which would else be read as an option.
CONTEXT = {"ignore_unknown_options": True}


def compare(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    arm: Annotated[str, typer.Argument(help="The arm in question, for instance +mixup, -mixup or full.")],
    baseline: Annotated[str, typer.Argument(help="The arm to hold it against.")],
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="Ask: not worse by more than this? Points, or metric units; default: delta."),
    ] = None,
    min_delta: Annotated[
        float | None, typer.Option("--min-delta", help="Ask instead: better by at least this?")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Ask whether one arm is not worse than another, or better by enough. Exit code 0: yes, 1: no or not shown.

    Example: ablate compare digits-demo full bare --min-delta 0.5
    """
    from ablations.records.home import Home
    from reports.analysis.compare import Question, Wanted, compare_arms
    from reports.records.load import load_study

    if margin is not None and min_delta is not None:
        raise SpecError("--margin and --min-delta are two questions; ask one at a time")
    if margin is not None and not (math.isfinite(margin) and margin > 0):
        raise SpecError(f"--margin: expected a number above 0, but got {margin:g}")
    if min_delta is not None and not (math.isfinite(min_delta) and min_delta >= 0):
        raise SpecError(f"--min-delta: expected a number of 0 or more, but got {min_delta:g}")
    found = load_study(Home.resolve(home).root, study)
    if min_delta is not None:
        question = Question(Wanted.BETTER, min_delta)
    else:
        question = Question(Wanted.NOT_WORSE, found.plan.metric.delta if margin is None else margin)
    answer = compare_arms(found, arm, baseline, question)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
    else:
        typer.echo(f"{'yes' if answer.yes else 'no'}: {answer.sentence}")
        for line in (answer.detail, *(f"note: {note}" for note in answer.notes)):
            if line:
                typer.echo(f"  {line}")
    if not answer.yes:
        raise typer.Exit(EXIT_NO)
