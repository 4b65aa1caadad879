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

CORPUS_TOO = f"embedding=stack embedding.parts=[corpus,glove] embedding.glove.path={GLOVE}"
WORDS = "embedding.extra_words=60000"
ALL_WORDS = "embedding.extra_words=150000"
SLOW = "training.batch_size=64 training.epochs=5 training.learning_rate=0.001 model.layers=1 model.hidden_size=128 model.word_dropout=0"
SLOWER = f"{SLOW} {WORDS} training.embedding_learning_rate=0.0002"
ZONEOUT = f"regularization=zoneout {SLOWER} training.epochs=4"
ONE = "model.layers=1"
PLAIN = "training.batch_size=64 training.epochs=12 training.learning_rate=0.002 model.layers=1 model.hidden_size=128 model.word_dropout=0"
CASED = f"{PLAIN} tokenizer.lowercase=false {WORDS}"
ATTENTIVE = f"{CASED} model.pooling=attention training.label_smoothing=0.1"
SEARCHED: dict[str, dict[str, str]] = {
    "sst2": {
        "two layers": "training.batch_size=64 training.epochs=4 training.learning_rate=0.002 model.word_dropout=0.1",
        "slow": SLOW,
        "slow, vectors slower": f"{SLOW} training.embedding_learning_rate=0.0002",
        "more words": SLOWER,
        "inputs dropped": f"{SLOWER} model.input_dropout=0.5",
        "words dropped": f"{SLOWER} model.word_dropout=0.2",
        "max": f"{SLOWER} model.pooling=max",
        "zoneout": f"regularization=zoneout {SLOWER}",
        "zoneout, max": f"{ZONEOUT} model.pooling=max",
        "zoneout, all words": f"{ZONEOUT} {ALL_WORDS}",
        "zoneout, smooth": f"{ZONEOUT} training.label_smoothing=0.1",
        "zoneout, two layers": f"{ZONEOUT} model.layers=2",
        "zoneout, inputs dropped": f"{ZONEOUT} model.input_dropout=0.2",
        "zoneout, dropout 0.5": f"{ZONEOUT} model.dropout=0.5",
        "zoneout, vectors as fast": f"{ZONEOUT} training.embedding_learning_rate=null",
        "zoneout, smooth, attention": f"{ZONEOUT} training.label_smoothing=0.1 model.pooling=attention",
        "zoneout, smooth, corpus": f"{ZONEOUT} training.label_smoothing=0.1 {CORPUS_TOO}",
        "zoneout, smooth, two layers": f"{ZONEOUT} training.label_smoothing=0.1 model.layers=2",
        "zoneout, last": f"{ZONEOUT} model.pooling=last",
        "zoneout, mean": f"{ZONEOUT} model.pooling=mean",
        "zoneout, wider": f"{ZONEOUT} model.hidden_size=256",
        "zoneout, small batches": f"{ZONEOUT} training.batch_size=32 training.epochs=3",
    },
    "reuters_r8": {
        "one layer": ONE,
        "more words": f"{ONE} {WORDS}",
        "smooth": f"{ONE} {WORDS} training.label_smoothing=0.1",
        "zoneout": f"regularization=zoneout {ONE} {WORDS}",
        "max": f"{ONE} {WORDS} model.pooling=max",
        "corpus": f"{ONE} {WORDS} {CORPUS_TOO}",
        "less word dropout": f"{ONE} {WORDS} model.word_dropout=0.1",
        "wider": f"{ONE} {WORDS} model.hidden_size=128",
        "attention": f"{ONE} {WORDS} model.pooling=attention",
        "attention, smooth": f"{ONE} {WORDS} model.pooling=attention training.label_smoothing=0.1",
        "attention, smooth, corpus": f"{ONE} {WORDS} model.pooling=attention training.label_smoothing=0.1 {CORPUS_TOO}",
    },
    "trec6": {
        "one layer": PLAIN,
        "two layers": f"{PLAIN} model.layers=2",
        "more words": f"{PLAIN} {WORDS}",
        "cased": CASED,
        "cased, vectors slower": f"{CASED} training.embedding_learning_rate=0.0005",
        "cased, inputs dropped": f"{CASED} model.input_dropout=0.4",
        "cased, max": f"{CASED} model.pooling=max",
        "cased, attention": f"{CASED} model.pooling=attention",
        "cased, zoneout": f"regularization=zoneout {CASED}",
        "cased, all words": f"{CASED} {ALL_WORDS}",
        "cased, max, all words": f"{CASED} {ALL_WORDS} model.pooling=max",
        "cased, max, smooth": f"{CASED} model.pooling=max training.label_smoothing=0.1",
        "cased, max, wider": f"{CASED} model.pooling=max model.hidden_size=256",
        "cased, max, less dropout": f"{CASED} model.pooling=max model.dropout=0.3",
        "cased, max, zoneout": f"regularization=zoneout {CASED} model.pooling=max",
        "max, all words": f"{PLAIN} {ALL_WORDS} model.pooling=max",
        "cased, attention, smooth": ATTENTIVE,
        "cased, attention, smooth, wider": f"{ATTENTIVE} model.hidden_size=256",
        "cased, attention, smooth, corpus": f"{ATTENTIVE} {CORPUS_TOO}",
        "cased, attention, smooth, corpus, wider": f"{ATTENTIVE} {CORPUS_TOO} model.hidden_size=256",
    },
}
AGAIN = {"sst2": ("zoneout", "zoneout, smooth", "zoneout, two layers")}
"""The best with one seed, once more with the next one."""
HEAD = ["data", "removed", "training texts", "test", "linear baseline", "published"]
SEEDS = {"trec6": (100, 101, 102), "reuters_r8": (100, 101, 102, 103, 104), "sst2": (100,)}
"""Of the search: each with another validation split, where none is published."""

CHOSEN: dict[str, str] = {
    "sst2": "zoneout, two layers",
    "reuters_r8": "one layer",
    "trec6": "cased, attention, smooth, corpus",
}
"""By validation, with other seeds than those that count."""


def run(cell: Cell) -> Cell:
    """One training."""
    settings = last_of_each(SEARCHED[cell["data"]][cell["settings"]].split())
    stacked = "embedding=stack" in settings
    if stacked:
        settings = [override.replace("embedding.extra_words", "embedding.glove.extra_words") for override in settings]
    overrides = [
        *files_of(cell["data"], **SPLITS[cell["data"]]),
        f"dataset.deduplicate={cell['deduplicate']}",
        *(
            [f"dataset.split_seed={cell['seed']}"]
            if cell["seed"] >= 100 and "validation" not in SPLITS[cell["data"]]
            else []
        ),
        *([] if stacked else ["embedding=glove", f"embedding.path={GLOVE}"]),
        f"seed={cell['seed']}",
        *(["baseline=none"] if cell["seed"] else []),
        *settings,
    ]
    return scores_of(report_of(overrides))


def last_of_each(overrides: list[str]) -> list[str]:
    """Of settings that are given twice the last one."""
    return list({override.split("=", 1)[0]: override for override in overrides}.values())


def search(data: str, workers: int) -> None:
    """Means on validation; the more expensive a run, the fewer seeds."""
    cells = [
        {"data": data, "settings": name, "deduplicate": "none", "seed": seed}
        for seed in SEEDS[data]
        for name in SEARCHED[data]
    ]
    cells += [
        {"data": data, "settings": name, "deduplicate": "none", "seed": 1 + SEEDS[data][-1]}
        for name in AGAIN.get(data, ())
    ]
    rows = run_grid(f"published_search_{data}", cells, run, workers)
    lines = []
    for name in SEARCHED[data]:
        found = [row for row in rows if row["settings"] == name]
        means = [statistics.mean(row[what] for row in found) for what in ("validation", "seconds")]
        lines.append([name, str(len(found)), f"{100 * means[0]:.2f}", f"{means[1]:.0f}"])
    lines.sort(key=lambda line: (-int(line[1]), -float(line[2])))
    print_table(["settings", "seeds", "validation", "seconds"], lines)


def validation_means(rows: list[Cell]) -> dict[str, float]:
    """Mean validation accuracy in percent of those of the settings that had the most seeds, the best first."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row["settings"], []).append(100 * row["validation"])
    most = max(map(len, scores.values()))
    means = {name: statistics.mean(values) for name, values in scores.items() if len(values) == most}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def table(rows: list[Cell]) -> list[list[str]]:
    """A data set with its training set whole, or without repeats, a line."""
    lines = []
    for data in SPLITS:
        for removed in ("none", "exact"):
            found = [row for row in rows if (row["data"], row["deduplicate"]) == (data, removed)]
            scores = mean_and_spread([100 * row["test"] for row in found], 2)
            linear = next(row["linear_test"] for row in found if row["linear_test"] is not None)
            lines.append(
                [data, removed, str(found[0]["train_texts"]), scores, f"{100 * linear:.2f}", f"{PUBLISHED[data]}"]
            )
    return lines


def final(workers: int) -> None:
    """Test scores of what was chosen, train whole and without the texts that stand there twice or in test."""
    cells = [
        {"data": data, "settings": CHOSEN[data], "deduplicate": removed, "seed": seed}
        for seed in (0, 1, 2)
        for data in SPLITS
        for removed in ("none", "exact")
    ]
    rows = run_grid("published", cells, run, workers)
    print_table(HEAD, table(rows))


if __name__ == "__main__":
    given = sys.argv[1:]
    number = int(given.pop()) if given and given[-1].isdigit() else 2
    if given[:1] == ["search"]:
        search(given[1], number)
    else:
        final(number)
