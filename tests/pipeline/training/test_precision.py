import pytest
import torch

from pipeline.training import precision
from pipeline.training.precision import autocast, gradient_scaler, resolve_precision


@pytest.mark.parametrize("asked", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
def test_what_is_asked_for_stays(asked: str, device_type: str) -> None:
    assert resolve_precision(asked, device_type) == asked


@pytest.mark.parametrize(
    ("has_bf16", "capability", "expected"),
    [(True, "AVX512", "bf16"), (False, "AVX512", "fp32"), (False, "AVX2", "fp32"), (True, "DEFAULT", "fp32")],
)
def test_auto_on_a_processor(monkeypatch: pytest.MonkeyPatch, has_bf16: bool, capability: str, expected: str) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: has_bf16)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert resolve_precision("auto", "cpu") == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16"), (False, "fp16")])
def test_auto_on_a_card(monkeypatch: pytest.MonkeyPatch, supported: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert resolve_precision("auto", "cuda") == expected


def test_autocast_multiplies_in_the_format() -> None:
    x = torch.ones(4, 4)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with autocast(name, "cpu"):  # type: ignore[arg-type]
            assert (x @ x).dtype == dtype


def test_only_fp16_is_scaled() -> None:
    assert [gradient_scaler(p, "cpu").is_enabled() for p in ("fp32", "bf16", "fp16")] == [False, False, True]
