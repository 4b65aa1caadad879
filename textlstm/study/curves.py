"""Train and validation curves of a level: mean and scatter over its seeds, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from textlstm.study.intervals import from_seeds
from textlstm.study.runs import METRICS, Run


def curves(runs: Sequence[Run], *, confidence: float = 0.95) -> dict[str, Any] | None:
    """By split and metric the mean and its interval over seeds, at the epochs that all runs have.

    Limits are None with one seed. Train is a fixed sample in evaluation mode. None without a history.
    """
    rows = [{float(row["epoch"]): row for row in run.history if "epoch" in row} for run in runs]
    epochs = sorted(set.intersection(*(set(row) for row in rows))) if rows else []
    found: dict[str, Any] = {"epochs": epochs}
    for split in ("train", "validation"):
        found[split] = {}
        for metric in METRICS:
            table = [[(row[epoch].get(split) or {}).get(metric) for epoch in epochs] for row in rows]
            if epochs and all(value is not None for line in table for value in line):
                found[split][metric] = _band(np.array(table, float), confidence)
    return found if epochs else None


def _band(table: np.ndarray, confidence: float) -> dict[str, list[float | None]]:
    """Of values [S, epochs]."""
    intervals = [from_seeds(column, confidence=confidence) for column in table.T]
    return {
        "mean": [each.mean for each in intervals],
        "low": [each.low for each in intervals],
        "high": [each.high for each in intervals],
    }
