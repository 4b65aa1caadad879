"""A linear classifier on the same split, so that nobody mistakes an LSTM for an improvement that it is not.

TF-IDF of words and pairs of words with a linear support vector machine (Joachims 1998; Wang and
Manning 2012 show how strong it is). Its strength and the least number of texts that a word must
stand in are chosen on validation, as the LSTM's best epoch is; it is fitted on train alone.
"""

import time
import warnings
from typing import Any

import numpy as np
from datasets import DatasetDict
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.svm import LinearSVC

STRENGTHS = (0.1, 0.3, 1.0, 3.0)
MINIMUM_COUNTS = (1, 2)
# Single letters and marks too: a text of nothing else still has a feature.
WORD = r"(?u)\w+|[^\w\s]"


def linear_baseline(splits: DatasetDict) -> dict[str, Any]:
    """Scores on validation and test, with the chosen `strength` (C) and `minimum_count`."""
    started = time.perf_counter()
    texts = {name: list(split["text"]) for name, split in splits.items()}
    labels = {name: np.asarray(split["label"]) for name, split in splits.items()}
    best: dict[str, Any] | None = None
    for minimum_count in MINIMUM_COUNTS:
        features = _features(texts, minimum_count)
        if features is None:
            continue
        for strength in STRENGTHS:
            model = _fit(features["train"], labels["train"], strength)
            validation = _score(model, features["validation"], labels["validation"])
            if best is None or validation["accuracy"] > best["validation"]["accuracy"]:
                best = {
                    "validation": validation,
                    "test": _score(model, features["test"], labels["test"]),
                    "strength": strength,
                    "minimum_count": minimum_count,
                    "features": features["train"].shape[1],
                }
    assert best is not None  # a minimum count of 1 always leaves features
    return best | {"seconds": time.perf_counter() - started}


def _features(texts: dict[str, list[str]], minimum_count: int) -> dict[str, Any] | None:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=minimum_count, sublinear_tf=True, token_pattern=WORD)
    try:
        train = vectorizer.fit_transform(texts["train"])
    except ValueError:  # every word stands in one text only
        return None
    return {"train": train} | {name: vectorizer.transform(texts[name]) for name in texts if name != "train"}


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
