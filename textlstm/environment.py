"""What a run was made with: versions, hardware, commit, data."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
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


def write_environment(folder: Path, machine: Machine, fingerprint: str, vocabulary: Mapping[str, int]) -> None:
    """Write `environment.json`; raise `UserError` where a resumed run meets other data, or token ids, than it began with."""
    path = folder / "environment.json"
    now = {"data_fingerprint": fingerprint, "vocabulary_fingerprint": vocabulary_fingerprint(vocabulary)}
    before = json.loads(path.read_text()) if path.is_file() else {}
    for name, what, cure in (
        ("data_fingerprint", "data", "Bring the old data back"),
        ("vocabulary_fingerprint", "tokens' ids", "Bring back the tokenizer's cache and the file of vectors"),
    ):
        if before.get(name, now[name]) != now[name]:
            raise UserError(
                f"The {what} changed since {folder} was started: fingerprint {before[name]} then, {now[name]} now.\n"
                f"{cure}, or start a new run without resume."
            )
    write_json(path, describe_environment(machine) | now)


def vocabulary_fingerprint(vocabulary: Mapping[str, int]) -> str:
    """Equal for equal tokens with equal ids."""
    return hashlib.sha256(json.dumps(sorted(vocabulary.items())).encode()).hexdigest()[:16]


def describe_environment(machine: Machine) -> dict[str, Any]:
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
