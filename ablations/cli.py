"""The `ablate` command. Each function reads its arguments, calls one thing, and prints the answer."""

import json
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ablations.check import check
from ablations.compare import CONTEXT, compare
from ablations.output import write_out
from ablations.report_command import report
from pipeline.spec.errors import DataError, ProjectError, SpecError

LOG_WIDTH = 124  # of the verdict table where there is no terminal to ask: one line a factor
EXIT_INPUT, EXIT_FAILED, EXIT_INTERRUPTED = 2, 3, 130

app = typer.Typer(
    help="Which training tricks help on your images, by how much, at what cost, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
HomeOption = Annotated[
    str | None, typer.Option("--home", help="Folder for records, reports and mlflow.db. Also $ABLATE_HOME.")
]
DataOption = Annotated[str | None, typer.Option("--data", envvar="ABLATE_DATA", help="Use this for base.data.path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
GridArgument = Annotated[Path, typer.Argument(help="A grid in YAML.")]
_print = typer.echo


def _load(grid: Path, data: str | None):
    from ablations.grid import parse_grid, with_data_path
    from ablations.yaml_file import read_yaml

    return parse_grid(with_data_path(read_yaml(grid), data), str(grid))


def _plan(grid: Path, spec, resolve_precision, weights: Path | None = None):
    """The plan of a grid; what only shows once it meets the data and the libraries names the file as well."""
    from ablations.plan import build_plan

    try:
        return build_plan(spec, resolve_precision, weights=weights)
    except (SpecError, DataError) as error:
        raise type(error)("\n".join(f"{grid}: {line}" for line in str(error).splitlines())) from error


@app.command()
def demo(home: HomeOption = None) -> None:
    """Run the digits study that ships with ablate: real images, no network, a few minutes on two CPU cores.

    Example: ablate demo --home demo-home.
    """
    with resources.as_file(resources.files("ablations") / "grids" / "digits.yaml") as path:
        run(path, home=home, data=None, as_json=False)


@app.command()
def run(grid: GridArgument, home: HomeOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run or resume a grid: only what is missing or failed. Example: ablate run ablations/grids/clothing.yaml."""
    from ablations.home import Home
    from ablations.runner import precision_of_hardware, run_study
    from reports.findings import finding_lines

    place = Home.resolve(home)
    spec = _load(grid, data)
    planned = _plan(grid, spec, precision_of_hardware, place.weights)
    for line in finding_lines(planned.plan):  # before hours are spent; again below the verdicts
        typer.echo(line, err=True)
    try:
        outcome = run_study(planned, place, spec.resources)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing finished is lost: run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _finish(place.root, planned.plan.study, outcome, as_json)


def _finish(home: Path, study: str, outcome, as_json: bool) -> None:
    from ablations.display import duration, verdict_table
    from ablations.home import Home
    from ablations.mlflow_projection import tracking_uri
    from reports.analysis import analyse
    from reports.findings import finding_lines
    from reports.load import load_study
    from reports.text import to_json

    found = load_study(home, study)
    analysis = analyse(found)
    if as_json:
        _print(to_json(analysis))
    else:
        console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
        console.print(verdict_table(study, analysis))
        for line in finding_lines(found.plan):
            _print(line)
        counts = outcome.counts
        if outcome.already_done:
            _print(f"Everything is already done: {counts['finished']} runs, nothing to train.")
        else:
            failed = f", {counts['failed']} failed" if counts["failed"] else ""
            _print(f"{counts['finished']} runs finished{failed} in {duration(outcome.seconds)}.")
        if outcome.unprojected:
            _print(
                f"MLflow does not show {outcome.unprojected} of them ({outcome.reason}); nothing is lost: ablate sync"
            )
        uri = tracking_uri(Home(home))
        _print(f"report    {outcome.report}")
        _print(f"mlflow    {'mlflow ui --backend-store-uri ' + uri if uri.startswith('sqlite') else uri}")
    if outcome.interrupted and outcome.counts["pending"]:
        typer.echo(
            f"Interrupted with {outcome.counts['pending']} runs to go; the same command goes on from here.",
            err=as_json,  # the answer for programs is all that stands on stdout
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.counts["failed"] or outcome.counts["not run"]:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def plan(grid: GridArgument, home: HomeOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say what a grid will run, reuse and cost, and what it can detect. Example: ablate plan my.yaml."""
    import os

    from ablations.home import Home
    from ablations.lanes import cluster_size, size_lanes
    from ablations.plan_text import plan_json, plan_lines
    from ablations.runner import connect, finished_keys, has_cluster, precision_of_hardware

    place = Home.resolve(home)
    spec = _load(grid, data)
    planned = _plan(grid, spec, precision_of_hardware, place.weights)
    if has_cluster():
        connect()
        cpus, gpus = cluster_size()
    else:
        import torch

        cpus, gpus = float(os.cpu_count() or 1), float(torch.cuda.device_count())
    lanes = size_lanes(spec.resources, cpus, gpus, len(planned.runs)).lanes
    finished = finished_keys(place, planned)
    if as_json:
        _print(json.dumps(plan_json(planned, place, finished, lanes), indent=2))
    else:
        _print("\n".join(plan_lines(planned, place, finished, lanes)))


@app.command()
def validate(grid: GridArgument, data: DataOption = None) -> None:
    """Check a grid and its data; one line per fault. Example: ablate validate my.yaml."""
    from reports.findings import finding_lines

    planned = _plan(grid, _load(grid, data), lambda precision: precision)
    _print(f"{grid}: fine. {len(planned.plan.arms)} arms, {len(planned.runs)} training runs")
    for line in finding_lines(planned.plan):
        _print(line)


@app.command()
def schema() -> None:
    """Print the JSON Schema of grids, for editors. Example: ablate schema > grid.schema.json."""
    from ablations.grid_schema import grid_schema

    _print(json.dumps(grid_schema(), indent=2))


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="A folder per class in it, or Parquet files of images.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of printing.")] = None,
) -> None:
    """Look at the images and write a commented starter grid. Example: ablate init photos --out grid.yaml."""
    from ablations.starter import starter_grid

    text = starter_grid(folder)
    if out is None:
        _print(text)
        return
    if out.exists():
        raise SpecError(f"--out: {out} exists already; choose another name or remove it")
    write_out(out, text)
    _print(f"wrote {out}; next: ablate plan {out}")


@app.command()
def strategies(name: Annotated[str | None, typer.Argument(help="A name, or package.module:Name.")] = None) -> None:
    """List the catalogue, or show one card. Example: ablate strategies mixup."""
    from ablations.cards import card_lines, catalogue_lines

    _print("\n".join(catalogue_lines() if name is None else card_lines(name)))


app.command()(check)
app.command(context_settings=CONTEXT)(compare)


@app.command()
def status(
    study: Annotated[str | None, typer.Argument(help="One study; default: all.")] = None, home: HomeOption = None
) -> None:
    """Say how far each study is. Example: ablate status."""
    from ablations.home import Home
    from ablations.store import list_studies
    from reports.completeness import assess_completeness
    from reports.load import load_study
    from reports.text import status_text

    place = Home.resolve(home)
    names = [study] if study else list_studies(place)
    if not names:
        _print(f"no study in {place.root} yet; try: ablate demo")
    for name in names:
        _print(f"{name}: {status_text(assess_completeness(load_study(place.root, name)))}")


app.command()(report)


@app.command()
def sync(
    studies: Annotated[list[str] | None, typer.Argument(help="Default: all.")] = None, home: HomeOption = None
) -> None:
    """Rebuild MLflow from the records. Example: ablate sync."""
    from ablations.home import Home
    from ablations.mlflow_projection import tracking_uri
    from ablations.sync import sync as project

    place = Home.resolve(home)
    done = project(place, studies or None)
    _print(f"{tracking_uri(place)}: {done}" if done.studies else f"no study in {place.root} yet; try: ablate demo")


def main() -> None:
    """Entry point: a person sees one message and an exit code, never a traceback of ours."""
    try:
        app(standalone_mode=True)
    except ProjectError as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        sys.exit(EXIT_INPUT)
