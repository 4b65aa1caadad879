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
    """Answers to the test split with the best epoch's weights, by example N and class C."""

    index: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """1 where the answer is right, else 0, as float64 [N]."""
        return np.asarray(self.labels == self.predicted, np.float64)

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each example in nats [N]."""
        of_label = self.probabilities[np.arange(len(self.labels)), self.labels]
        return np.asarray(-np.log(np.maximum(of_label, SMALLEST)), np.float64)


def read_predictions(path: Path, labels: Sequence[str]) -> Predictions | None:
    """The test predictions in `path`; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        frame = pd.read_parquet(path)
        numbers = {name: number for number, name in enumerate(labels)}
        probabilities = np.stack(frame["probabilities"].to_list()).astype(np.float64)
        truth = frame["label"].map(numbers).to_numpy(np.int64)
        predicted = frame["prediction"].map(numbers).to_numpy(np.int64)
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
