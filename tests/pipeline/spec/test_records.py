import pytest
from pydantic import ValidationError

from pipeline.spec.records import HIGHER_IS_BETTER, IN_POINTS, Cost, Environment, Failure, RunRecord, Status, run_key

ENVIRONMENT = Environment(
    code_version="0", python="3.11", torch="2", ray="2", timm="1", device="cpu", threads_per_worker=1
)


def record(status: Status, failure: Failure | None) -> RunRecord:
    return RunRecord(
        stage_hash="ab" * 32,
        seed=3,
        stage="main",
        status=status,
        environment=ENVIRONMENT,
        data_fingerprint="f",
        finished_at="2026-01-01T00:00:00Z",
        failure=failure,
    )


def test_a_record_survives_json() -> None:
    kept = record(Status.FAILED, Failure(type="Diverged", message="not finite", step=4))
    assert RunRecord.model_validate_json(kept.model_dump_json()) == kept
    assert kept.key == "abababababababab-3" == run_key(kept.stage_hash, 3)


@pytest.mark.parametrize(
    ("status", "failure"), [(Status.FINISHED, Failure(type="X", message="y")), (Status.FAILED, None)]
)
def test_a_failure_belongs_to_a_failed_run(status: Status, failure: Failure | None) -> None:
    with pytest.raises(ValidationError, match="a failed record needs its failure"):
        record(status, failure)


def test_a_metric_is_never_nan() -> None:
    with pytest.raises(ValidationError, match="finite number"):
        RunRecord.model_validate(record(Status.FINISHED, None).model_dump() | {"metrics": {"val/top1": float("nan")}})


def test_costs_of_versions_that_did_not_count_still_load() -> None:
    old = {"samples_seen": 8, "busy_s": 1.0, "data_wait_s": 0.1, "eval_s": 0.1, "num_parameters": 7, "num_workers": 1}
    cost = Cost.model_validate(old)
    assert (cost.forward_gflops, cost.bare_num_parameters, cost.bare_gflops) == (None, None, None)


def test_points_are_metrics() -> None:
    assert set(HIGHER_IS_BETTER) >= IN_POINTS
