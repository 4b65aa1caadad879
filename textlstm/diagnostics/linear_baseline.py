"""A linear classifier on the same split, so that nobody mistakes an LSTM for an improvement that it is not.

TF-IDF of words and pairs of words with a linear support vector machine (Joachims 1998; Wang and
Manning 2012 show how strong it is). Its strength and the least number of texts that a word must
stand in are chosen on validation, as the LSTM's best epoch is; it is fitted on train alone. Of pairs of texts each
has features of its own, from one vocabulary. Where a text may have several labels there is a logistic regression for
each class, with thresholds tuned on validation as the network's are.
"""

import time
import warnings
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from scipy.sparse import hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from textlstm.data.label_sets import label_array
from textlstm.training.scores import set_scores
from textlstm.training.thresholds import find_thresholds

STRENGTHS = (0.1, 0.3, 1.0, 3.0)
STRENGTHS_OF_SETS = (1.0, 10.0, 100.0)
"""Of logistic regressions, whose losses are smaller."""
MINIMUM_COUNTS = (1, 2)
# Single letters and marks too: a text of nothing else still has a feature.
WORD = r"(?u)\w+|[^\w\s]"


def linear_baseline(splits: DatasetDict) -> dict[str, Any]:
    """Scores on validation and test, with the chosen `strength` (C) and `minimum_count`."""
    started = time.perf_counter()
    labels = {name: label_array(split) for name, split in splits.items()}
    several = labels["train"].ndim == 2
    best: dict[str, Any] | None = None
    for minimum_count in MINIMUM_COUNTS:
        features = _features(splits, minimum_count)
        if features is None:
            continue
        for strength in STRENGTHS_OF_SETS if several else STRENGTHS:
            found = (_score_sets if several else _score_classes)(features, labels, strength)
            if best is None or found["validation"]["accuracy"] > best["validation"]["accuracy"]:
                best = found | {
                    "strength": strength,
                    "minimum_count": minimum_count,
                    "features": features["train"].shape[1],
                }
    assert best is not None  # a minimum count of 1 always leaves features
    return best | {"seconds": time.perf_counter() - started}


def _features(splits: DatasetDict, minimum_count: int) -> dict[str, Any] | None:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=minimum_count, sublinear_tf=True, token_pattern=WORD)
    try:
        vectorizer.fit([text for column in _columns(splits["train"]) for text in column])
    except ValueError:  # every word stands in one text only
        return None
    return {
        name: hstack([vectorizer.transform(column) for column in _columns(split)], format="csr")
        for name, split in splits.items()
    }


def _columns(split: Dataset) -> list[list[str]]:
    """The texts, and the second ones of pairs."""
    return [list(split[name]) for name in ("text", "text_pair") if name in split.features]


def _score_classes(features: dict[str, Any], labels: dict[str, np.ndarray], strength: float) -> dict[str, Any]:
    model = _fit(features["train"], labels["train"], strength)
    return {name: _score(model, features[name], labels[name]) for name in ("validation", "test")}


def _score_sets(features: dict[str, Any], labels: dict[str, np.ndarray], strength: float) -> dict[str, Any]:
    model = OneVsRestClassifier(LogisticRegression(C=strength, solver="liblinear", random_state=0))
    return score_sets(model, features, labels)


def score_sets(model: Any, features: dict[str, Any], labels: dict[str, np.ndarray]) -> dict[str, Any]:
    """Fit a classifier of several labels, tune its thresholds on validation, and score validation and test."""
    with warnings.catch_warnings():
        # Of too few iterations, and of a class that all texts have.
        warnings.simplefilter("ignore")
        model.fit(features["train"], labels["train"])
        chances = {name: model.predict_proba(features[name]) for name in ("validation", "test")}
    thresholds = find_thresholds(chances["validation"], labels["validation"])
    return {name: set_scores(labels[name], (found >= thresholds).astype(int)) for name, found in chances.items()}


def _fit(features: Any, labels: np.ndarray, strength: float) -> LinearSVC:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LinearSVC(C=strength, random_state=0).fit(features, labels)


def _score(model: LinearSVC, features: Any, labels: np.ndarray) -> dict[str, float]:
    predicted = model.predict(features)
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
    }
