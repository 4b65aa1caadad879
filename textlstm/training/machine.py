"""Where training runs: device, number format, threads."""

import os
from dataclasses import dataclass

import torch

from textlstm.errors import UserError
from textlstm.training.allocation import keep_freed_memory
from textlstm.training.settings import TrainingSettings


@dataclass(frozen=True)
class Machine:
    """Device, `fp32`, `bf16` or `fp16`, and the number of CPU threads."""

    device: torch.device
    precision: str
    threads: int


def prepare_machine(settings: TrainingSettings) -> Machine:
    """Choose device and precision, set torch's threads, keep memory; raise `UserError` for what is not there."""
    keep_freed_memory()
    device = choose_device(settings.device)
    return Machine(device, choose_precision(settings.precision, device), use_threads(settings.threads))


def choose_device(device: str) -> torch.device:
    """The device that `training.device` means here; raise `UserError` where there is no GPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "training.device=cuda, but torch sees no GPU here.\nUse training.device=cpu, or install a CUDA build of torch."
        )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def choose_precision(precision: str, device: torch.device) -> str:
    """`fp32`, `bf16` or `fp16`; raise `UserError` for what the device cannot do."""
    on_gpu = device.type == "cuda"
    if precision == "fp16" and not on_gpu:
        raise UserError(
            "training.precision=fp16 needs a GPU: torch's CPU kernels for LSTMs do not support it.\n"
            "Use training.precision=fp32 (the fastest on most CPUs) or bf16."
        )
    if precision == "bf16" and on_gpu and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UserError(
            "training.precision=bf16, but this GPU has no bfloat16 units.\nUse training.precision=fp16, or auto."
        )
    if precision != "auto":
        return precision
    if not on_gpu:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def use_threads(threads: int | None) -> int:
    """Set torch's CPU threads, to all cores for None, and return their number."""
    if threads is None:
        # The cores this process may use, which in a container are often fewer than the machine has.
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads)
    return threads
