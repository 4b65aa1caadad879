"""Folders of runs as training leaves them, with answers drawn from a known model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LABELS = ["no", "yes"]


def make_report(
    *, layers: int = 1, seed: int = 0, accuracy: float = 0.8, validation: float | None = None, **changes: Any
) -> dict[str, Any]:
    """A report; `changes` are settings by dotted name."""
    scores = {"loss": 0.5, "accuracy": accuracy, "macro_f1": accuracy, "examples": 100}
    held_out = scores | {"accuracy": accuracy if validation is None else validation}
    config: dict[str, Any] = {
        "seed": seed,
        "output_dir": "runs",
        "dataset": {"name": "toy", "split_seed": 0},
        "model": {"layers": layers, "hidden_size": 64, "regularization_scale": 1.0},
        "training": {"epochs": 3, "learning_rate": 0.004, "label_smoothing": 0.0, "threads": 1, "patience": None},
    }
    for name, value in changes.items():
        *sections, last = name.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    rows = [
        {
            "epoch": e,
            "step": e,
            "train": scores | {"loss": 1 / e},
            "validation": held_out | {"loss": 0.5 + 0.1 * (3 - e)},
        }
        for e in (1.0, 2.0, 3.0)
    ]
    return {
        "textlstm_version": "0.1.0",
        "created": "2026-11-24T10:00:00+00:00",
        "run": "",
        "dataset": "toy",
        "seed": seed,
        "labels": LABELS,
        "splits": {"train": scores | {"loss": 0.3}, "validation": held_out, "test": scores},
        "model": {
            "layers": layers,
            "hidden_size": 64,
            "parameters": 1000 * layers,
            "parameters_by_part": {"stack": 900},
        },
        "data": {"fingerprint": "0123456789abcdef"},
        "config": config,
        "training": {"seconds": 10.0 * layers, "epochs": 3.0, "best_epoch": 3.0},
        "history": rows,
    }


def write_run(folder: Path, report: dict[str, Any], right: np.ndarray | None = None) -> Path:
    """Write a report and, where `right` [N] says which answers are, predictions that fit it."""
    folder.mkdir(parents=True)
    if right is not None:
        report["splits"]["test"] |= {"accuracy": float(right.mean()), "examples": len(right)}
        labels = np.arange(len(right)) % 2
        predicted = np.where(right.astype(bool), labels, 1 - labels)
        frame = pd.DataFrame({"index": np.arange(len(right)), "label": np.array(LABELS)[labels]})
        frame["prediction"] = np.array(LABELS)[predicted]
        frame["probabilities"] = [[0.9, 0.1] if answer == 0 else [0.1, 0.9] for answer in predicted]
        frame.to_parquet(folder / "predictions.parquet", index=False)
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def write_study(
    folder: Path,
    accuracies: dict[int, float],
    *,
    seeds: int = 5,
    scatter: float = 0.002,
    predictions: bool = False,
    examples: int = 400,
) -> Path:
    """Runs by depth and seed whose test and validation accuracy scatter around `accuracies`."""
    rng = np.random.default_rng(0)
    ease = rng.random(examples)
    for layers, accuracy in accuracies.items():
        for seed in range(seeds):
            value = float(accuracy + scatter * rng.normal())
            right = (ease + 0.05 * rng.normal(size=examples) < value) if predictions else None
            report = make_report(layers=layers, seed=seed, accuracy=value)
            write_run(folder / f"layers-{layers}_seed-{seed}", report, right)
    return folder
