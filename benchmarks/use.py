"""A trained network in use: how long one text waits, and how many texts a second many give; torch beside onnxruntime.

    python -m benchmarks.use

Two layers of 128 units in both directions, random weights (they change no time), one thread. Single texts of 30 and
300 tokens, from ids to logits: torch's eager mode with the recurrence that `auto` takes and with torch's own kernel, and
onnxruntime with float and with 8-bit weights. Many texts: 1,024 from strings to logits, of 30 and 200 words in the mean, in
the batches of `textlstm.predict`. Everything is measured in turn in one process; figures are medians of the process's CPU time, which on
one thread is what a quiet machine takes, and which other work on the machine does not lengthen. Writes
`benchmarks/results/use.json`.
"""

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.network import save_checkpoint
from textlstm.use.checkpoint import load_export
from textlstm.use.classify import FULL, INT8, Classifier, pad
from textlstm.use.export import export_onnx
from textlstm.use.int8 import quantize
from textlstm.use.torch_classifier import TorchClassifier

RESULTS = Path(__file__).parent / "results" / "use.json"
LAYERS, HIDDEN, EMBEDDING, WORDS, CLASSES = 2, 128, 100, 20_000, 5
TOKENS = {30: 300, 300: 60}
"""Length of a single text -> how often it is measured."""
MANY, MEANS, ROUNDS = 1024, (30, 200), 3


def make_checkpoint(folder: Path) -> None:
    """An untrained network and its tokenizer."""
    words = [f"word{number}" for number in range(WORDS)]
    tokenizer = WordsTokenizer(minimum_count=1, vocabulary_size=WORDS).train([" ".join(words)])
    torch.manual_seed(0)
    config = StackedLSTMConfig(
        vocab_size=len(tokenizer),
        embedding_size=EMBEDDING,
        layers=LAYERS,
        hidden_size=HIDDEN,
        num_labels=CLASSES,
        pad_token_id=tokenizer.pad_token_id,
        unk_token_id=tokenizer.unk_token_id,
    )
    save_checkpoint(StackedLSTMForSequenceClassification(config), tokenizer, folder)


def seconds_of(tasks: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each task; they take turns, so that a busy moment meets them all."""
    for task in tasks.values():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.process_time()
            task()
            seconds[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def single_texts(network: TorchClassifier, folder: Path, random: np.random.Generator) -> list[dict[str, Any]]:
    """Milliseconds of one text, and how many times as fast as eager torch each export is."""
    exports = {name: load_export(folder / file, threads=1) for name, file in (("onnx", FULL), ("int8", INT8))}
    rows = []
    for tokens, rounds in TOKENS.items():
        batch = pad([random.integers(2, WORDS, tokens).tolist()], 0)
        tasks: dict[str, Callable[[], Any]] = {
            f"torch_{kind}": eager(network, kind, batch) for kind in (network.model.stack.recurrence, "fused")
        }
        tasks |= {name: partial(export.run, *batch) for name, export in exports.items()}
        seconds = seconds_of(tasks, rounds)
        torch_names = [name for name in seconds if name.startswith("torch_")]
        ratios = {f"{name}_over_int8": round(seconds[name] / seconds["int8"], 2) for name in (*torch_names, "onnx")}
        rows.append({"tokens": tokens} | {name: round(1000 * value, 3) for name, value in seconds.items()} | ratios)
    return rows


def eager(network: TorchClassifier, recurrence: str, batch: tuple[np.ndarray, np.ndarray]) -> Callable[[], Any]:
    """One text by torch, with a recurrence."""

    def run() -> Any:
        chosen, network.model.stack.recurrence = network.model.stack.recurrence, recurrence
        try:
            return network.run(*batch)
        finally:
            network.model.stack.recurrence = chosen

    return run


def many_texts(network: TorchClassifier, folder: Path, random: np.random.Generator) -> list[dict[str, Any]]:
    """Texts a second, from strings to logits, of torch as it predicts and of onnxruntime."""
    classifiers = {"torch": network, "onnx": load_export(folder / FULL, threads=1)}
    rows = []
    for mean in MEANS:
        # Lengths as texts have them: many short ones, a few long ones.
        lengths = np.clip(random.gamma(2, mean / 2, MANY).astype(int), 1, 400)
        texts = [" ".join(f"word{number}" for number in random.integers(0, WORDS, length)) for length in lengths]
        tasks = {name: partial(classify, classifier, texts) for name, classifier in classifiers.items()}
        seconds = seconds_of(tasks, ROUNDS)
        rates = {name: round(MANY / value) for name, value in seconds.items()}
        rows.append({"mean_tokens": mean} | rates | {"torch_over_onnx": round(seconds["onnx"] / seconds["torch"], 2)})
    return rows


def classify(classifier: Classifier, texts: list[str]) -> np.ndarray:
    """From strings to logits."""
    return classifier.logits(classifier.encode(texts))


def main() -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        model, folder = Path(place) / "model", Path(place) / "onnx"
        make_checkpoint(model)
        network = TorchClassifier(model)
        export_onnx(network, model / "tokenizer.json", folder, texts=None, most_loss=None)
        quantize(folder / FULL, folder / INT8)
        results = {
            "network": {
                "layers": LAYERS,
                "hidden_size": HIDDEN,
                "embedding_size": EMBEDDING,
                "recurrence": network.model.stack.recurrence,
            },
            "machine": {
                "processor": processor(),
                "threads": 1,
                "vectors": torch.backends.cpu.get_cpu_capability(),
                "torch": torch.__version__,
                "onnxruntime": onnxruntime.__version__,
            },
            "milliseconds_of_one_text": single_texts(network, folder, random),
            "texts_per_second": many_texts(network, folder, random),
        }
    text = json.dumps(results, indent=1)
    print(text)
    RESULTS.write_text(text + "\n")


def processor() -> str:
    """Its name, where the system tells it."""
    information = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in information.read_text().splitlines()
            if line.startswith("model name")
        ]
        if information.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
