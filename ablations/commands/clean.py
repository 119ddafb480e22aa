"""`ablate clean`: free the disk of what no study needs any more."""

import sys
from typing import Annotated

import typer

from pipeline.spec.errors import SpecError


def clean(
    home: Annotated[
        str | None, typer.Option("--home", help="Folder for records, reports and mlflow.db. Also $ABLATE_HOME.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be freed, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete checkpoints, weights and prepared images that no study of the home needs; never a record.

    Not while ablate run works in this home. Example: ablate clean --dry-run.
    """
    from ablations.records.cleaning import delete, find_waste
    from ablations.records.home import Home
    from ablations.records.store import list_studies
    from reports.records.load import load_study

    place = Home.resolve(home)
    waste = find_waste(place, (load_study(place.root, name) for name in list_studies(place)))
    if not waste:
        typer.echo(f"nothing to free in {place.root}: all that is there is needed")
        return
    sizes = [kind.num_bytes for kind in waste]
    for kind, size in zip(waste, sizes, strict=True):
        typer.echo(f"{megabytes(size):>10}  {kind.what} ({len(kind.paths)}); {kind.then}")
    typer.echo(f"{megabytes(sum(sizes)):>10}  in all; records, curves, predictions and reports stay")
    if dry_run:
        return
    if not yes:
        if not sys.stdin.isatty():
            raise SpecError("nothing was deleted: there is no terminal to ask at; pass --yes to delete it")
        typer.confirm("delete it?", abort=True)
    delete(waste)
    typer.echo(f"freed {megabytes(sum(sizes))}")


def megabytes(num_bytes: int) -> str:
    """'12.3 MB'."""
    return f"{num_bytes / 1e6:.1f} MB"
