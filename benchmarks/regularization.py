"""What each preset does to the gap, to the overfitting at the end of training and to the score, by depth.

    python -m benchmarks.regularization

TREC-6 and half of SST-2's training sentences (3,460, so that it can overfit within the time there is; its validation and test
whole) from `../shared/data` or the folder in TEXTLSTM_DATA. 100-d GloVe, every preset at depths 1, 2 and 4, three seeds,
hidden size 64, batches of 64, a fixed number of epochs without early stopping; everything else is the default. Writes `benchmarks/results/regularization.json`, a run a row; the figures are in LOG.md.
"""

import warnings
from functools import cache
from typing import Any

from benchmarks.grid import ROOT, Cell, mean_and_spread, print_table, run_grid
from benchmarks.runs import DATA, GLOVE, fit_quietly
from textlstm.data.batches import EncodedTexts, encode_splits
from textlstm.data.load import load_data
from textlstm.door.resume import compose_plain
from textlstm.door.settings import TrainSettings, check_train
from textlstm.network import build_network, vocabulary_of
from textlstm.training.scores import predict_logits, score

FILES = {"trec6": ("train", "test"), "sst2": ("train", "validation", "test")}
MOST_TEXTS = {"sst2": 3460}
"""Training texts that are drawn, where not all are taken."""
PRESETS = ("none", "dropout", "variational", "awd", "zoneout", "strong")
DEPTHS, SEEDS, EPOCHS = (1, 2, 4), (0, 1, 2), 10


def settings_of(data: str, *overrides: str) -> TrainSettings:
    """The default recipe on one of the data sets, with `overrides`, as `python train.py` would compose it."""
    files = [f"dataset.{split}={DATA / data / f'{split}.csv'}" for split in FILES[data]]
    given = [
        "dataset=files",
        f"dataset.name={data}",
        "dataset.deduplicate=none",  # the published sets, whole
        *files,
        "embedding=glove",
        f"embedding.path={GLOVE}",
        "training.batch_size=64",
        "training.threads=1",
        *overrides,
    ]
    return check_train(compose_plain(ROOT / "conf", "config", given))


@cache
def prepared(data: str) -> tuple[Any, Any, Any, dict[str, EncodedTexts]]:
    """Data, tokenizer, vectors and ids: once a process."""
    settings = settings_of(data)
    loaded = load_data(settings.dataset)
    if data in MOST_TEXTS:
        loaded.splits["train"] = loaded.splits["train"].shuffle(seed=0).select(range(MOST_TEXTS[data]))
    tokenizer = settings.tokenizer.train(loaded.splits["train"]["text"], *settings.embedding.words())
    texts = encode_splits(loaded.splits, tokenizer)
    return loaded, tokenizer, settings.embedding.build(vocabulary_of(tokenizer), texts["train"].whole), texts


def train(cell: Cell) -> Cell:
    """One training; scores at the best validation epoch (by accuracy) and at the last, train on a fixed sample."""
    warnings.simplefilter("ignore")
    overrides = [f"regularization={cell['preset']}", f"model.layers={cell['layers']}", f"training.epochs={EPOCHS}"]
    settings = settings_of(cell["data"], *overrides)
    loaded, tokenizer, table, texts = prepared(cell["data"])
    model = build_network(
        settings.model, tokenizer, table, trainable=True, label_names=loaded.label_names, seed=cell["seed"]
    )
    result = fit_quietly(model, tokenizer, texts, settings.training, seed=cell["seed"])
    best = next(row for row in result.history if row["epoch"] == result.best_epoch)
    last = result.history[-1]
    test = score(predict_logits(model, texts["test"]), texts["test"].labels)
    return {
        "best_epoch": result.best_epoch,
        "best": {split: _rounded(best[split]) for split in ("train", "validation")},
        "last": {split: _rounded(last[split]) for split in ("train", "validation")},
        "lowest_validation_loss": round(min(row["validation"]["loss"] for row in result.history), 4),
        "test": _rounded(test),
        "seconds": round(result.seconds, 1),
    }


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(scores[name], 4) for name in ("loss", "accuracy")}


MEASURES = {
    "gap, points (accuracy, train - validation, last epoch)": (
        lambda row: 100 * (row["last"]["train"]["accuracy"] - row["last"]["validation"]["accuracy"]),
        1,
    ),
    "excess validation loss at the end (last epoch - lowest)": (
        lambda row: row["last"]["validation"]["loss"] - row["lowest_validation_loss"],
        3,
    ),
    "validation accuracy, best epoch": (lambda row: 100 * row["best"]["validation"]["accuracy"], 1),
    "test accuracy, the epoch that validation chose": (lambda row: 100 * row["test"]["accuracy"], 1),
}
"""What is tabulated -> how it is read off a row, and its decimals."""


def print_tables(rows: list[Cell]) -> None:
    """For each data set and measure: presets down, depths across, mean and standard deviation over seeds."""
    for data in FILES:
        for measure, (read, digits) in MEASURES.items():
            print(f"\n{data}: {measure}\n")
            lines = []
            for preset in PRESETS:
                chosen = [row for row in rows if row["data"] == data and row["preset"] == preset]
                by_depth = [[read(row) for row in chosen if row["layers"] == layers] for layers in DEPTHS]
                lines.append([preset, *(mean_and_spread(values, digits) for values in by_depth)])
            print_table(["preset", *(f"depth {layers}" for layers in DEPTHS)], lines)


def main() -> None:
    """All cells, the seeds outermost, so that an unfinished grid has whole tables of fewer seeds."""
    cells = [
        {"data": data, "preset": preset, "layers": layers, "seed": seed}
        for seed in SEEDS
        for data in FILES
        for preset in PRESETS
        for layers in DEPTHS
    ]
    print_tables(run_grid("regularization", cells, train))


if __name__ == "__main__":
    main()
