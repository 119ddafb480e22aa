"""What `ablate run` says when it ends: the verdicts, whether all is as planned, and where everything lies."""

import sys

import typer
from rich.console import Console

from ablations.records.home import Home
from ablations.records.mlflow_projection import tracking_uri
from ablations.running.display import duration, verdict_table
from ablations.running.runner import Outcome
from reports.analysis.findings import finding_lines
from reports.analysis.study import analyse
from reports.formats.text import to_json
from reports.records.load import load_study

LOG_WIDTH = 124  # of the verdict table where there is no terminal to ask: one line a factor
EXIT_FAILED, EXIT_INTERRUPTED = 3, 130


def finish(home: Home, study: str, outcome: Outcome, as_json: bool) -> int:
    """Print how an invocation ended, or the analysis for programs. Returns the exit code."""
    found = load_study(home.root, study)
    analysis = analyse(found)
    if as_json:
        typer.echo(to_json(analysis))
    else:
        console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        console.print(verdict_table(study, analysis))
        for line in finding_lines(found.plan):
            typer.echo(line)
        counts = outcome.counts
        if outcome.already_done:
            typer.echo(f"Everything is already done: {counts['finished']} runs, nothing to train.")
        else:
            failed = f", {counts['failed']} failed" if counts["failed"] else ""
            if counts["not run"]:
                failed += f", {counts['not run']} not run because a stage before them failed"
            typer.echo(f"{counts['finished']} runs finished{failed} in {duration(outcome.seconds)}.")
        if outcome.unprojected:
            typer.echo(
                f"MLflow does not show {outcome.unprojected} of them ({outcome.reason}); nothing is lost: ablate sync"
            )
        uri = tracking_uri(home)
        typer.echo(f"plan      {analysis.as_planned.short}")
        typer.echo(f"report    {outcome.report}")
        typer.echo(f"mlflow    {'mlflow ui --backend-store-uri ' + uri if uri.startswith('sqlite') else uri}")
    if outcome.interrupted and outcome.counts["pending"]:
        typer.echo(
            f"Interrupted with {outcome.counts['pending']} runs to go; the same command goes on from here.",
            err=as_json,  # the answer for programs is all that stands on stdout
        )
        return EXIT_INTERRUPTED
    return EXIT_FAILED if outcome.counts["failed"] or outcome.counts["not run"] else 0
