"""Classes of unequal size: weights in the training loss, or chances in the drawing of training texts.

Both from the counts of the training split, n / (C * n_c) for n texts in C classes (scikit-learn's "balanced"). Scores and
the losses of validation and test stay unweighted.
"""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from textlstm.errors import UserError
from textlstm.training.settings import TrainingSettings


def check_settings(settings: TrainingSettings, labels: np.ndarray, classes: int) -> None:
    """Raise `UserError` for settings that cannot act on the labels of the training split."""
    check_metric(settings, labels)
    class_weights(settings, labels, classes)
    sampling_chances(settings, labels)


def class_weights(settings: TrainingSettings, labels: np.ndarray, classes: int) -> np.ndarray | None:
    """Weights [C] for labels [N], or for labels [N, C] what a positive counts more than a negative; None without.

    A class of every text keeps 1. Raises `UserError` where all weights would be the same.
    """
    if settings.class_weight == "none":
        return None
    if labels.ndim == 1:
        if settings.batch_size == 1:
            raise UserError(
                "training.class_weight=balanced has no effect with training.batch_size=1: the loss is the weighted mean of a batch.\n"
                "Use larger batches, or training.sampling=balanced."
            )
        weights = compute_class_weight("balanced", classes=np.arange(classes), y=labels)
    else:
        positives = labels.sum(axis=0)
        negatives = len(labels) - positives
        weights = np.where(negatives > 0, negatives / np.maximum(positives, 1), 1.0)
    if np.allclose(weights, 1):
        raise UserError(no_effect("class_weight"))
    return np.asarray(weights, np.float64)


def sampling_chances(settings: TrainingSettings, labels: np.ndarray) -> np.ndarray | None:
    """The chance [N] of each text in each draw; None where all come once an epoch.

    Raises `UserError` for labels [N, C], and where all classes have equally many texts.
    """
    if settings.sampling == "uniform":
        return None
    if labels.ndim == 2:
        raise UserError(
            "training.sampling=balanced cannot act where a text has several labels: a text with a rare one often brings a frequent one with it.\n"
            "Use training.class_weight=balanced."
        )
    weights = compute_sample_weight("balanced", labels)
    if np.allclose(weights, 1):
        raise UserError(no_effect("sampling"))
    return np.asarray(weights / weights.sum(), np.float64)


def no_effect(name: str) -> str:
    """The message for classes that are balanced already."""
    return f"training.{name}=balanced has no effect: all classes have equally many training texts.\nLeave it out."


def check_metric(settings: TrainingSettings, labels: np.ndarray) -> None:
    """Raise `UserError` for micro-F1 where each text has one label."""
    if settings.metric == "micro_f1" and labels.ndim == 1:
        raise UserError(
            "training.metric=micro_f1 is the accuracy where each text has one label.\nUse training.metric=accuracy or macro_f1."
        )
