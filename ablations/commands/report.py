"""`ablate report`: a study as a page, or as text to paste or to read by program."""

from pathlib import Path
from typing import Annotated

import typer

from ablations.commands.options import DataOption, HomeOption
from ablations.commands.output import unwritable, write_out
from ablations.commands.report_two import report_two
from pipeline.spec.errors import SpecError

FORMATS = ("html", "md", "latex", "csv", "json")


def report(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="A second study, to hold beside the first.")
    ] = None,
    home: HomeOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Default: the study's folder in the home.")] = None,
    fmt: Annotated[str, typer.Option("--format", help="html, md, latex, csv or json.")] = "html",
    from_mlflow: Annotated[
        str | None, typer.Option("--from-mlflow", help="A tracking URI to read instead of the home.")
    ] = None,
    final: Annotated[
        bool,
        typer.Option("--final", help="First score test, for bare, full and the kept recipe; reads are counted."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Write the report of a study, finished or not, or of two side by side.

    Example: ablate report digits-demo --format md. Of two: ablate report digits-demo digits-again.
    """
    from ablations.commands.study_text import study_text
    from ablations.records.home import Home
    from reports.page.html import write_report
    from reports.page.tuning import write_tuning
    from reports.records.load import load_study
    from reports.records.load_mlflow import load_study_from_mlflow

    if fmt not in FORMATS:
        raise SpecError(f"--format: {fmt!r} is not one of {', '.join(FORMATS)}")
    if other is not None:
        if final:
            raise SpecError("--final scores the runs of one study; name one")
        report_two(study, other, home, out, fmt, from_mlflow)
        return
    if final and from_mlflow:
        raise SpecError("--final needs the home, where the weights are; leave out --from-mlflow")
    if final:
        from ablations.running.final import score_study

        typer.echo(score_study(Home.resolve(home), study, data), err=True)  # stdout may be Markdown or JSON
    if from_mlflow:
        found = load_study_from_mlflow(from_mlflow, study)
        target = out or Path(f"{study}-report.html")
    else:
        place = Home.resolve(home)
        found = load_study(place.root, study)
        target = out or place.report(study)
    if fmt == "html":
        write = write_report if found.plan.tuning is None else write_tuning
        try:
            typer.echo(str(write(found, target)))
        except OSError as error:
            raise unwritable(target, error) from error
        if found.mlflow is not None and not from_mlflow:
            where = found.mlflow.report_url or found.mlflow.command
            typer.echo(f"MLflow has the report as of the last run or sync: {where}; ablate sync renews it", err=True)
        return
    text = study_text(found, fmt)
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        write_out(out, text)
