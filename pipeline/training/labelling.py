"""A finished stage labels the unlabelled pool: once, whoever asks first."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from pipeline.data.handle import DataHandle
from pipeline.data.plan import EvalRows
from pipeline.data.pseudo_table import PoolLabels, TableKey, read_table, write_table
from pipeline.data.stream import StreamShare, open_stream
from pipeline.strategies.chain import Chain
from pipeline.training.feed import Feed
from pipeline.training.initial import load_run_model
from pipeline.training.job import StageJob
from pipeline.training.precision import resolve_precision
from pipeline.training.predict import Predictor, planned_eval
from pipeline.training.team import Team


def label_pool(
    job: StageJob, data: DataHandle, team: Team, stage: str, soft: bool, chain_of: Callable[[StageJob], Chain]
) -> PoolLabels:
    """What an earlier stage says about the pool, from its table or asked now; the same on every rank.

    Images are shown as on val, in the way of the earlier stage (size, colours, precision, views).

    Args:
        job: of the stage that wants to know.
        data: what it trains on; the pool is its.
        team: the workers. All of them must call.
        stage: name of the earlier stage.
        soft: with the probability of every class.
        chain_of: the strategies of a stage at work.

    Raises:
        RecordError: the weights or the table are damaged or gone.
        ResourceError: the table cannot be written.
    """
    key = job.ancestors[stage]
    table = TableKey(key, data.fingerprint, data.class_names, soft)
    path = table.path(job.runs_dir / key)
    if team.gather(path.exists())[0]:  # rank 0's answer, so that all do the same
        return read_table(path, table, data.pool.rows, data.ids)
    teacher = replace(job, spec_json=(job.runs_dir / key / "spec.json").read_text(), ancestors={})
    probs = pool_probs(teacher, key, data, team, chain_of(teacher))
    labels = probs.argmax(axis=1)
    confidence = probs[np.arange(len(probs)), labels]
    found = PoolLabels(data.pool.rows, labels, confidence, probs if soft else None)
    if team.rank == 0:
        write_table(path, table, found, data.ids)
    return found


def pool_probs(teacher: StageJob, key: str, data: DataHandle, team: Team, chain: Chain) -> np.ndarray:
    """Class probabilities of every image of the pool, [m, K] float32, over the data's classes."""
    spec = teacher.spec
    pool = EvalRows("pool", data.pool.rows, data.pool.keys, np.zeros(len(data.pool.rows), dtype=np.int64))
    if not len(pool.rows):
        return np.zeros((0, data.num_classes), dtype=np.float32)
    model = load_run_model(teacher, key, data.num_classes, team.device)
    planned = planned_eval(pool, 0, teacher, team)
    predictor = Predictor(chain, resolve_precision(spec.precision, team.device.type), team)
    stream = open_stream(planned, spec.data, (), teacher.seed, data.prepared, StreamShare())
    try:
        mine = predictor.logits(model, Feed(stream, spec, data.num_classes, team), "pool", 0, len(planned))
    finally:
        stream.close()
    parts: dict[int, torch.Tensor] = {}
    for part in team.gather({number: logits.cpu() for number, logits in mine.items()}):
        parts.update(part)
    logits = torch.cat([parts[number] for number in sorted(parts)])
    return logits[:, : data.num_classes].softmax(dim=1).numpy()  # a wider head has classes that no image can have
