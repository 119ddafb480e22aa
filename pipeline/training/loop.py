"""The one training loop. Every stage of every trial runs through it, alone or in a team of workers."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from pipeline.data.handle import DataHandle
from pipeline.data.plan import EvalRows, eval_batches, stage_batches
from pipeline.data.stream import StreamShare, open_stream
from pipeline.result import StageResult
from pipeline.spec.errors import Diverged
from pipeline.spec.records import Cost, RunRecord, Status
from pipeline.training import checkpoint
from pipeline.training.environment import environment
from pipeline.training.evaluate import all_metrics, quick_metrics
from pipeline.training.feed import Feed
from pipeline.training.history import History
from pipeline.training.job import StageJob, utc_now
from pipeline.training.predict import predict
from pipeline.training.setup import Setup, build_setup
from pipeline.training.sheet import contact_sheet
from pipeline.training.step import train_step
from pipeline.training.team import Team

CHECK_EVERY_STEPS = 50  # all ranks agree on a finite loss this often, and at the end of every epoch
FINITE = float("inf")  # "no bad step yet"; a minimum over ranks finds the first


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What a person watching wants to know."""

    epoch: int
    num_epochs: int
    loss: float
    val_top1: float


@dataclass
class EpochSums:
    """Loss terms of an epoch, kept on the device so that no step waits for the host."""

    device: torch.device
    terms: dict[str, torch.Tensor] = field(default_factory=dict)
    first_bad_step: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.first_bad_step = torch.tensor(FINITE, device=self.device)

    def add(self, terms: dict[str, torch.Tensor], step: int) -> None:
        """One step's terms."""
        for name, term in terms.items():
            self.terms[name] = self.terms[name] + term if name in self.terms else term
        finite = torch.isfinite(torch.stack(list(terms.values())).sum())
        self.first_bad_step = torch.where(finite, self.first_bad_step, self.first_bad_step.clamp(max=step))

    def agree(self, team: Team) -> None:
        """Raise on every rank at once if any rank has seen a loss that is not finite."""
        first = float(team.minimum(self.first_bad_step))
        if first != FINITE:
            raise Diverged(f"the training loss is not finite at step {int(first)}", int(first))

    def means(self, team: Team, steps: int) -> dict[str, float]:
        """Mean of each term over steps and ranks, and their sum as `loss`."""
        names = sorted(self.terms)
        total = team.sum(torch.stack([self.terms[name].float() for name in names])) / (steps * team.world_size)
        means = dict(zip(names, total.tolist(), strict=True))
        return {"loss": sum(means.values()), **means}


def evaluate(
    setup: Setup, feed: Feed, split: EvalRows, epoch: int, num_batches: int, team: Team
) -> dict[str, np.ndarray]:
    """Predictions for a split, complete and in its order, on every rank."""
    setup.shards.load_mean(team)
    return predict(setup.model, setup.precision, feed, split.role, epoch, num_batches, team)


def train_stage(
    job: StageJob, data: DataHandle, team: Team, share: StreamShare, watch: Callable[[EpochReport], None]
) -> StageResult:
    """Train one stage from its last checkpoint (or from the start) to the end, and evaluate it.

    Rank 0 writes checkpoints and the final weights; every rank returns the same result.

    Raises:
        Diverged: on all ranks, when the loss is no longer finite.
    """
    spec, budget = job.spec, job.spec.budget
    setup = build_setup(job, data, team)
    history, first_epoch = restore(job, setup, team.device)
    writer = checkpoint.CheckpointWriter(job.checkpoint, job.checkpoint_interval_s)
    split = data.evals["val"]
    plan = (setup.index, [split], setup.plans[first_epoch:], budget, spec.data.image_size_px, setup.chain.seed)
    stream = open_stream(
        stage_batches(*plan, team.rank, team.world_size), spec.data, setup.chain.seed, data.prepared, share
    )
    feed = Feed(stream, spec.data, spec.model.head_size(data.num_classes), team.device)
    num_eval = len(list(eval_batches(split, 0, 1, budget.eval_batch_size, team.rank, team.world_size)))
    sheet: bytes | None = None
    predictions: dict[str, np.ndarray] = {}
    resumed_busy_s, start = history.busy_s, time.perf_counter()
    resumed_wait_s = history.wait_s
    try:
        for plan_e in setup.plans[first_epoch:]:
            sums = EpochSums(team.device)
            for i in range(setup.steps_per_epoch):
                step = plan_e.epoch * setup.steps_per_epoch + i
                batches = [feed.take("train", plan_e.epoch)[1] for _ in setup.my_shards]
                if sheet is None:  # the first shard once more through the strategies: pure, with its own random stream
                    sheet = contact_sheet(
                        setup.chain.edit_batch(batches[0], step, setup.my_shards[0]).images, feed.mean, feed.std
                    )
                sums.add(train_step(setup, batches, step, team), step)
                history.lr.append(setup.optimizer.param_groups[0]["lr"])
                if (i + 1) % CHECK_EVERY_STEPS == 0:
                    sums.agree(team)
            sums.agree(team)
            eval_start = time.perf_counter()
            predictions = evaluate(setup, feed, split, plan_e.epoch, num_eval, team)
            now = time.perf_counter()
            history.eval_s += now - eval_start
            history.busy_s, history.wait_s = resumed_busy_s + now - start, resumed_wait_s + feed.wait_s
            history.samples_seen += setup.steps_per_epoch * budget.batch_size
            losses = sums.means(team, setup.steps_per_epoch)
            val = quick_metrics(predictions)
            values = {f"train/{k}": v for k, v in losses.items()} | {f"val/{k}": v for k, v in val.items()}
            history.add_epoch(plan_e.epoch, plan_e.image_size_px, values)
            history.log.append(
                f"epoch {plan_e.epoch + 1}/{budget.epochs} {plan_e.image_size_px}px loss {losses['loss']:.4f} "
                f"val top1 {val['top1']:.4f} nll {val['nll']:.4f} {history.busy_s:.1f}s (waited {history.wait_s:.1f}s)"
            )
            watch(EpochReport(plan_e.epoch + 1, budget.epochs, losses["loss"], val["top1"]))
            if plan_e.epoch + 1 < budget.epochs:  # after the last epoch there is nothing left to resume
                save_if_due(setup, history, plan_e.epoch + 1, writer, team)
    finally:
        stream.close()
        writer.wait()
    if team.rank == 0:
        checkpoint.save_atomically({"model": setup.model.state_dict()}, job.model_path(job.key))
    return finished_result(job, data, setup, history, predictions, sheet, team)


def restore(job: StageJob, setup: Setup, device: torch.device) -> tuple[History, int]:
    """Load the last checkpoint into the setup, if there is one. Returns what is remembered and the next epoch."""
    if not job.checkpoint.exists():
        return History(), 0
    state = checkpoint.load(job.checkpoint, device)
    setup.model.load_state_dict(state["model"])
    setup.optimizer.load_state_dict(state["optimizer"])
    setup.scaler.load_state_dict(state["scaler"])
    setup.shards.load_state(state["shards"])
    history = History(**state["history"])
    history.log.append(f"resumed after epoch {state['epoch']}")
    return history, state["epoch"]


def save_if_due(setup: Setup, history: History, epoch: int, writer: checkpoint.CheckpointWriter, team: Team) -> None:
    """Rank 0's clock decides for all, since every rank has shards to contribute."""
    if not team.gather(writer.due())[0]:
        return
    shards = setup.shards.state(team)
    if team.rank == 0:
        writer.save(
            lambda: {
                "epoch": epoch,
                "model": setup.model.state_dict(),
                "optimizer": setup.optimizer.state_dict(),
                "scaler": setup.scaler.state_dict(),
                "shards": shards,
                "history": history.state_dict(),
            }
        )


def finished_result(
    job: StageJob, data: DataHandle, setup: Setup, history: History, predictions: dict[str, np.ndarray],
    sheet: bytes | None, team: Team,
) -> StageResult:  # fmt: skip
    """The record and what belongs to it."""
    train = {name: values[-1] for name, values in history.series.items() if name.startswith("train/")}
    record = RunRecord(
        stage_hash=job.stage_hash,
        seed=job.seed,
        stage=job.stage,
        status=Status.FINISHED,
        metrics={**{f"val/{name}": value for name, value in all_metrics(predictions).items()}, **train},
        cost=Cost(
            samples_seen=history.samples_seen,
            busy_s=history.busy_s,
            data_wait_s=history.wait_s,
            eval_s=history.eval_s,
            num_parameters=sum(p.numel() for p in setup.model.parameters()),
            num_workers=team.world_size,
        ),
        environment=environment(team.device),
        data_fingerprint=data.fingerprint,
        skipped_images=data.num_skipped,
        finished_at=utc_now(),
    )
    ids = np.asarray([data.ids[row] for row in data.evals["val"].rows])
    stored = {"val/id": ids, **{f"val/{name}": column for name, column in predictions.items()}}
    return StageResult(record, json.loads(job.spec_json), history.curves(), stored, sheet, "\n".join(history.log))
