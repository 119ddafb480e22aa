"""A training run outside any study: what a file's recipe trains, carried out by one worker."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import ray
import torch

from ablations.grid.spec import Resources, parse_grid, with_data_path
from ablations.grid.yaml_file import read_yaml
from ablations.planning.arm_builder import ArmBuilder
from ablations.planning.planned import DataToPrepare
from ablations.planning.scans import Scans
from ablations.planning.weights import Starts
from ablations.records.home import Home
from ablations.running.cluster import connect, has_cluster
from ablations.running.lanes import cluster_size
from ablations.running.runner import precision_of_hardware
from ablations.tuning.spec import parse_tune
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.prepare import is_prepared, prepare
from pipeline.data.sources import scan
from pipeline.data.stream import StreamShare
from pipeline.recipes.experiment import ExperimentSpec
from pipeline.spec.errors import DataError, SpecError
from pipeline.spec.records import run_key
from pipeline.training.job import StageJob
from pipeline.training.team import Team

Args = ParamSpec("Args")
Result = TypeVar("Result")
Work = Callable[Concatenate[StageJob, DataHandle, Team, StreamShare, Args], Result]


@dataclass(frozen=True, slots=True)
class OneStage:
    """The run that a recipe ends in, with its data."""

    job: StageJob
    data: DataToPrepare
    resources: Resources

    @property
    def words(self) -> str:
        """For people: 'digits, small_cnn, sgd, batches of 64'."""
        spec = self.job.spec
        path = str(getattr(spec.data, "path", "") or "").rstrip("/").rpartition("/")[2]
        model = str(getattr(spec.model, "name", "") or spec.model.kind)
        tricks = "".join(f", {strategy.key}" for strategy in spec.strategies)
        batch = f"batches of {spec.budget.batch_size}"
        return f"{path or spec.data.kind}, {model}, {spec.optimizer.kind}, {batch}{tricks}"


def read_stage(file: Path, data: str | None, factors: list[str], home: Home, seed: int) -> OneStage:
    """The stage that a file's recipe ends in.

    Args:
        file: a grid or a search: the recipe is its `base`.
        data: use this for `base.data.path`.
        factors: of a grid, to switch on.
        home: where weights from outside are kept.
        seed: of the run.

    Raises:
        SpecError: the file is wrong, or the stage needs another one that would have to be trained first.
        DataError: the data is not what the spec says.
    """
    raw = with_data_path(read_yaml(file), data)
    if "space" in raw:
        if factors:
            raise SpecError(f"{file}: is a search, which has no factors; leave out --with {factors[0]}")
        search = parse_tune(raw, str(file))
        bare = experiment = search.experiment({})
        recipe, resources = search.recipe({}), search.resources
    else:
        grid = parse_grid(raw, str(file))
        unknown = sorted(set(factors) - grid.patches().keys())
        if unknown:
            known = ", ".join(grid.patches())
            raise SpecError(f"{file}: --with {unknown[0]}: there is no such factor; the grid has {known}")
        bare, experiment = grid.experiment(()), grid.experiment(tuple(factors))
        recipe, resources = grid.recipe(tuple(factors)), grid.resources
    try:
        return _stage(experiment, bare, recipe, resources, home, seed)
    except (SpecError, DataError) as error:
        raise type(error)("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from error


def _stage(
    experiment: ExperimentSpec,
    bare: ExperimentSpec,
    recipe: dict[str, Any],
    resources: Resources,
    home: Home,
    seed: int,
) -> OneStage:
    builder = ArmBuilder(Scans(scan), Starts(home.weights), precision_of_hardware, resources.workers_per_trial)
    built = builder.build("recipe", (), experiment, bare, recipe)
    final = built.arm.final
    if final.needs:
        raise SpecError(
            f"stage {final.name} starts from {', '.join(final.needs)}, which would have to be trained first; leave out "
            "the recipe or strategy that brings it"
        )
    key = built.keys[final.stage_hash]
    job = StageJob(
        stage=final.name,
        spec_json=built.specs[final.stage_hash].model_dump_json(),
        stage_hash=final.stage_hash,
        seed=seed,
        data_key=key,
        ancestors={},
        runs_dir=home.runs,
        checkpoint=home.checkpoint(run_key(final.stage_hash, seed)),
    )
    return OneStage(job, built.data[key], resources)


def carry_out(stage: OneStage, home: Home, work: Work[Args, Result], *args: Args.args, **kwargs: Args.kwargs) -> Result:
    """Do some work with a stage, on a GPU where there is one, else with all CPUs.

    On the cluster that the environment names in a task of its own; else in this process, which needs Ray only where the
    images have not been prepared yet.

    Raises:
        ProjectError: whatever the work raises.
    """
    spec, listing = stage.data.spec, stage.data.listing
    if has_cluster() or not is_prepared(spec, listing, home.cache):
        connect()
    handle = make_handle(listing, prepare(spec, listing, home.cache))
    wants_gpu = stage.resources.gpus_per_worker != 0
    if not has_cluster():
        on_gpu, cpus = wants_gpu and torch.cuda.is_available(), float(os.cpu_count() or 1)
        return _alone(stage.job, handle, _threads(stage.resources, cpus), on_gpu, work, args, kwargs)
    on_gpu = wants_gpu and cluster_size()[1] > 0
    cpus = 1.0 if on_gpu else max(node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"])
    task = ray.remote(num_cpus=cpus, num_gpus=1.0 if on_gpu else 0.0, max_retries=0)(_alone)
    return ray.get(task.remote(stage.job, handle, _threads(stage.resources, cpus), on_gpu, work, args, kwargs))


def _threads(resources: Resources, cpus: float) -> int:
    return resources.threads_per_worker or max(1, int(cpus))


def _alone(
    job: StageJob,
    data: DataHandle,
    threads: int,
    on_gpu: bool,
    work: Callable[..., Result],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Result:
    torch.set_num_threads(threads)
    return work(job, data, Team.alone("cuda" if on_gpu else "cpu"), StreamShare(threads), *args, **kwargs)
