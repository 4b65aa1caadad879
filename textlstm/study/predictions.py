"""`predictions.parquet`: a run's answers to the test split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from textlstm.errors import UserError

SMALLEST = 1e-12
"""Lowest probability whose logarithm is taken: a loss of 27.6 nats."""


@dataclass(frozen=True)
class Predictions:
    """Answers to the test split with the best epoch's weights, by example N and class C.

    labels, predicted: class numbers [N], or zeros and ones [N, C] where a text may have several labels.
    """

    index: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """1 where the answer is right (all of the set, where there are several labels), else 0, as float64 [N]."""
        same = self.labels == self.predicted
        return np.asarray(same.all(axis=1) if same.ndim == 2 else same, np.float64)

    @property
    def most_frequent_share(self) -> float:
        """The share of examples that the most frequent label has, or the most frequent set of labels."""
        counts = np.unique(self.labels, axis=0, return_counts=True)[1]
        return float(counts.max()) / len(self.labels)

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each example in nats [N]; of several labels the binary one, the mean over classes."""
        if self.labels.ndim == 2:
            of_truth = np.where(self.labels == 1, self.probabilities, 1 - self.probabilities)
            return np.asarray(-np.log(np.maximum(of_truth, SMALLEST)).mean(axis=1), np.float64)
        of_label = self.probabilities[np.arange(len(self.labels)), self.labels]
        return np.asarray(-np.log(np.maximum(of_label, SMALLEST)), np.float64)


def read_predictions(path: Path, labels: Sequence[str]) -> Predictions | None:
    """The test predictions in `path`; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        frame = pd.read_parquet(path)
        probabilities = np.stack(frame["probabilities"].to_list()).astype(np.float64)
        truth, predicted = (_numbers(frame[name], labels) for name in ("label", "prediction"))
        index = frame["index"].to_numpy()
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path} cannot be read as predictions.\nIt has index, label, prediction and probabilities, with the classes of report.json.\nCopy the run again, or remove the file: intervals then come from seeds alone."
        ) from error
    if not np.isfinite(probabilities).all() or probabilities.shape[1] != len(labels):
        raise UserError(
            f"{path} holds probabilities that are no numbers, or not one a class.\nRemove the file, or train anew."
        )
    return Predictions(index, truth, predicted, probabilities)


def _numbers(names: pd.Series, labels: Sequence[str]) -> np.ndarray:
    """Names of classes, or lists of them, as numbers; raise `KeyError` for a class that is none of `labels`."""
    numbers = {name: number for number, name in enumerate(labels)}
    if not len(names) or isinstance(names.iloc[0], str):
        return np.asarray(names.map(numbers).to_numpy(np.int64))
    table = np.zeros((len(names), len(labels)), np.int64)
    for row, found in enumerate(names):
        table[row, [numbers[name] for name in found]] = 1
    return table
