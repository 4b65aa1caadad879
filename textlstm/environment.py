"""What a run was made with: versions, hardware, commit, data."""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from textlstm.errors import UserError
from textlstm.files import write_json
from textlstm.training.machine import Machine

PACKAGES = [
    "textlstm",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "hydra-core",
    "omegaconf",
    "numpy",
    "scipy",
    "scikit-learn",
    "safetensors",
]


def write_environment(folder: Path, machine: Machine, fingerprint: str) -> None:
    """Write `environment.json`; raise `UserError` where a resumed run meets other data than it began with."""
    path = folder / "environment.json"
    if path.is_file() and (before := json.loads(path.read_text())["data_fingerprint"]) != fingerprint:
        raise UserError(
            f"The data changed since {folder} was started: fingerprint {before} then, {fingerprint} now.\n"
            "Bring the old data back, or start a new run without resume."
        )
    write_json(path, describe_environment(machine, fingerprint))


def describe_environment(machine: Machine, fingerprint: str) -> dict[str, Any]:
    """Everything needed to judge whether two runs can be compared."""
    gpu = torch.cuda.get_device_name(machine.device) if machine.device.type == "cuda" else None
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "hardware": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "gpu": gpu,
        },
        "device": machine.device.type,
        "threads": machine.threads,
        "precision": machine.precision,
        "commit": commit(),
        "data_fingerprint": fingerprint,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def commit() -> str | None:
    """The commit of the source tree, `-dirty` if it was changed since; None outside of one."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
