"""What `ablate run` says when it ends: the verdicts, whether all is as planned, and where everything lies."""

import re
import sys
import textwrap

import typer
from rich.console import Console

from ablations.records.home import Home
from ablations.records.mlflow_projection import tracking_uri
from ablations.running.display import duration, verdict_table
from ablations.running.runner import Outcome
from reports.analysis.findings import finding_lines
from reports.analysis.study import analyse
from reports.formats.text import sentence_lines, to_json
from reports.records.load import load_study
from reports.records.mlflow_places import read_places, without_password

LOG_WIDTH = 124  # of the verdict table where there is no terminal to ask: one line a factor
MAX_REASON = 240  # characters of why MLflow refused
EXIT_FAILED, EXIT_INTERRUPTED = 3, 130


def finish(home: Home, study: str, outcome: Outcome, as_json: bool) -> int:
    """Print how an invocation ended, or the analysis for programs. Returns the exit code."""
    found = load_study(home.root, study)
    analysis = analyse(found)
    if as_json:
        typer.echo(to_json(analysis))
    else:
        console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        console.print(verdict_table(study, analysis, console))
        for line in sentence_lines(analysis):
            typer.echo(line)
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
        for line in trouble_lines(study, outcome):
            typer.echo(line)
        typer.echo(f"plan      {analysis.as_planned.short}")
        typer.echo(f"report    {outcome.report}")
        typer.echo(f"mlflow    {mlflow_text(home, study)}")
    if outcome.interrupted and outcome.counts["pending"]:
        typer.echo(
            f"Interrupted with {outcome.counts['pending']} runs to go; the same command goes on from here.",
            err=as_json,  # the answer for programs is all that stands on stdout
        )
        return EXIT_INTERRUPTED
    return EXIT_FAILED if outcome.counts["failed"] or outcome.counts["not run"] else 0


def trouble_lines(study: str, outcome: Outcome) -> list[str]:
    """What went wrong but for an interruption, and how to go on."""
    counts = outcome.counts
    lines = []
    if counts["failed"] or counts["not run"]:
        behind = f" {counts['not run']} more need one of them and were not run." if counts["not run"] else ""
        lines.append(
            f"Failed runs are tried again by the same command; the report has each with its reason.{behind} "
            f"Marks: ablate status {study}"
        )
    if outcome.unprojected:
        reason = re.sub(r"://[^/@\s]+@", "://", " ".join(outcome.reason.split()))  # a password may be in the address
        short = textwrap.shorten(reason, MAX_REASON, placeholder=" ...")
        lines.append(
            f"MLflow lacks {outcome.unprojected} entries of this study ({short}). Nothing is lost; when it is back: "
            "ablate sync"
        )
    return lines


def mlflow_text(home: Home, study: str) -> str:
    """The address of the report in MLflow, or what to type to see it there."""
    uri = without_password(tracking_uri(home))
    places = read_places(home.study_dir(study))
    if places is None or places.tracking_uri != uri:  # MLflow was not reached, or is another one now
        return f"mlflow ui --backend-store-uri {uri}" if uri.startswith("sqlite") else uri
    run = f'report.html of its run "study: {study}"'
    return places.report_url or f"{places.command}   (has the report too: {run})"
