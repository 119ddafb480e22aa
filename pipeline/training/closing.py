"""After the last epoch: strategies may change the final network once more, and calibrate it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.data.plan import train_batches
from pipeline.data.stream import StreamShare, open_stream
from pipeline.training.evaluate import all_metrics, summarize_probs
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob
from pipeline.training.precision import number_format
from pipeline.training.predict import Predictor, planned_eval
from pipeline.training.setup import Setup
from pipeline.training.team import Team
from pipeline.types import Batch


@dataclass(frozen=True, slots=True)
class Closed:
    """The network to keep, and what it says about val."""

    model: nn.Module
    predictions: dict[str, np.ndarray]
    metrics: dict[str, float]  # of val, by name
    notes: dict[str, float]
    warnings: tuple[str, ...] = ()


def needs_closing(setup: Setup) -> bool:
    """Whether any strategy works on the final network."""
    return setup.chain.uses("finish") or setup.chain.uses("calibrate")


def close_stage(
    job: StageJob, data: DataHandle, setup: Setup, model: nn.Module, last_epoch: int, team: Team, share: StreamShare
) -> Closed:
    """Finish and calibrate the network, and evaluate it on val.

    Args:
        job: the stage.
        data: what it trains on.
        setup: after its last epoch.
        model: the network that would be kept.
        last_epoch: number of the last epoch that was trained; the pass for `finish` is drawn as the one after it.
        team: the workers.
        share: what this rank's stream may use.
    """
    spec, chain = job.spec, setup.chain
    plan = replace(setup.plans[last_epoch], epoch=last_epoch + 1, pool_ratio=0)
    passes = list(
        train_batches(setup.index, plan, spec.budget.num_shards, chain.seed, team.rank, team.world_size)
        if chain.uses("finish")
        else ()
    )
    evals = planned_eval(data.evals["val"], plan.epoch, job, team)
    stream = open_stream([*passes, *evals], spec.data, chain.row_transforms(), chain.seed, data.prepared, share)
    try:
        feed = Feed(stream, spec, data.num_classes, team)

        def batches() -> Iterator[Batch]:
            for _ in passes:
                yield feed.take("train", plan.epoch)[1]

        if passes:
            one_pass = batches()
            with number_format(setup.precision, team.device.type):
                model = chain.finish(model, one_pass)
            for _ in one_pass:  # what nobody took stands before the evaluation in the stream
                pass
            team.average_buffers(model)
        predictor = Predictor(chain, setup.precision, team)
        if not chain.uses("calibrate"):
            predictions = predictor.predictions(model, feed, "val", plan.epoch, len(evals))
            return Closed(model, predictions, all_metrics(predictions), {})
        parts: dict[int, torch.Tensor] = {}
        mine = predictor.logits(model, feed, "val", plan.epoch, len(evals))
        for part in team.gather({number: logits.cpu() for number, logits in mine.items()}):
            parts.update(part)
        logits = torch.cat([parts[number] for number in sorted(parts)])
        labels = torch.from_numpy(data.evals["val"].labels.copy())
        calibrated = chain.calibrate(model, logits, labels)
        predictions = summarize_probs(calibrated.logits.softmax(dim=1), labels)
        return Closed(calibrated.model, predictions, all_metrics(predictions), calibrated.notes)
    finally:
        stream.close()
