"""Compile the kernel once for this machine, and keep it in the user's cache.

The file's name holds a hash of the source, of torch's version, of the compiler and of the processor's vector
units: whatever changes makes another file. One is written aside and renamed, so that processes that
build at the same time cannot meet half of it.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import torch

from textlstm.files import cache_folder
from textlstm.kernels.call import Kernel

SOURCE = Path(__file__).with_name("lstm.cpp")

VECTOR_UNITS = {
    "AVX512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma", "-mf16c"],
    "AVX2": ["-mavx2", "-mfma", "-mf16c"],
}
"""What torch says of the processor -> the compiler's words; others get the portable code of torch's headers."""


@cache
def load() -> Kernel | None:
    """The kernel, compiled if need be; None where it cannot be had, which is said once."""
    if os.environ.get("TEXTLSTM_KERNEL", "") == "off" or sys.platform == "win32":
        return None
    try:
        path = library_path()
        if not path.is_file():
            _say(f"building the native kernel, once for this machine: about 10 seconds ({path})")
            compile_kernel(path)
        return Kernel(path)
    except (OSError, subprocess.SubprocessError) as error:
        _say(f"no native kernel, torch's own are used: {_reason(error)}")
        return None


def library_path() -> Path:
    """Where the kernel of this source, torch, compiler and processor stands, or would."""
    parts = (SOURCE.read_bytes(), torch.__version__, compiler(), *flags(), platform.machine())
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
    return cache_folder() / f"lstm-{digest}.so"


def compiler() -> str:
    """The C++ compiler: `CXX`, or the one that is found."""
    return os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or "c++"


def flags() -> list[str]:
    """For the vector units that torch itself uses here."""
    units = torch.backends.cpu.get_cpu_capability()
    name = units if units in VECTOR_UNITS else "DEFAULT"
    extra = os.environ.get("TEXTLSTM_KERNEL_FLAGS", "").split()
    return [*VECTOR_UNITS.get(units, []), f"-DCPU_CAPABILITY={name}", f"-DCPU_CAPABILITY_{name}", *extra]


def compile_kernel(path: Path) -> None:
    """Compile to `path`. Raises `OSError` without a compiler or a place, `CalledProcessError` where it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    home = Path(torch.__file__).parent
    include, libraries = home / "include", home / "lib"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [
            *(compiler(), "-std=c++20", "-O3", "-fPIC", "-shared", "-fopenmp", *flags()),
            *(f"-I{include}", f"-I{include / 'torch' / 'csrc' / 'api' / 'include'}", str(SOURCE), "-o", str(made)),
            *(f"-L{libraries}", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{libraries}"),
        ]
        subprocess.run(command, check=True, capture_output=True, text=True)
        os.replace(made, path)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in (error.stderr or "").splitlines() if "error" in line] or [f"{compiler()} failed"]
        return lines[0].strip()
    if isinstance(error, FileNotFoundError) and error.filename == compiler():
        return f"there is no C++ compiler ({compiler()})"
    return str(error)


def _say(message: str) -> None:
    print(f"kernel    {message}", file=sys.stderr, flush=True)
