"""Number formats: what `auto` means on a device, and how each format is run."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch

Resolved = Literal["fp32", "bf16", "fp16"]


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


def autocast(precision: Resolved, device_type: str) -> AbstractContextManager[Any]:
    """Run matrix products in the given format."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device_type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16)


def gradient_scaler(precision: Resolved, device_type: str) -> torch.amp.GradScaler:
    """Scales the loss for fp16, whose gradients underflow; does nothing otherwise."""
    return torch.amp.GradScaler(device_type, enabled=precision == "fp16")
