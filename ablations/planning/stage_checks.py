"""What only shows once a stage meets its data: sizes, batches, networks and teams that do not fit."""

from ablations.planning.scans import Scanned
from pipeline.data.handle import DataHandle
from pipeline.data.plan import steps_per_epoch
from pipeline.experiment import StageSpec
from pipeline.models.build import check_model
from pipeline.spec.errors import SpecError
from pipeline.training.footprint import check_network, check_task
from pipeline.training.optimizer import check_optimizer
from pipeline.training.schedule import check_schedule


def num_trained_on(stage: StageSpec, num_train: int, num_pool: int) -> int:
    """Images of an epoch, at most: the labelled ones, and the pool's where labels do not matter or are made up."""
    takes_pool = not stage.task.uses_labels or any(s.kind == "pseudo_labels" for s in stage.strategies)
    return num_train + num_pool if takes_pool else num_train


def pictures_per_image(stage: StageSpec) -> int:
    """What the network is shown in a step, as a multiple of the batch: views of an image, and of unlabelled ones."""
    unlabelled = sum(2 * s.mu for s in stage.strategies if s.kind == "fixmatch")
    return stage.task.num_views + unlabelled


def check_batches(stage: StageSpec, num_train: int, where: str) -> None:
    """Refuse a batch larger than the split.

    Raises:
        SpecError: naming the arm and the field.
    """
    batch, left = stage.budget.batch_size, num_train
    for strategy in stage.strategies:
        if strategy.kind == "progressive_resizing":
            batch *= strategy.largest_batch_factor(stage.data.image_size_px)
        if strategy.kind == "data_fraction":
            left = round(left * strategy.frac)  # rounded per class when it trains, which checks again
    if steps_per_epoch(left, batch) < 1:
        grown = f", which progressive_resizing raises to {batch}," if batch > stage.budget.batch_size else ""
        kept = f", of which data_fraction keeps {left}" if left < num_train else ""
        raise SpecError(
            f"{where}: budget.batch_size={stage.budget.batch_size}{grown} is larger than the training split "
            f"({num_train} images{kept}); lower it"
        )


def check_prepared(stage: StageSpec, data: DataHandle, where: str) -> None:
    """The same once it is known which images can be decoded.

    Raises:
        SpecError: naming the arm and the field.
    """
    check_batches(stage, num_trained_on(stage, len(data.train.rows), len(data.pool.rows)), where)


def check_stage(stage: StageSpec, data: Scanned, workers: int, where: str) -> None:
    """What only shows once spec and data meet.

    Raises:
        Impossible: two parts of the stage cannot be together.
        SpecError: naming the arm and the field.
    """
    check_model(stage.model, f"{where}: model")
    check_optimizer(stage.optimizer, f"{where}: optimizer")
    check_schedule(stage.schedule, stage.optimizer, stage.budget.epochs)
    num_train = num_trained_on(stage, data.num_samples["train"], data.num_samples.get("pool", 0))
    try:
        stage.model.head_size(len(data.listing.class_names))
    except SpecError as error:
        raise SpecError(f"{where}: {error}") from error
    for size_px in sorted({stage.data.image_size_px, stage.data.eval_size_px, *_sizes_on_the_way(stage)}):
        check_network(stage.model, stage.strategies, len(data.listing.class_names), size_px, f"{where}: model")
    check_task(stage, len(data.listing.class_names))
    check_batches(stage, num_train, where)
    if stage.budget.num_shards % workers:
        raise SpecError(
            f"{where}: resources.workers_per_trial={workers} cannot share budget.num_shards={stage.budget.num_shards}; "
            f"set budget.num_shards to {workers} or a multiple of it (it is the unit of batch statistics, so it is "
            "part of the experiment: keep it when you change the number of workers)"
        )
    if reason := stage.task.team_fault(stage, workers):
        raise SpecError(f"{where}: {reason}")
    for strategy in stage.strategies:
        if reason := strategy.team_fault(stage, workers):
            raise SpecError(f"{where}: strategies: {strategy.kind}: {reason}")


def _sizes_on_the_way(stage: StageSpec) -> tuple[int, ...]:
    """Other sizes that strategies ask for. A network that takes a stage's smallest and its last takes those between."""
    smallest = [s.from_px for s in stage.strategies if s.kind == "progressive_resizing"]
    views = [size for s in stage.strategies if s.kind == "tta" for size in s.sizes_px(stage.data.eval_size_px)]
    return (*smallest, *views)
