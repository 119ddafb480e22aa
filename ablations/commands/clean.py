"""`ablate clean`: free the disk of what no study needs any more."""

import sys
from typing import Annotated

import typer

from ablations.commands.options import HomeOption
from pipeline.spec.errors import SpecError


def clean(
    home: HomeOption = None,
    study: Annotated[
        str | None,
        typer.Option(help="Free what this study has used and no other needs; it may have to train again."),
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only what was not written to for so long: 12h, 30d, 2w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be freed, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete checkpoints, weights, prepared images and small pictures that no study of the home needs; never a record.

    Not while ablate run works in this home. Example: ablate clean --older-than 30d --dry-run.
    """
    from ablations.records.cleaning import age_s, delete, find_waste, written_before
    from ablations.records.home import Home
    from ablations.records.store import list_studies
    from reports.records.load import load_study

    least_s = 0.0 if older_than is None else age_s(older_than)
    place = Home.resolve(home)
    waste = find_waste(place, (load_study(place.root, name) for name in list_studies(place)), study)
    if older_than is not None:
        waste = written_before(waste, least_s)
    if not waste:
        of = f"of study {study}" if study else f"in {place.root}"
        old = f", or younger than {older_than}" if older_than else ""
        typer.echo(f"nothing to free {of}: all that is there is needed{old}")
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
