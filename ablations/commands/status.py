"""`ablate status`: how far each study is, a mark for each run."""

import shutil
from typing import Annotated

import typer

from ablations.commands.options import HomeOption

MAX_LINES = 12  # of marks for each of several studies; one that is named shows all


def status(
    study: Annotated[str | None, typer.Argument(help="One study; default: all.")] = None,
    home: HomeOption = None,
) -> None:
    """Say how far each study is, and mark each run as finished, failed or to come. Example: ablate status."""
    from ablations.records.home import Home
    from ablations.records.store import list_studies
    from reports.analysis.completeness import assess_completeness
    from reports.formats.marks import grid_lines, legend, marks_of
    from reports.formats.text import status_text
    from reports.formats.waiting_text import missing_text
    from reports.records.load import load_study

    place = Home.resolve(home)
    names = [study] if study else list_studies(place)
    if not names:
        typer.echo(f"no study in {place.root} yet; try: ablate demo")
    width = shutil.get_terminal_size().columns
    for name in names:
        found = load_study(place.root, name)
        done = assess_completeness(found)
        rows = marks_of(done, (arm.name for arm in found.plan.arms), found.plan.every_seed)
        typer.echo(f"{name}: {status_text(done)}")
        for line in grid_lines(rows, width - 2, None if study else MAX_LINES):
            typer.echo(f"  {line}")
        typer.echo(f"  {legend(rows)}")
        if study and done.num_missing:
            typer.echo(f"  not run yet: {missing_text(done)}")
