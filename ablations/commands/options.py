"""Options that several commands share, so that they mean and say the same everywhere."""

from typing import Annotated

import typer

HomeOption = Annotated[
    str | None, typer.Option("--home", help="Folder for records, reports and mlflow.db. Also $ABLATE_HOME.")
]
DataOption = Annotated[str | None, typer.Option("--data", envvar="ABLATE_DATA", help="Use this for base.data.path.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
