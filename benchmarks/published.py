"""SST-2 trained on phrases, Reuters R8 and TREC-6 with GloVe, beside published LSTMs and a linear baseline.

    python -m benchmarks.published search DATA [WORKERS]    # settings, on validation alone, with other seeds
    python -m benchmarks.published [WORKERS]                # those chosen: seeds 0, 1, 2; train whole, and without duplicates

Whole published training sets (a validation split taken off train where none is published), 100-d GloVe. Needs `../shared/data`.
Writes `benchmarks/results/published.json` and `published_search_DATA.json`.
"""

import statistics
import sys

from benchmarks.grid import Cell, mean_and_spread, print_table, run_grid
from benchmarks.runs import GLOVE, files_of, report_of, scores_of

SPLITS = {
    "sst2": {"train": "train_phrases.csv", "validation": "validation.csv"},
    "reuters_r8": {},
    "trec6": {},
}
PUBLISHED = {"sst2": 87.5, "reuters_r8": 96.3, "trec6": 93.2}
"""Best rows of LSTMs: Tai et al. 2015 (300-d vectors), TextGCN's comparison 2019, C-LSTM 2015."""

BASE = "training.batch_size=64 model.word_dropout=0.1"
WIDE = f"{BASE} model.hidden_size=128 training.learning_rate=0.002"
SEARCHED: dict[str, dict[str, str]] = {
    "sst2": {
        "base": f"{BASE} training.epochs=4 training.learning_rate=0.002",
        "wide": f"{WIDE} training.epochs=4",
        "wide, frozen": f"{WIDE} training.epochs=4 embedding.trainable=false",
        "wide, slow": f"{WIDE} training.epochs=6 training.learning_rate=0.001",
        "wide, one layer": f"{WIDE} training.epochs=4 model.layers=1",
        "wide, smooth": f"{WIDE} training.epochs=4 training.label_smoothing=0.1",
        "wide, variational": f"regularization=variational {WIDE} model.word_dropout=0 training.epochs=4",
    },
    "reuters_r8": {
        "default": "training.batch_size=32",
        "base": f"{BASE} training.epochs=10",
        "wide": f"{WIDE} training.epochs=10",
        "wide, frozen": f"{WIDE} training.epochs=10 embedding.trainable=false",
        "wide, one layer": f"{WIDE} training.epochs=10 model.layers=1",
        "wide, words dropped": f"{WIDE} training.epochs=10 model.word_dropout=0.3",
    },
    "trec6": {
        "default": "training.batch_size=32",
        "base": f"{BASE} training.epochs=12",
        "no word dropout": f"{BASE} training.epochs=12 model.word_dropout=0",
        "wide": f"{WIDE} training.epochs=12",
        "wide, frozen": f"{WIDE} training.epochs=12 embedding.trainable=false",
        "wide, one layer": f"{WIDE} training.epochs=12 model.layers=1",
        "wide, smooth": f"{WIDE} training.epochs=12 training.label_smoothing=0.1",
        "wide, max": f"{WIDE} training.epochs=12 model.pooling=max",
        "wide, variational": f"regularization=variational {WIDE} model.word_dropout=0 training.epochs=12",
        "wide, awd": f"regularization=awd {WIDE} model.word_dropout=0 training.epochs=12",
        "wider": f"{WIDE} training.epochs=12 model.hidden_size=200",
    },
}
SEEDS = {"trec6": (100, 101), "reuters_r8": (100, 101), "sst2": (100,)}
"""Of the search."""

CHOSEN: dict[str, str] = {"sst2": "wide", "reuters_r8": "wide", "trec6": "no word dropout"}
"""By validation, with other seeds than those that count."""


def run(cell: Cell) -> Cell:
    """One training."""
    overrides = [
        *files_of(cell["data"], **SPLITS[cell["data"]]),
        f"dataset.deduplicate={cell['deduplicate']}",
        "embedding=glove",
        f"embedding.path={GLOVE}",
        f"seed={cell['seed']}",
        *(["baseline=none"] if cell["seed"] else []),
        *SEARCHED[cell["data"]][cell["settings"]].split(),
    ]
    return scores_of(report_of(overrides))


def search(data: str, workers: int) -> None:
    """Means on validation; the more expensive a run, the fewer seeds."""
    cells = [
        {"data": data, "settings": name, "deduplicate": "none", "seed": seed}
        for seed in SEEDS[data]
        for name in SEARCHED[data]
    ]
    rows = run_grid(f"published_search_{data}", cells, run, workers)
    lines = []
    for name in SEARCHED[data]:
        found = [row for row in rows if row["settings"] == name]
        mean = statistics.mean(100 * row["validation"] for row in found)
        lines.append([name, f"{mean:.2f}", f"{statistics.mean(row['seconds'] for row in found):.0f}"])
    print_table(["settings", "validation", "seconds"], lines)


def final(workers: int) -> None:
    """Test scores of what was chosen, train whole and without the texts that stand there twice or in test."""
    cells = [
        {"data": data, "settings": CHOSEN[data], "deduplicate": removed, "seed": seed}
        for seed in (0, 1, 2)
        for data in SPLITS
        for removed in ("none", "exact")
    ]
    rows = run_grid("published", cells, run, workers)
    lines = []
    for data in SPLITS:
        for removed in ("none", "exact"):
            found = [row for row in rows if (row["data"], row["deduplicate"]) == (data, removed)]
            scores = mean_and_spread([100 * row["test"] for row in found], 2)
            linear = next(row["linear_test"] for row in found if row["linear_test"] is not None)
            lines.append(
                [data, removed, str(found[0]["train_texts"]), scores, f"{100 * linear:.2f}", f"{PUBLISHED[data]}"]
            )
    print_table(["data", "removed", "training texts", "test", "linear baseline", "published"], lines)


if __name__ == "__main__":
    given = sys.argv[1:]
    number = int(given.pop()) if given and given[-1].isdigit() else 2
    if given[:1] == ["search"]:
        search(given[1], number)
    else:
        final(number)
