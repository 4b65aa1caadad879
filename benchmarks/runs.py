"""One run of `train.py` within this process, in a folder of its own that is thrown away: its report is what is kept."""

import io
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import PreTrainedModel, PreTrainedTokenizerBase

import train
from benchmarks.grid import ROOT
from textlstm.data.batches import EncodedTexts
from textlstm.door import Prepared
from textlstm.door.prepared import preparation_key
from textlstm.door.resume import compose_plain
from textlstm.door.settings import TrainSettings, check_train
from textlstm.training.fit import TrainingResult, fit
from textlstm.training.machine import prepare_machine
from textlstm.training.settings import TrainingSettings

DATA = Path(os.environ.get("TEXTLSTM_DATA", ROOT.parent / "shared" / "data"))
GLOVE = DATA / "glove.6B.100d.top150k.txt.gz"


def files_of(data: str, **splits: str) -> list[str]:
    """Overrides for a data set of `../shared/data` (or TEXTLSTM_DATA); `splits` name other files than train and test."""
    named = {"train": "train.csv", "test": "test.csv"} | splits
    return [
        "dataset=files",
        f"dataset.name={data}",
        *(f"dataset.{split}={DATA / data / file}" for split, file in named.items()),
    ]


def fit_quietly(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: dict[str, EncodedTexts],
    settings: TrainingSettings,
    *,
    seed: int,
) -> TrainingResult:
    """Train `model` without a word; its checkpoints are thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        return fit(
            model,
            tokenizer,
            texts,
            settings,
            machine=prepare_machine(settings),
            folder=Path(folder),
            seed=seed,
            console=Console(file=io.StringIO()),
        )


def report_of(overrides: Sequence[str]) -> dict[str, Any]:
    """`report.json` of `python train.py OVERRIDES`, trained with one thread; data and vectors are prepared once a process."""
    warnings.simplefilter("ignore")
    train.open_console = lambda: Console(file=io.StringIO())
    settings = check_train(compose_plain(ROOT / "conf", "config", [*overrides, "training.threads=1"]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train.train(settings, _prepared(preparation_key(settings), settings), folder)
        found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


_known: dict[str, Prepared] = {}


def _prepared(key: str, settings: TrainSettings) -> Prepared:
    if key not in _known:
        _known.clear()  # one at a time: vectors are large
        _known[key] = train.prepare(settings)
    return _known[key]


def scores_of(report: dict[str, Any]) -> dict[str, Any]:
    """What the tables need of a report."""
    linear = (report["baseline"]["linear"] or {}).get("test", {}).get("accuracy")
    return {
        "validation": round(report["splits"]["validation"]["accuracy"], 4),
        "test": round(report["splits"]["test"]["accuracy"], 4),
        "test_macro_f1": round(report["splits"]["test"]["macro_f1"], 4),
        "train_texts": report["splits"]["train"]["examples"],
        "best_epoch": report["training"]["best_epoch"],
        "parameters": report["model"]["parameters"],
        "seconds": round(report["training"]["seconds"], 1),
        "linear_test": None if linear is None else round(linear, 4),
    }
