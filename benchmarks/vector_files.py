"""What the cache of vector files is worth: a text of a gigabyte read the first time, and again from the cache.

    python -m benchmarks.vector_files [WORDS]

Writes a file of WORDS made-up words (1.2 million) with 100 numbers each into a temporary folder, and loads it as `embedding=glove` does: its words,
then the vectors of a vocabulary of 40,000 of them. Takes about 2.5 GB of disk, and gives it back.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.vocabulary import Vocabulary

SIZE, VOCABULARY, BLOCK = 100, 40_000, 10_000


def write_file(path: Path, words: int) -> None:
    """Random vectors, five decimals each, as GloVe writes them."""
    random = np.random.default_rng(0)
    with path.open("w") as file:
        for first in range(0, words, BLOCK):
            for number, vector in enumerate(random.normal(0, 0.4, (min(BLOCK, words - first), SIZE)), first):
                file.write(f"word{number} " + " ".join(f"{value:.5f}" for value in vector) + "\n")


def load(path: str) -> tuple[float, float]:
    """Seconds for the file's words, and for the vectors of a vocabulary whose words stand all over the file."""
    source = GloveEmbedding(name="glove", path=path)
    started = time.perf_counter()
    words = source.words().known
    opened = time.perf_counter()
    chosen = ["<pad>", "<unk>", *words[:: max(1, len(words) // VOCABULARY)][:VOCABULARY]]
    source.build(Vocabulary(chosen), [[2]])
    return opened - started, time.perf_counter() - opened


def load_in_a_process(path: Path) -> tuple[float, float]:
    """The same where nothing is in memory yet."""
    command = [sys.executable, "-m", "benchmarks.vector_files", "load", str(path)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(shown[-2]), float(shown[-1])


def main(words: int) -> None:
    """Print both times of each load, and how many times faster the second is."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["TEXTLSTM_CACHE"] = str(Path(place) / "cache")
        path = Path(place) / "vectors.txt"
        write_file(path, words)
        print(f"{words:,} words of {SIZE} numbers, {path.stat().st_size / 1e9:.2f} GB")
        seconds = {}
        for turn in ("first", "second"):
            opened, built = load_in_a_process(path)
            seconds[turn] = opened + built
            print(f"{turn:<7} {opened:6.2f} s for its words, {built:5.2f} s for the vectors of {VOCABULARY:,}")
        print(f"the second time {seconds['first'] / seconds['second']:.0f} times as fast")


if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        print(*load(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1_200_000)
