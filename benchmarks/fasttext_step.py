"""fastText's side of `benchmarks.peers`, in an environment of its own: only fasttext is needed.

No recurrent network: the mean of word and bigram vectors (Joulin et al. 2017), the fast baseline that a recurrent one must be worth.
Reads a shape from standard input as JSON and prints the seconds of each round, which is an epoch over its texts.
"""

import json
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """The seconds of many epochs less those of one: what reading the file and starting costs is not counted."""
    import fasttext
    import numpy as np

    shape = json.load(sys.stdin)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "train.txt"
        lines = []
        for length in (length for lengths in shape["batches"] for length in lengths):
            text = " ".join(f"w{number}" for number in random.integers(0, shape["vocabulary"], length))
            lines.append(f"__label__{random.integers(0, shape['classes'])} {text}\n")
        file.write_text("".join(lines))

        def train(epochs: int) -> float:
            started = time.perf_counter()
            fasttext.train_supervised(
                str(file),
                dim=shape["vectors"],
                epoch=epochs,
                wordNgrams=2,
                bucket=100_000,
                thread=shape["threads"],
                verbose=0,
            )
            return time.perf_counter() - started

        many = 200
        print(json.dumps([(train(many + 1) - train(1)) / many for _ in range(shape["rounds"])]))


if __name__ == "__main__":
    main()
