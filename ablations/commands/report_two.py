"""`ablate report A B`: two studies side by side."""

from pathlib import Path

import typer

from ablations.commands.output import unwritable, write_out
from pipeline.spec.errors import SpecError

FORMATS = ("html", "md", "json")


def report_two(first: str, second: str, home: str | None, out: Path | None, fmt: str, from_mlflow: str | None) -> None:
    """Write what both have, what differs and how far equal arms lie apart.

    Args:
        first: a study.
        second: another.
        home: where both are; None: the environment's, or the default one.
        out: None: the folder of the first study, or the terminal where it is text.
        fmt: one of FORMATS.
        from_mlflow: a tracking URI to read both from instead of the home.

    Raises:
        SpecError: the same study twice, or a format that is for one study.
        RecordError: one of them is not there.
    """
    from ablations.records.home import Home
    from reports.analysis.two_studies import compare_studies
    from reports.formats.two_studies import to_json, to_markdown
    from reports.page.two_studies import write_two_studies
    from reports.records.load import load_study
    from reports.records.load_mlflow import load_study_from_mlflow

    if fmt not in FORMATS:
        raise SpecError(f"--format: {fmt!r} is for one study; two side by side are written as {', '.join(FORMATS)}")
    if first == second:
        raise SpecError(f"study {first!r} is held beside itself; name two, or one for its own report")
    if from_mlflow:
        studies = [load_study_from_mlflow(from_mlflow, name) for name in (first, second)]
        target = out or Path(f"{first}-and-{second}.html")
    else:
        place = Home.resolve(home)
        studies = [load_study(place.root, name) for name in (first, second)]
        target = out or place.study_dir(first) / f"beside-{second}.html"
    two = compare_studies(*studies)
    if fmt == "html":
        try:
            typer.echo(str(write_two_studies(two, target)))
        except OSError as error:
            raise unwritable(target, error) from error
        return
    text = to_markdown(two) if fmt == "md" else to_json(two)
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        write_out(out, text)
