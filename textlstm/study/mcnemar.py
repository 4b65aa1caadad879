"""Two checkpoints on the same texts: the exact test of McNemar (1947)."""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from textlstm.errors import UserError
from textlstm.study.runs import Run

MCNEMAR_NOTE = (
    "This compares two checkpoints on these texts; it says nothing about depth: another seed may turn it round."
)


def compare_runs(first: Run, second: Run) -> dict[str, Any]:
    """`mcnemar` of two runs by their test predictions, with their folders and accuracies."""
    for run in (first, second):
        if run.predictions is None:
            raise UserError(
                f"{run.folder} has no predictions.parquet.\nTwo checkpoints are compared text by text.\nTrain the run anew, or copy the file back."
            )
    one, other = first.predictions, second.predictions
    assert one is not None
    assert other is not None
    same = first.labels == second.labels and np.array_equal(one.index, other.index)
    if not same or not np.array_equal(one.labels, other.labels):
        raise UserError(
            f"{first.folder} and {second.folder} were tested on different texts.\nTwo checkpoints are compared on the same ones.\nGive two runs with the same data set and dataset.split_seed."
        )
    runs = {"runs": [str(first.folder), str(second.folder)]}
    return runs | {"accuracy": [float(one.right.mean()), float(other.right.mean())]} | mcnemar(one.right, other.right)


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> dict[str, Any]:
    """Exact McNemar test of two checkpoints from whether each answered each text rightly [N]."""
    only_a, only_b = (
        int((right_a.astype(bool) & ~right_b.astype(bool)).sum()),
        int((right_b.astype(bool) & ~right_a.astype(bool)).sum()),
    )
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {
        "examples": len(right_a),
        "only_first_right": only_a,
        "only_second_right": only_b,
        "difference": (only_b - only_a) / len(right_a),
        "p": p,
        "note": MCNEMAR_NOTE,
    }
