"""Training steps of other tools beside ours, on SST-2's lengths: environments of their own, since they are large.

    make bench-peers                                   # makes .venv-peers, installs the tools, and runs this
    python -m benchmarks.peers PYTHON [--threads 2]    # PYTHON: one that has tensorflow, flair or fasttext, or some of them

Keras and Flair read random batches, as their tutorials do; ours batches of similar length. All take turns, three times each, in
processes of their own. fastText is no recurrent network and has no layers: it stands here for scale. Adds to
`benchmarks/results/peers.json`.
"""

import argparse
import json
import statistics
import subprocess
import time
from typing import Any

import torch

from benchmarks.ways import BATCH, CLASSES, ROOT, VECTORS, VOCABULARY, draw_batches, lengths_of, ours, training_step
from textlstm.training.allocation import keep_freed_memory

RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
HIDDEN, ROUNDS, TURNS, COUNT = 128, 3, 3, 6
PEERS = {
    "keras": ("tensorflow", "keras_step.py", [(1, 0.0), (2, 0.0), (1, 0.25)]),
    "flair": ("flair", "flair_step.py", [(1, 0.0), (2, 0.0)]),
    "fasttext": ("fasttext", "fasttext_step.py", [(1, 0.0)]),
}
"""Tool -> the module it needs, its script, and shapes: layers of ours and recurrent dropout."""


def has(python: str, module: str) -> bool:
    """Whether an interpreter has a module."""
    found = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"
    return subprocess.run([python, "-c", found], check=False).returncode == 0


def theirs(python: str, script: str, layers: int, dropout: float, threads: int, batches: list[Any]) -> float:
    """Seconds a token."""
    lengths = [mask.sum(dim=1).tolist() for _, mask, _ in batches]
    shape = {"layers": layers, "hidden": HIDDEN, "dropout": dropout, "vocabulary": VOCABULARY, "vectors": VECTORS}
    shape |= {"classes": CLASSES, "rounds": ROUNDS, "threads": threads, "batches": lengths}
    # That its pooling sees padding is Keras's own way; it says so at every start.
    command = [python, "-W", "ignore", str(ROOT / "benchmarks" / script)]
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
    parser.add_argument("python", help="an interpreter that has tensorflow, flair or fasttext")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    keep_freed_memory()  # as train.py does
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    lengths = lengths_of("sst2")
    assert lengths is not None, "SST-2 is not here"
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for peer, (module, script, shapes) in PEERS.items():
        if not has(given.python, module):
            print(f"{peer} is not installed there")
            continue
        rows = []
        for layers, dropout in shapes:
            ratios = []
            for turn in range(TURNS):
                batches = draw_batches(lengths, COUNT, turn)
                took = theirs(given.python, script, layers, dropout, given.threads, batches["random"])
                ratios.append(took / mine(layers, dropout, batches["bucketed"]))
            row = {"layers": layers, "hidden_size": HIDDEN, "recurrent_dropout": dropout, "batch": BATCH}
            row |= {"peer": peer, "threads": given.threads, "slower": statistics.median(ratios), "turns": ratios}
            rows.append(row)
            print(f"{peer}, {layers} layers of ours, recurrent dropout {dropout}: {row['slower']:.2f} times as long")
        kept = {**kept, f"{peer}, threads {given.threads}": rows}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
