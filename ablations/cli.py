"""The `ablate` command. Each function reads its arguments, calls one thing, and prints the answer."""

import errno
import json
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from ablations.commands.batch_size import batch_size
from ablations.commands.check import check
from ablations.commands.clean import clean
from ablations.commands.compare import CONTEXT, compare
from ablations.commands.grid_file import load, naming, planned_conditions, planned_grid
from ablations.commands.lr_find import lr_find
from ablations.commands.options import DataOption, HomeOption, JsonOption
from ablations.commands.output import write_out
from ablations.commands.report import report
from ablations.commands.status import status
from ablations.commands.tune import tune
from pipeline.spec.errors import ProjectError, SpecError

EXIT_INPUT, EXIT_INTERRUPTED = 2, 130

app = typer.Typer(
    help="Which training tricks help on your images, by how much, at what cost, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
GridArgument = Annotated[Path, typer.Argument(help="A grid in YAML.")]
_print = typer.echo


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
    from ablations.commands.finish import finish
    from ablations.commands.plan_change_text import change_lines
    from ablations.commands.search_text import first_line
    from ablations.planning.disk import disk_of
    from ablations.planning.more_seeds import next_seeds
    from ablations.planning.screen import screen, screen_lines
    from ablations.records.home import Home
    from ablations.running.conditions import run_conditions
    from ablations.running.rung import train_rung
    from ablations.running.runner import finished_keys, precision_of_hardware, run_study
    from ablations.tuning.retune import retuned
    from reports.analysis.findings import finding_lines

    place = Home.resolve(home)
    asked = load(grid, data)
    for line in (*screen_lines(asked), *first_line(asked)):
        typer.echo(line, err=True)
    try:
        screened = screen(asked, lambda rung: train_rung(rung, place))
        spec = screened.grid

        def planned_with(seeds: tuple[int, ...] | None = None):
            written = screened.written_into(planned_grid(grid, spec, precision_of_hardware, place, seeds))
            with naming(grid):
                return retuned(spec, written, place)

        planned = planned_with()
        if add_seeds:
            step = next_seeds(planned.plan, place)
            typer.echo(f"seeds     {step.note}", err=True)
            if step.seeds != planned.plan.seeds:
                planned = planned_with(step.seeds)
        conditions = planned_conditions(grid, spec, planned, precision_of_hardware, place)
        done = finished_keys(place, planned)
        lines = change_lines(planned, place, done) + finding_lines(planned.plan)
        if warning := disk_of(planned, place, done).warning:
            lines.append(f"disk      WARNING: {warning}")
        for line in lines:  # before hours are spent; the findings again below the verdicts
            typer.echo(line, err=True)
        outcome = run_study(planned, place, spec.resources)
        outcome = run_conditions(outcome, planned, conditions, place, lambda line: typer.echo(line, err=True))
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

    from ablations.commands.plan_conditions import conditions_json, conditions_lines
    from ablations.commands.plan_text import plan_json, plan_lines
    from ablations.commands.search_text import search_json, search_lines
    from ablations.planning.screen import first_rung, screen_lines
    from ablations.records.home import Home
    from ablations.running.cluster import connect, has_cluster
    from ablations.running.lanes import cluster_size, size_lanes
    from ablations.running.runner import finished_keys, precision_of_hardware
    from ablations.tuning.retune import forecast

    place = Home.resolve(home)
    asked = load(grid, data)
    spec = first_rung(asked)
    written = planned_grid(grid, spec, precision_of_hardware, place)
    with naming(grid):
        seen = forecast(spec, written, precision_of_hardware, place)
    planned = seen.planned
    if has_cluster():
        connect()
        cpus, gpus = cluster_size()
    else:
        import torch

        cpus, gpus = float(os.cpu_count() or 1), float(torch.cuda.device_count())
    conditions = planned_conditions(grid, spec, planned, precision_of_hardware, place)
    lanes = size_lanes(spec.resources, cpus, gpus, len(planned.runs)).lanes
    finished = finished_keys(place, planned)
    if as_json:
        found = plan_json(planned, place, finished, lanes) | conditions_json(planned, conditions, place, lanes)
        _print(json.dumps(found | {"retune": search_json(seen, place, lanes)}, indent=2))
    else:
        lines = plan_lines(planned, place, finished, lanes) + conditions_lines(planned, conditions, place, lanes)
        _print("\n".join([*screen_lines(asked), *search_lines(seen, place, lanes), *lines]))


@app.command()
def validate(grid: GridArgument, data: DataOption = None) -> None:
    """Check a grid and its data; one line per fault. Example: ablate validate my.yaml."""
    from ablations.planning.screen import first_rung
    from ablations.tuning.retune import forecast
    from reports.analysis.findings import finding_lines

    spec = first_rung(load(grid, data))
    written = planned_grid(grid, spec, lambda precision: precision)
    with naming(grid):
        seen = forecast(spec, written, lambda precision: precision)
    planned = seen.planned
    conditions = planned_conditions(grid, spec, planned, lambda precision: precision)
    num_runs = len(planned.runs) + sum(len(one.planned.runs) - len(one.shared) for one in conditions)
    under = f" under {len(conditions)} conditions and its own" if conditions else ""
    searching = "" if seen.search is None else f", after {len(seen.search.runs)} that search for settings"
    _print(f"{grid}: fine. {len(planned.plan.arms)} arms{under}, {num_runs} training runs{searching}")
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
app.command()(lr_find)
app.command()(batch_size)
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
