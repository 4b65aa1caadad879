"""How time grows with depth, length and batch, and how much memory training takes: ours against nn.LSTM over packed texts.

    python -m benchmarks.growth

One thread, both directions, 128 units, float32; texts of one length but in the rows of memory, which have SST-2's. A figure is
the median of five training steps, the two ways in turn; memory is what a process of its own grows by at most. Writes
`benchmarks/results/growth.json`.
"""

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.ways import ROOT, PackedLSTM, draw_batches, lengths_of, make_batch, ours, training_step
from textlstm.training.allocation import keep_freed_memory

RESULTS = ROOT / "benchmarks" / "results" / "growth.json"
HIDDEN, ROUNDS = 128, 5
PLAIN = {"layers": 2, "length": 20, "batch": 64}
GROWN = {"layers": (1, 2, 4, 8), "length": (10, 20, 50, 100, 200, 400), "batch": (1, 4, 16, 64, 256)}


def network(way: str, layers: int) -> nn.Module:
    """By the name of the way."""
    model = ours(layers, HIDDEN, "native")
    return model if way == "ours" else PackedLSTM(model)


def step_times(shape: dict[str, int]) -> dict[str, float]:
    """Milliseconds of a training step of each way."""
    random = np.random.default_rng(0)
    steps = {way: training_step(network(way, shape["layers"])) for way in ("ours", "packed")}
    times: dict[str, list[float]] = {way: [] for way in steps}
    for number in range(ROUNDS + 1):
        batch = make_batch(np.full(shape["batch"], shape["length"]), random)
        for way, step in steps.items():
            started = time.perf_counter()
            step(batch)
            if number:
                times[way].append(1000 * (time.perf_counter() - started))
    return {way: statistics.median(mine) for way, mine in times.items()}


def memory(way: str, lengths: np.ndarray) -> float:
    """MiB by which training at depth 2 grows this process at most. Reading the texts would have grown it more."""
    if way == "ours":
        keep_freed_memory()  # as train.py does
    step = training_step(network(way, 2))
    before = peak()
    for number in range(3):
        for batch in draw_batches(lengths, 6, number)["random" if way == "packed" else "bucketed"]:
            step(batch)
    return peak() - before


def peak() -> float:
    """MiB that this process had at most. Not `getrusage`, where the parent's stand until the own are more."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


def main() -> None:
    """All rows; or `memory WAY`, for a process of its own."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["memory"]:
        print(memory(sys.argv[2], np.array(json.load(sys.stdin))))
        return
    keep_freed_memory()
    rows: list[dict[str, Any]] = []
    for name, values in GROWN.items():
        for value in values:
            shape = {**PLAIN, name: value}
            rows.append({"grown": name, **shape, **step_times(shape)})
    found: dict[str, Any] = {"steps": rows}
    if (lengths := lengths_of("sst2")) is not None:
        given = json.dumps(lengths.tolist())
        command = [sys.executable, "-m", "benchmarks.growth", "memory"]
        found["memory_mib"] = {
            way: float(subprocess.run([*command, way], cwd=ROOT, input=given, stdout=-1, text=True, check=True).stdout)
            for way in ("ours", "packed", "packed, bucketed")
        }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    table = Table("grown", "layers", "length", "batch", "ours, ms", "packed, ms", "ratio")
    for row in rows:
        cells = [row[name] for name in ("grown", "layers", "length", "batch")]
        table.add_row(
            *map(str, cells), f"{row['ours']:.1f}", f"{row['packed']:.1f}", f"{row['packed'] / row['ours']:.2f}"
        )
    Console(width=100).print(table, found.get("memory_mib", ""))


if __name__ == "__main__":
    main()
