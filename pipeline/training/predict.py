"""A network's predictions for a whole split, during training and after it."""

import numpy as np
import torch
from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.data.listing import Role
from pipeline.data.plan import eval_batches
from pipeline.data.stream import StreamShare, open_stream
from pipeline.training.evaluate import all_metrics, merge_in_order, summarize_probs
from pipeline.training.feed import Feed
from pipeline.training.job import StageJob
from pipeline.training.precision import Resolved, autocast, resolve_precision
from pipeline.training.setup import load_run_model
from pipeline.training.team import Team


def predict(
    model: nn.Module, precision: Resolved, feed: Feed, role: Role, epoch: int, num_batches: int, team: Team
) -> dict[str, np.ndarray]:
    """Take this rank's batches of the split from the feed; every rank returns all rows, in the split's order."""
    model.eval()
    mine: dict[int, dict[str, np.ndarray]] = {}
    with torch.inference_mode(), autocast(precision, team.device.type):
        for _ in range(num_batches):
            planned, batch = feed.take(role, epoch)
            probs = model(batch.images).float().softmax(dim=1)
            mine[planned.step] = summarize_probs(probs, batch.labels)
    return merge_in_order(team.gather(mine))


def score_run(job: StageJob, data: DataHandle, role: Role, team: Team, share: StreamShare) -> dict[str, float]:
    """Metrics of a finished run's final weights on any split, as fractions (NLL in nats).

    Raises:
        RecordError: the weights are gone.
    """
    spec, split = job.spec, data.evals[role]
    model = load_run_model(job, job.key, data.num_classes, team.device)
    size, per_batch = spec.data.image_size_px, spec.budget.eval_batch_size
    planned = list(eval_batches(split, 0, size, per_batch, team.rank, team.world_size))
    stream = open_stream(planned, spec.data, job.seed, data.prepared, share)
    try:
        feed = Feed(stream, spec.data, spec.model.head_size(data.num_classes), team.device)
        precision = resolve_precision(spec.precision, team.device.type)
        return all_metrics(predict(model, precision, feed, role, 0, len(planned), team))
    finally:
        stream.close()
