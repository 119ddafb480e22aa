"""Number formats: what `auto` means on a device, and how each format is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch

Resolved = Literal["fp32", "tf32", "bf16", "fp16"]


def resolve_precision(precision: str, device_type: str) -> Resolved:
    """`auto` becomes what the device's arithmetic units do best; anything else stays.

    A CPU gets bf16 only with instructions made for it (AMX or AVX512-BF16): elsewhere bf16 is emulated.
    """
    if precision != "auto":
        return precision  # type: ignore[return-value] - the spec has checked it
    if device_type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    capabilities = torch.backends.cpu.get_cpu_capability()
    return "bf16" if cpu_has_bf16() and capabilities != "DEFAULT" else "fp32"


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bf16 matrices in hardware."""
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name)() for name in checks if hasattr(torch.cpu, name))


@contextmanager
def number_format(precision: Resolved, device_type: str) -> Iterator[None]:
    """Run matrix products in the given format, forward and backward, for as long as the context lasts.

    torch lets cuDNN use TF32 unless told otherwise, so `fp32` must say so, or it would be `tf32` for convolutions.
    """
    matmul, cudnn = torch.backends.cuda.matmul, cast(Any, torch.backends.cudnn)  # its attributes are made at run time
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    try:
        with torch.autocast(device_type, dtype=dtype, enabled=precision in ("bf16", "fp16")):
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def gradient_scaler(precision: Resolved, device_type: str) -> torch.amp.GradScaler:
    """Scales the loss for fp16, whose gradients underflow; does nothing otherwise."""
    return torch.amp.GradScaler(device_type, enabled=precision == "fp16")
