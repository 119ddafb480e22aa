"""`ablate lr-find`: a learning-rate range test of a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from ablations.commands.options import DataOption, HomeOption, JsonOption
from pipeline.spec.errors import SpecError

EXIT_UNCLEAR, EXIT_INTERRUPTED = 1, 130
MIN_STEPS = 10


def lr_find(
    file: Annotated[Path, typer.Argument(metavar="SPEC", help="A grid or a search in YAML; its base is tested.")],
    min_lr: Annotated[float, typer.Option("--min-lr", help="The first rate.")] = 1e-6,
    max_lr: Annotated[float, typer.Option("--max-lr", help="The last rate.")] = 10.0,
    steps: Annotated[int, typer.Option("--steps", help="Training steps, one for each rate.")] = 100,
    factors: Annotated[
        list[str] | None, typer.Option("--with", help="Switch this factor of the grid on; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of weights, order and augmentation.")] = 0,
    home: HomeOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a few steps while the rate grows, and suggest the rate at which the loss falls most steeply.

    Exit code 1 where no descent is clear. Example: ablate lr-find ablations/grids/digits.yaml --steps 200.
    """
    check_rates(min_lr, max_lr, steps)
    from ablations.commands.one_stage import carry_out, read_stage
    from ablations.records.home import Home
    from pipeline.training.range_test import growing_rates, range_test
    from reports.analysis.range_test import analyse_range_test
    from reports.formats.range_test import answer_lines, plot_lines
    from reports.page.range_test import write_range_test

    place = Home.resolve(home)
    stage = read_stage(file, data, factors or [], place, seed)
    try:
        curve = carry_out(stage, place, range_test, growing_rates(min_lr, max_lr, steps))
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was kept", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    sizes = curve.image_sizes_px
    notes = (
        (f"the images change their size during the test ({', '.join(f'{size} px' for size in sizes)}): the loss may "
         "leap there",)
        if len(sizes) > 1
        else ()
    )  # fmt: skip
    found = analyse_range_test(stage.words, curve.rates, curve.losses, curve.ended, stage.job.spec.optimizer.lr, notes)
    page = write_range_test(found, place.range_test(stage.job.key))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        lines = [stage.words, *plot_lines(found), *answer_lines(found), f"curve     {page}"]
        typer.echo("\n".join(lines))
    if found.suggestion is None:
        raise typer.Exit(EXIT_UNCLEAR)


def check_rates(min_lr: float, max_lr: float, steps: int) -> None:
    """Refuse an empty or reversed range, and too few steps to say anything.

    Raises:
        SpecError: naming the option.
    """
    if not 0 < min_lr < max_lr < float("inf"):
        raise SpecError(
            f"--min-lr {min_lr:g} --max-lr {max_lr:g}: expected two rates above 0, the first below the second, as in "
            "--min-lr 1e-6 --max-lr 10"
        )
    if not MIN_STEPS <= steps <= 100_000:
        raise SpecError(f"--steps {steps}: expected {MIN_STEPS} to 100000; 100 is usual")
