"""Which classes a text is given, where it may have several: those whose probability reaches the class's threshold.

A threshold is tuned by class on validation: the one with the highest F1 there. F1 changes at the probabilities of
texts alone, so between two of them all thresholds are equal: of those with the highest F1 the interval nearest 1/2
is taken, 1/2 itself if it lies inside, else the middle (Yang 2001, "A Study of Thresholding Strategies for Text
Categorization", calls tuning by class SCut). A class without texts in validation keeps 1/2.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import precision_recall_curve
from transformers import PreTrainedConfig

from textlstm.model.configuration import DEFAULT_THRESHOLD


def probabilities_of(logits: np.ndarray) -> np.ndarray:
    """The chance of each class by itself [N, C], float64."""
    return np.asarray(expit(logits.astype(np.float64)))


def answer_sets(logits: np.ndarray, thresholds: Sequence[float] | None = None) -> np.ndarray:
    """Zeros and ones int64 [N, C]: whether a class is an answer; `thresholds` [C], all 1/2 without."""
    return (probabilities_of(logits) >= np.asarray(DEFAULT_THRESHOLD if thresholds is None else thresholds)).astype(
        np.int64
    )


def find_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> list[float]:
    """The threshold of each class, from probabilities and labels [N, C] of validation."""
    return [find_threshold(probabilities[:, number], labels[:, number]) for number in range(labels.shape[1])]


def find_threshold(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The threshold with the highest F1 of one class, see the module; probabilities and labels [N]."""
    if not labels.any():
        return DEFAULT_THRESHOLD
    precision, recall, places = precision_recall_curve(labels, probabilities)
    # The last point of the curve is at no threshold.
    precision, recall = precision[:-1], recall[:-1]
    score = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    # places[i] and all down to below[i] give the same answers.
    below = np.concatenate([[0.0], places[:-1]])
    best = np.flatnonzero(score >= score.max() - 1e-12)
    distance = np.maximum(np.maximum(below[best] - DEFAULT_THRESHOLD, DEFAULT_THRESHOLD - places[best]), 0.0)
    chosen = best[distance.argmin()]
    inside = below[chosen] < DEFAULT_THRESHOLD <= places[chosen]
    return DEFAULT_THRESHOLD if inside else float((below[chosen] + places[chosen]) / 2)


def tune_thresholds(config: PreTrainedConfig, logits: np.ndarray, labels: np.ndarray) -> None:
    """Write the thresholds for validation's logits and labels into the network's configuration, if it needs any."""
    config.thresholds = tuned(config, logits, labels)


def tuned(config: Any, logits: np.ndarray, labels: np.ndarray) -> list[float] | None:
    """The thresholds for these logits; None where a text has one label."""
    return find_thresholds(probabilities_of(logits), labels) if config.multi_label else None
