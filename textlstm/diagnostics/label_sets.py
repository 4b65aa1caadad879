"""What answers on one split are worth where a text may have several labels: scores by class, calibration, mistakes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from textlstm.diagnostics.predictions import per_class, reliability
from textlstm.training.thresholds import answer_sets, probabilities_of


def diagnose_sets(
    logits: np.ndarray,
    labels: np.ndarray,
    texts: list[str],
    label_names: list[str],
    thresholds: Sequence[float],
    mistakes: int = 20,
) -> dict[str, Any]:
    """For logits and labels, zeros and ones, [N, C].

    calibration: of all probabilities, a text and a class each: bins by the probability, with the share that has the class.
    mistakes: texts whose set is wrong, those first that are surest of a wrong class. wrong: how many there are.
    """
    probabilities, predicted = probabilities_of(logits), answer_sets(logits, thresholds)
    rows = per_class(labels, predicted, label_names)
    return {
        "per_class": [row | {"threshold": float(at)} for row, at in zip(rows, thresholds, strict=True)],
        "calibration": reliability(probabilities.ravel(), labels.ravel() == 1),
        "mistakes": surest_mistakes(probabilities, predicted, labels, texts, label_names)[:mistakes],
        "wrong": int((predicted != labels).any(axis=1).sum()),
    }


def surest_mistakes(
    probabilities: np.ndarray, predicted: np.ndarray, labels: np.ndarray, texts: list[str], label_names: list[str]
) -> list[dict[str, Any]]:
    """Texts whose set is wrong, by the highest probability of what is wrong: of a class that is not there, or against one that is."""
    against = np.where(predicted == 1, probabilities, 1 - probabilities)
    surest = np.where(predicted != labels, against, -1.0).max(axis=1)
    order = np.argsort(-surest, kind="stable")
    names = np.asarray(label_names, dtype=object)
    return [
        {
            "index": int(i),
            "text": texts[i][:1000],
            "label": names[labels[i] == 1].tolist(),
            "prediction": names[predicted[i] == 1].tolist(),
            "probability": float(surest[i]),
        }
        for i in order
        if surest[i] >= 0
    ]
