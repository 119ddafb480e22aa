"""The `ablate` command. Each function reads its arguments, calls one thing, and prints the answer."""

import errno
import json
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from ablations.commands.check import check
from ablations.commands.clean import clean
from ablations.commands.compare import CONTEXT, compare
from ablations.commands.output import write_out
from ablations.commands.report import report
from ablations.commands.status import status
from ablations.commands.tune import tune
from pipeline.spec.errors import DataError, ProjectError, SpecError

EXIT_INPUT, EXIT_INTERRUPTED = 2, 130

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
    from ablations.grid.spec import parse_grid, with_data_path
    from ablations.grid.yaml_file import read_yaml
    from ablations.planning.screen import check_screen

    spec = parse_grid(with_data_path(read_yaml(grid), data), str(grid))
    try:
        check_screen(spec)
    except SpecError as error:
        raise SpecError(f"{grid}: {error}") from error
    return spec


def _plan(grid: Path, spec, resolve_precision, home=None, seeds: tuple[int, ...] | None = None):
    """The plan of a grid; what only shows once it meets the data and the libraries names the file as well.

    Args:
        grid: the file.
        spec: what it holds.
        resolve_precision: turns "auto" into a number format.
        home: where its weights are and its study may have run already; None: it is only checked.
        seeds: all to run; None: the grid's and those that a rule has added in this home.
    """
    from ablations.planning.more_seeds import seeds_so_far
    from ablations.planning.plan import build_plan
    from ablations.records.store import known_plan

    known = None if home is None else known_plan(home, spec.study)
    if known is not None and known.tuning is not None:
        raise SpecError(f"{grid}: study: {spec.study!r} is a search in this home; give the grid another name")
    if home is not None and seeds is None:
        seeds = seeds_so_far(spec, known)
    try:
        return build_plan(spec, resolve_precision, weights=home.weights if home else None, seeds=seeds)
    except (SpecError, DataError) as error:
        raise type(error)("\n".join(f"{grid}: {line}" for line in str(error).splitlines())) from error


@app.command()
def demo(home: HomeOption = None) -> None:
    """Run the digits study that ships with ablate: real images, no network, a few minutes on two CPU cores.

    Example: ablate demo --home demo-home.
    """
    with resources.as_file(resources.files("ablations") / "grids" / "digits.yaml") as path:
        run(path, home=home)


@app.command()
def run(
    grid: GridArgument,
    home: HomeOption = None,
    data: DataOption = None,
    add_seeds: Annotated[
        bool, typer.Option("--add-seeds", help="Add the next seeds to every arm, by the grid's rule more_seeds.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run or resume a grid: only what is missing or failed. Example: ablate run ablations/grids/clothing.yaml."""
    from ablations.records.home import Home
    from ablations.running.cluster import connect_early

    place = Home.resolve(home)
    asked = _load(grid, data)
    if not place.plan(asked.study).exists():  # else there may be nothing left that needs Ray
        connect_early()

    from ablations.commands.finish import finish
    from ablations.commands.plan_change_text import change_lines
    from ablations.planning.disk import disk_of
    from ablations.planning.more_seeds import next_seeds
    from ablations.planning.screen import screen, screen_lines
    from ablations.running.rung import train_rung
    from ablations.running.runner import finished_keys, precision_of_hardware, run_study
    from reports.analysis.findings import finding_lines

    for line in screen_lines(asked):
        typer.echo(line, err=True)
    try:
        screened = screen(asked, lambda rung: train_rung(rung, place))
        spec = screened.grid
        planned = screened.written_into(_plan(grid, spec, precision_of_hardware, place))
        if add_seeds:
            step = next_seeds(planned.plan, place)
            typer.echo(f"seeds     {step.note}", err=True)
            if step.seeds != planned.plan.seeds:
                planned = screened.written_into(_plan(grid, spec, precision_of_hardware, place, step.seeds))
        done = finished_keys(place, planned)
        lines = change_lines(planned, place, done) + finding_lines(planned.plan)
        if warning := disk_of(planned, place, done).warning:
            lines.append(f"disk      WARNING: {warning}")
        for line in lines:  # before hours are spent; the findings again below the verdicts
            typer.echo(line, err=True)
        outcome = run_study(planned, place, spec.resources)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing finished is lost: run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    code = finish(place, planned.plan.study, outcome, as_json)
    if code:
        raise typer.Exit(code)


@app.command()
def plan(grid: GridArgument, home: HomeOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say what a grid will run, reuse and cost, and what it can detect. Example: ablate plan my.yaml."""
    import os

    from ablations.commands.plan_text import plan_json, plan_lines
    from ablations.planning.screen import first_rung, screen_lines
    from ablations.records.home import Home
    from ablations.running.cluster import connect, has_cluster
    from ablations.running.lanes import cluster_size, size_lanes
    from ablations.running.runner import finished_keys, precision_of_hardware

    place = Home.resolve(home)
    asked = _load(grid, data)
    spec = first_rung(asked)
    planned = _plan(grid, spec, precision_of_hardware, place)
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
        _print("\n".join([*screen_lines(asked), *plan_lines(planned, place, finished, lanes)]))


@app.command()
def validate(grid: GridArgument, data: DataOption = None) -> None:
    """Check a grid and its data; one line per fault. Example: ablate validate my.yaml."""
    from ablations.planning.screen import first_rung
    from reports.analysis.findings import finding_lines

    planned = _plan(grid, first_rung(_load(grid, data)), lambda precision: precision)
    _print(f"{grid}: fine. {len(planned.plan.arms)} arms, {len(planned.runs)} training runs")
    for line in finding_lines(planned.plan):
        _print(line)


@app.command()
def schema() -> None:
    """Print the JSON Schema of grids, for editors. Example: ablate schema > grid.schema.json."""
    from ablations.grid.schema import grid_schema

    _print(json.dumps(grid_schema(), indent=2))


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="A folder per class in it, or Parquet files of images.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of printing.")] = None,
) -> None:
    """Look at the images and write a commented starter grid. Example: ablate init photos --out grid.yaml."""
    from ablations.commands.starter import starter_grid

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
    from ablations.commands.cards import card_lines, catalogue_lines

    _print("\n".join(catalogue_lines() if name is None else card_lines(name)))


app.command()(check)
app.command(context_settings=CONTEXT)(compare)


app.command()(status)
app.command()(report)
app.command()(tune)
app.command()(clean)


@app.command()
def sync(
    studies: Annotated[list[str] | None, typer.Argument(help="Default: all.")] = None, home: HomeOption = None
) -> None:
    """Rebuild MLflow from the records. Example: ablate sync."""
    from ablations.records.home import Home
    from ablations.records.mlflow_projection import tracking_uri
    from ablations.records.sync import sync as project

    place = Home.resolve(home)
    done = project(place, studies or None)
    _print(f"{tracking_uri(place)}: {done}" if done.studies else f"no study in {place.root} yet; try: ablate demo")


def main() -> None:
    """Entry point: a person sees one message and an exit code, never a traceback of ours."""
    try:
        app(standalone_mode=True)
    except ProjectError as error:
        # What an actor of Ray raises comes back with its traceback as text, and with the error itself as the cause.
        _fail(str(getattr(error, "cause", None) or error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f": {error.filename}" if error.filename else ""
        _fail(
            f"the disk is full{where}. Every run that finished is kept. Free some (the home's folder `cache` may go), "
            "then the same command goes on"
        )


def _fail(message: str) -> None:
    for line in message.splitlines():
        typer.echo(f"error: {line}", err=True)
    sys.exit(EXIT_INPUT)
