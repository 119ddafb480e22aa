"""fp16 trains on a scaled loss: tricks must not see the scale. A power of two changes no bit of a float32."""

from pathlib import Path

import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.result import StageResult
from pipeline.training import setup
from tests.pipeline.stages import digits_stage, example, stage_job, train_alone

KINDS = ("clip_norm", "clip_value", "adaptive_clip", "lookahead", "sam", "gradual_unfreezing")


def trained(folder: Path, data: DataHandle, kind: str) -> StageResult:
    return train_alone(stage_job(digits_stage(example(kind)), folder), data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaled_loss_trains_the_same_network(
    digits: DataHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    bare = trained(tmp_path / "bare", digits, kind)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=10**6, enabled=True)
    monkeypatch.setattr(setup, "gradient_scaler", lambda *_: scaler)
    scaled = trained(tmp_path / "scaled", digits, kind)
    assert scaler.get_scale() == 2.0**12, "no step was skipped"
    assert scaled.curves.series == bare.curves.series
