"""The record of a stage that finished, and what belongs to it."""

import json

import numpy as np

from pipeline.data.handle import DataHandle
from pipeline.models.helpers import num_kept_parameters
from pipeline.result import StageResult
from pipeline.spec.records import Cost, RunRecord, Status
from pipeline.training.closing import Closed
from pipeline.training.environment import environment
from pipeline.training.explain import explain_or_say_why
from pipeline.training.footprint import footprint
from pipeline.training.history import History
from pipeline.training.job import StageJob, utc_now
from pipeline.training.micro_batches import remark
from pipeline.training.setup import Setup
from pipeline.training.sheet import batch_picture
from pipeline.training.team import Team


def finished_result(
    job: StageJob, data: DataHandle, setup: Setup, history: History, closed: Closed, team: Team
) -> StageResult:
    """Built by every rank alike, but for the heat maps, which rank 0 makes."""
    train = {name: values[-1] for name, values in history.series.items() if name.startswith("train/")}
    notes = {f"final/{name}": value for name, value in closed.notes.items()}
    val = {f"val/{name}": value for name, value in closed.metrics.items()}
    spec = job.spec
    divided = (remark(spec, setup.network.model, setup.num_parts),) if setup.num_parts > 1 else ()
    cost = footprint(spec.model, spec.strategies, data.num_classes, spec.data.image_size_px)
    record = RunRecord(
        stage_hash=job.stage_hash,
        seed=job.seed,
        stage=job.stage,
        status=Status.FINISHED,
        metrics={**val, **train, **notes},
        cost=Cost(
            samples_seen=history.samples_seen,
            busy_s=history.busy_s,
            data_wait_s=history.wait_s,
            eval_s=history.eval_s,
            num_parameters=num_kept_parameters(setup.network.model),
            num_workers=team.world_size,
            num_epochs=len(history.epoch),
            micro_batches=setup.num_parts,
            forward_gflops=cost.edited.gflops if cost.edited else None,
            bare_num_parameters=cost.bare.num_parameters if cost.bare else None,
            bare_gflops=cost.bare.gflops if cost.bare else None,
        ),
        environment=environment(team.device),
        data_fingerprint=data.fingerprint,
        skipped_images=data.num_skipped,
        finished_at=utc_now(),
        warnings=closed.warnings + divided,
    )
    ids = np.asarray([data.ids[row] for row in data.evals["val"].rows])
    stored = {"val/id": ids, **{f"val/{name}": column for name, column in closed.predictions.items()}}
    heat: dict[str, np.ndarray] = {}
    if team.rank == 0 and spec.task.judged_by == "logits":  # a heat map is of a class's evidence
        heat, why_not = explain_or_say_why(closed.model, spec, data, closed.predictions, team.device)
        history.log += [why_not] if why_not else []
    return StageResult(
        record=record,
        spec=json.loads(job.spec_json),
        curves=history.curves(),
        predictions=stored,
        log="\n".join(history.log),
        batches=batch_picture(history.strips),
        heat=heat,
    )
