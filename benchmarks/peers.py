"""Training steps of Keras on TensorFlow beside ours, on SST-2's lengths: an environment of its own, since it is large.

    make bench-peers                                   # makes .venv-peers, installs tensorflow-cpu, and runs this
    python -m benchmarks.peers PYTHON [--threads 2]    # PYTHON: one that has tensorflow

Keras reads padded random batches with a mask, as its tutorials do; ours batches of similar length. Both take turns, three times each,
in processes of their own. Writes `benchmarks/results/peers.json`.
"""

import argparse
import json
import statistics
import subprocess
import time
from typing import Any

import torch

from benchmarks.ways import BATCH, CLASSES, ROOT, VECTORS, VOCABULARY, draw_batches, lengths_of, ours, training_step

RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
HIDDEN, ROUNDS, TURNS, COUNT = 128, 3, 3, 6
SHAPES = [(1, 0.0), (2, 0.0), (1, 0.25)]
"""Layers, recurrent dropout."""


def keras(python: str, layers: int, dropout: float, threads: int, batches: list[Any]) -> float:
    """Seconds a token."""
    lengths = [mask.sum(dim=1).tolist() for _, mask, _ in batches]
    shape = {"layers": layers, "hidden": HIDDEN, "dropout": dropout, "vocabulary": VOCABULARY, "vectors": VECTORS}
    shape |= {"classes": CLASSES, "rounds": ROUNDS, "threads": threads, "batches": lengths}
    # That its pooling sees padding is Keras's own way; it says so at every start.
    command = [python, "-W", "ignore", str(ROOT / "benchmarks" / "keras_step.py")]
    done = subprocess.run(command, input=json.dumps(shape), stdout=subprocess.PIPE, text=True, check=True)
    return float(statistics.median(json.loads(done.stdout.splitlines()[-1])) / sum(map(sum, lengths)))


def mine(layers: int, dropout: float, batches: list[Any]) -> float:
    """Seconds a token."""
    step = training_step(ours(layers, HIDDEN, "native", pooling="max", recurrent_dropout=dropout))
    rounds = []
    for _ in range(ROUNDS + 2):
        started = time.perf_counter()
        for batch in batches:
            step(batch)
        rounds.append(time.perf_counter() - started)
    return statistics.median(rounds[2:]) / sum(int(mask.sum()) for _, mask, _ in batches)


def main() -> None:
    """A line a shape, and the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="an interpreter that has tensorflow")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    lengths = lengths_of("sst2")
    assert lengths is not None, "SST-2 is not here"
    rows = []
    for layers, dropout in SHAPES:
        ratios = []
        for turn in range(TURNS):
            batches = draw_batches(lengths, COUNT, turn)
            theirs = keras(given.python, layers, dropout, given.threads, batches["random"])
            ratios.append(theirs / mine(layers, dropout, batches["bucketed"]))
        row = {"layers": layers, "hidden_size": HIDDEN, "recurrent_dropout": dropout, "batch": BATCH}
        rows.append({**row, "threads": given.threads, "keras_slower": statistics.median(ratios), "turns": ratios})
        print(f"depth {layers}, recurrent dropout {dropout}: Keras takes {rows[-1]['keras_slower']:.2f} times as long")
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    RESULTS.write_text(json.dumps({**kept, f"threads-{given.threads}": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
