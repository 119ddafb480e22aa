"""Metrics of a finished run on a split that it was not judged by."""

from pipeline.data.handle import DataHandle
from pipeline.data.listing import Role
from pipeline.data.stream import StreamShare, open_stream
from pipeline.training.evaluate import all_metrics
from pipeline.training.feed import Feed
from pipeline.training.initial import load_run_model
from pipeline.training.job import StageJob
from pipeline.training.precision import resolve_precision
from pipeline.training.predict import Predictor, planned_eval
from pipeline.training.setup import build_chain
from pipeline.training.team import Team


def score_run(job: StageJob, data: DataHandle, role: Role, team: Team, share: StreamShare) -> dict[str, float]:
    """Metrics of a finished run's final weights on any split, as fractions (NLL in nats).

    Raises:
        RecordError: the weights are gone.
    """
    spec = job.spec
    model = load_run_model(job, job.key, data.num_classes, team.device)
    planned = planned_eval(data.evals[role], 0, job, team)
    predictor = Predictor(build_chain(job, data, team), resolve_precision(spec.precision, team.device.type), team)
    stream = open_stream(planned, spec.data, (), job.seed, data.prepared, share)
    try:
        feed = Feed(stream, spec, data.num_classes, team)
        return all_metrics(predictor.predictions(model, feed, role, 0, len(planned)))
    finally:
        stream.close()
