import pytest
import torch

from pipeline.training import precision
from pipeline.training.precision import gradient_scaler, number_format, resolve_precision


@pytest.mark.parametrize("asked", ["fp32", "tf32", "bf16", "fp16"])
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


def test_products_are_computed_in_the_format() -> None:
    x = torch.ones(4, 4)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with number_format(name, "cpu"):  # type: ignore[arg-type]
            assert (x @ x).dtype == dtype


def test_only_fp16_is_scaled() -> None:
    assert [gradient_scaler(p, "cpu").is_enabled() for p in ("fp32", "bf16", "fp16")] == [False, False, True]


@pytest.mark.parametrize(("precision_asked", "tf32"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_tf32_is_used_only_when_asked_for_and_the_setting_comes_back(precision_asked: str, tf32: bool) -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    with number_format(precision_asked, "cpu"):  # type: ignore[arg-type]
        assert (matmul.allow_tf32, cudnn.allow_tf32) == (tf32, tf32)
    assert (matmul.allow_tf32, cudnn.allow_tf32) == before
