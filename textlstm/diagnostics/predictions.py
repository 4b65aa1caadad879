"""What a classifier's answers on one split are worth: confusion, scores by class, calibration, mistakes.

Of sets of labels: `textlstm.diagnostics.label_sets`.
"""

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

BINS = 10


def diagnose(
    logits: np.ndarray, labels: np.ndarray, texts: list[str], label_names: list[str], mistakes: int = 20
) -> dict[str, Any]:
    """All of the below for logits [N, C] and labels [N]."""
    probabilities = softmax(logits.astype(np.float64), axis=1)
    predicted = probabilities.argmax(axis=1)
    classes = np.arange(len(label_names))
    return {
        "confusion": confusion_matrix(labels, predicted, labels=classes).tolist(),
        "per_class": per_class(labels, predicted, label_names),
        "calibration": calibration(probabilities, labels),
        "mistakes": confident_mistakes(probabilities, labels, texts, label_names, mistakes),
    }


def per_class(labels: np.ndarray, predicted: np.ndarray, label_names: list[str]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class, with the number of its texts."""
    columns = precision_recall_fscore_support(labels, predicted, labels=np.arange(len(label_names)), zero_division=0)
    return [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(label_names, *columns, strict=True)
    ]


def calibration(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> dict[str, Any]:
    """`reliability` of the predicted classes, for probabilities [N, C] and labels [N]."""
    return reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> dict[str, Any]:
    """Expected calibration error with equally wide bins (Guo et al. 2017), and the bins that hold something.

    The error is the mean of |accuracy - confidence| of their bin, over all that is given [N].
    """
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        inside = place == number
        if inside.any():
            rows.append(
                {
                    "low": number / bins,
                    "high": (number + 1) / bins,
                    "confidence": float(confidence[inside].mean()),
                    "accuracy": float(correct[inside].mean()),
                    "examples": int(inside.sum()),
                }
            )
    error = sum(row["examples"] * abs(row["accuracy"] - row["confidence"]) for row in rows) / len(correct)
    return {"error": float(error), "bins": rows}


def confident_mistakes(
    probabilities: np.ndarray, labels: np.ndarray, texts: list[str], label_names: list[str], count: int
) -> list[dict[str, Any]]:
    """The wrong answers given with the highest probability, the most confident first."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    return [
        {
            "index": int(i),
            "text": texts[i][:1000],
            "label": label_names[labels[i]],
            "prediction": label_names[predicted[i]],
            "probability": float(confidence[i]),
        }
        for i in order
    ]
