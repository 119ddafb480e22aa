import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.data.handle import DataHandle
from pipeline.models.build import build_model
from pipeline.spec.errors import SpecError
from pipeline.spec.model import SmallCnn
from pipeline.strategies.normalization import NormalizationConfig
from pipeline.training.setup import build_setup
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, stage_job

KINDS = {"group": nn.GroupNorm, "layer": nn.GroupNorm, "sync": nn.SyncBatchNorm}


@pytest.mark.parametrize("to", KINDS)
def test_every_norm_is_replaced(to: str) -> None:
    config = NormalizationConfig.model_validate({"to": to})
    edited = config.edit_model(build_model(SmallCnn(width=4), 5), 5)
    norms = [m for m in edited.modules() if isinstance(m, KINDS[to])]
    assert len(norms) == 3
    if to in ("group", "layer"):
        groups = [2, 4, 8] if to == "group" else [1, 1, 1]
        assert [m.num_groups for m in norms] == groups  # type: ignore[union-attr]


def test_no_weight_is_drawn_anew() -> None:
    before = torch.random.get_rng_state()
    model = build_model(SmallCnn(width=4), 5)
    after = torch.random.get_rng_state()
    assert not torch.equal(before, after)
    NormalizationConfig(to="none").edit_model(model, 5)
    assert torch.equal(torch.random.get_rng_state(), after)


def test_sync_over_one_shard_would_change_nothing() -> None:
    with pytest.raises(ValidationError, match=r"normalization: to=sync with budget.num_shards=1 changes nothing"):
        digits_stage({"kind": "normalization", "to": "sync"})


SYNC = digits_stage({"kind": "normalization", "to": "sync"}, budget={"batch_size": 64, "num_shards": 2})


@pytest.mark.parametrize(
    ("workers", "device", "message"),
    [
        (1, None, "1 of them with budget.num_shards=2 would not give those of the whole batch; use 2 GPU workers"),
        (4, "cuda", "4 of them with budget.num_shards=2"),
        (2, "cpu", "to=sync needs GPUs"),
        (2, "cuda", None),
        (2, None, None),
    ],
)
def test_sync_needs_a_gpu_for_each_shard(workers: int, device: str | None, message: str | None) -> None:
    fault = SYNC.strategies[0].team_fault(SYNC, workers, device)
    assert (fault is None) if message is None else (fault is not None and message in fault)


def test_a_team_that_cannot_keep_the_promise_is_refused(
    digits: DataHandle, tmp_path_factory: pytest.TempPathFactory
) -> None:
    job = stage_job(SYNC, tmp_path_factory.mktemp("sync"))
    with pytest.raises(SpecError, match="strategies: normalization: to=sync needs GPUs"):
        build_setup(job, digits, Team.alone())


@pytest.mark.parametrize("fields", [{"to": "batch"}, {"num_groups": 0}])
def test_impossible_values_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        NormalizationConfig.model_validate(fields)
