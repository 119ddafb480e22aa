"""`ablate tune`: search over fields of a recipe, then judge what was chosen."""

from pathlib import Path
from typing import Annotated

import typer

from ablations.commands.options import DataOption, HomeOption, JsonOption
from pipeline.spec.errors import DataError, SpecError

EXIT_FAILED, EXIT_INTERRUPTED = 3, 130


def tune(
    file: Annotated[Path, typer.Argument(help="A search in YAML: base, space, search, budget.")],
    home: HomeOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search over fields of a recipe, or go on with a search; then judge its winner with fresh seeds.

    Example: ablate tune ablations/searches/digits.yaml.
    """
    from ablations.grid.spec import with_data_path
    from ablations.grid.yaml_file import read_yaml
    from ablations.records.home import Home
    from ablations.records.mlflow_projection import tracking_uri
    from ablations.records.store import known_plan
    from ablations.running.display import duration
    from ablations.running.runner import precision_of_hardware
    from ablations.tuning.drive import tune as search
    from ablations.tuning.spec import parse_tune
    from ablations.tuning.study import TuningStudy
    from reports.analysis.tuning import analyse_tuning
    from reports.formats.tuning import selection_lines, to_json
    from reports.records.load import load_study
    from reports.scale import scale_of_metric

    place = Home.resolve(home)
    spec = parse_tune(with_data_path(read_yaml(file), data), str(file))
    try:
        study = TuningStudy(spec, precision_of_hardware, place.weights)
        known = known_plan(place, spec.study)
        if known is not None:
            study.take_up(known)
    except (SpecError, DataError) as error:
        raise type(error)("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from error
    try:
        outcome = search(study, place)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing finished is lost: run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    found = load_study(place.root, spec.study)
    analysis = analyse_tuning(found)
    if as_json:
        typer.echo(to_json(analysis))
    else:
        for line in selection_lines(analysis, scale_of_metric(found.plan.metric)):
            typer.echo(line)
        counts = outcome.counts
        if outcome.already_done:
            typer.echo(f"Everything is already done: {counts['finished']} runs, nothing to train.")
        else:
            failed = f", {counts['failed']} failed" if counts["failed"] else ""
            typer.echo(f"{counts['finished']} runs finished{failed} in {duration(outcome.seconds)}.")
        if outcome.unprojected:
            typer.echo(
                f"MLflow does not show {outcome.unprojected} of them ({outcome.reason}); nothing is lost: ablate sync"
            )
        uri = tracking_uri(place)
        typer.echo(f"report    {outcome.report}")
        typer.echo(f"mlflow    {'mlflow ui --backend-store-uri ' + uri if uri.startswith('sqlite') else uri}")
    if outcome.interrupted:
        typer.echo("Interrupted; the same command goes on from here.", err=as_json)
        raise typer.Exit(EXIT_INTERRUPTED)
    if analysis.winner is None:
        raise typer.Exit(EXIT_FAILED)
