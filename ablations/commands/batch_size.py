"""`ablate batch-size`: the largest batch that fits the device, and the shards that the recipe's batch needs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ablations.commands.options import DataOption, HomeOption, JsonOption
from pipeline.spec.errors import SpecError

if TYPE_CHECKING:
    from pipeline.training.batch_finder import MicroBatch

EXIT_NOTHING_FITS, EXIT_INTERRUPTED = 1, 130


def batch_size(
    file: Annotated[Path, typer.Argument(metavar="SPEC", help="A grid or a search in YAML; its base is tried.")],
    memory_gb: Annotated[
        float | None,
        typer.Option("--memory-gb", help="A step may take no more. Default: the GPU's, or half of the RAM left."),
    ] = None,
    max_batch: Annotated[int, typer.Option("--max-batch", help="Try no more images at once.")] = 4096,
    factors: Annotated[
        list[str] | None, typer.Option("--with", help="Switch this factor of the grid on; may be repeated.")
    ] = None,
    home: HomeOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the most images that fit the device at once, and how many shards keep the recipe's batch size.

    Real steps: forward, backward, update. Exit code 1 where the recipe's batch does not fit in any number of shards.
    Example: ablate batch-size ablations/grids/digits.yaml --memory-gb 2.
    """
    if memory_gb is not None and not 0 < memory_gb < float("inf"):
        raise SpecError(f"--memory-gb {memory_gb:g}: expected a number above 0")
    if max_batch < 2:
        raise SpecError(f"--max-batch {max_batch}: expected at least 2 images")
    from ablations.commands.one_stage import carry_out, read_stage
    from ablations.records.home import Home
    from pipeline.training.batch_finder import Limits, find_micro_batch

    place = Home.resolve(home)
    stage = read_stage(file, data, factors or [], place, seed=0)
    limits = Limits(max_batch, None if memory_gb is None else memory_gb * 1024)
    workers = stage.resources.workers_per_trial
    try:
        found = carry_out(stage, place, find_micro_batch, limits, workers)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was kept", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps({"recipe": stage.words, **asdict(found)}, indent=2))
    else:
        budget = stage.job.spec.budget
        typer.echo("\n".join([stage.words, *text_lines(found, budget.batch_size, budget.num_shards, workers)]))
    if found.num_shards is None:
        raise typer.Exit(EXIT_NOTHING_FITS)


def text_lines(found: "MicroBatch", batch_size: int, shards_now: int, workers: int) -> list[str]:
    """The tries, what fits, and what to write into the recipe.

    Args:
        found: by the finder.
        batch_size: of the recipe, over all workers.
        shards_now: of the recipe.
        workers: that share a batch.
    """
    lines = [
        f"{one.images:>7} images at once  {'fits' if one.fits else 'too many':<8}"
        + ("" if one.peak_mb is None else f"  {one.peak_mb:,.0f} MB")
        for one in found.tries
    ]
    if found.largest is None:
        lines.append("Not even the smallest batch fits.")
    else:
        why = ""
        if found.largest == found.ceiling:
            why = "; more were not tried: " + (
                "there are no more images to train on" if found.ceiling == found.num_train else "see --max-batch"
            )
        lines.append(f"Largest that fits: {found.largest} images at once{why}.")
    lines.append(_limit_text(found))
    if found.num_shards is None:
        lines.append(f"budget.batch_size: {batch_size} does not fit in any number of shards of at least 2 images.")
        return lines
    each = batch_size // found.num_shards
    lines.append(
        f"Keep budget.batch_size: {batch_size} with budget.num_shards: {found.num_shards} ({each} images at once"
        + (f", {found.num_shards // workers} in turn on each of {workers} workers" if workers > 1 else "")
        + f"; the recipe has {shards_now} now)."
    )
    if found.num_shards != shards_now:
        lines.append(
            "Gradients of the shards are added up before each update. Batch statistics are of a shard, so with batch "
            "normalization another num_shards is another experiment: change it in the base, for all arms alike."
        )
    return lines


def _limit_text(found: "MicroBatch") -> str:
    if found.device == "cpu":
        assert found.limit_mb is not None, "on a CPU there is always a limit"
        return (
            f"On a CPU a step counts as fitting while this process grows by at most {found.limit_mb:,.0f} MB (resident "
            "set, with pages that the allocator keeps); each lane beside it needs as much again."
        )
    limit = "what the GPU had free" if found.limit_mb is None else f"{found.limit_mb:,.0f} MB"
    return f"Peaks are of what torch allocated on the GPU; the limit was {limit}."
