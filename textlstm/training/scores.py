"""Scores of a split: loss, accuracy, macro-F1, with several labels micro-F1, always in evaluation mode."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_model
from scipy.special import log_expit, log_softmax
from sklearn.metrics import accuracy_score, f1_score
from transformers import PreTrainedModel

from textlstm.data.batches import Collator, EncodedTexts
from textlstm.training.thresholds import answer_sets

BATCH_SIZE = 64
"""Fixed, so that a checkpoint scored again meets the same batches and gives the same digits."""

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


def predict_splits(model: PreTrainedModel, splits: dict[str, EncodedTexts], precision: str) -> dict[str, np.ndarray]:
    """Logits of every split, see `predict_logits`."""
    return {name: predict_logits(model, texts, precision) for name, texts in splits.items()}


def predict_logits(model: PreTrainedModel, texts: EncodedTexts, precision: str = "fp32") -> np.ndarray:
    """Logits [N, C] in float32, in the order of `texts`; batches run from short to long texts."""
    collate = Collator(model.config.pad_token_id)
    order = texts.by_length()
    logits = np.empty((len(texts), model.config.num_labels), np.float32)
    was_training = model.training
    model.eval()
    with torch.inference_mode(), autocast(model.device.type, precision):
        for start in range(0, len(order), BATCH_SIZE):
            chosen = order[start : start + BATCH_SIZE]
            batch = collate([texts.inputs(i) for i in chosen])
            outputs = model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
            logits[chosen] = outputs.logits.float().cpu().numpy()
    model.train(was_training)
    return logits


def predict_last(
    model: PreTrainedModel, splits: dict[str, EncodedTexts], precision: str, last_weights: Path
) -> dict[str, np.ndarray]:
    """Logits of every split with the last epoch's weights; the model keeps those that it has."""
    kept = {name: weight.clone() for name, weight in model.state_dict().items()}
    try:
        load_model(model, last_weights, device=str(model.device))
        return predict_splits(model, splits, precision)
    finally:
        model.load_state_dict(kept)


def autocast(device_type: str, precision: str) -> AbstractContextManager[Any]:
    """The same mixed precision as in training."""
    return torch.autocast(device_type, AUTOCAST[precision]) if precision in AUTOCAST else nullcontext()


def score(logits: np.ndarray, labels: np.ndarray, thresholds: Sequence[float] | None = None) -> dict[str, float | int]:
    """Mean cross-entropy (nats), accuracy and macro-F1 (both 0 to 1), and the number of examples.

    Labels [N, C], zeros and ones: the mean binary cross-entropy over texts and classes; accuracy is the share of texts
    whose whole set is right (subset accuracy); and micro-F1. Answers are what reaches `thresholds` [C], else 1/2.
    """
    if labels.ndim == 2:
        return _score_sets(logits, labels, answer_sets(logits, thresholds))
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    predicted = logits.argmax(axis=1)
    return {
        "loss": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "examples": len(labels),
    }


def _score_sets(logits: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> dict[str, float | int]:
    signed = np.where(labels == 1, logits, -logits.astype(np.float64))
    return {"loss": float(-log_expit(signed).mean())} | set_scores(labels, predicted) | {"examples": len(labels)}


def set_scores(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Subset accuracy, macro-F1 and micro-F1 of sets of labels, zeros and ones [N, C]."""
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "micro_f1": float(f1_score(labels, predicted, average="micro", zero_division=0)),
    }


def generalization_gap(splits: dict[str, dict[str, float | int]]) -> dict[str, float]:
    """Train minus validation for accuracy and F1 scores, validation minus train for the loss."""
    train, validation = splits["train"], splits["validation"]
    gap = {"loss": validation["loss"] - train["loss"]}
    return gap | {
        name: train[name] - validation[name] for name in ("accuracy", "macro_f1", "micro_f1") if name in train
    }
