"""Logistic regression on an encoder's mean token vectors: what the stack adds to the encoder shows beside it.

The mean over tokens is how sentence encoders pool (Reimers and Gurevych 2019, "Sentence-BERT"). Its strength is chosen on
validation, as the LSTM's best epoch is; it is fitted on train alone. Where a text may have several labels there is one for
each class, with thresholds tuned on validation as the network's are.
"""

import time
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from textlstm.diagnostics.linear_baseline import score_sets

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
MOST_STEPS = 300


def encoder_baseline(vectors: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, Any]:
    """Scores on validation and test, with the chosen `strength` (C) and the number of `features`.

    vectors: [N, E] of each split. labels: int64 [N], or zeros and ones [N, C].
    """
    started = time.perf_counter()
    several = labels["train"].ndim == 2
    best: dict[str, Any] | None = None
    for strength in STRENGTHS:
        found = (_score_sets if several else _score_classes)(vectors, labels, strength)
        if best is None or found["validation"]["accuracy"] > best["validation"]["accuracy"]:
            best = found | {"strength": strength}
    assert best is not None
    return best | {"features": vectors["train"].shape[1], "seconds": time.perf_counter() - started}


def _score_classes(vectors: dict[str, np.ndarray], labels: dict[str, np.ndarray], strength: float) -> dict[str, Any]:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=MOST_STEPS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors["train"], labels["train"])
    return {name: _score(model, vectors[name], labels[name]) for name in ("validation", "test")}


def _score_sets(vectors: dict[str, np.ndarray], labels: dict[str, np.ndarray], strength: float) -> dict[str, Any]:
    model = OneVsRestClassifier(LogisticRegression(C=strength, max_iter=MOST_STEPS))
    return score_sets(make_pipeline(StandardScaler(), model), vectors, labels)


def _score(model: Any, vectors: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    predicted = model.predict(vectors)
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
    }
