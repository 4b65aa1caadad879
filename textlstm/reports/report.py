"""`report.json`: the one source of every table and picture."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax
from transformers import PreTrainedTokenizerBase

import textlstm
from textlstm.data.batches import EncodedTexts, text_statistics
from textlstm.data.duplicates import shown_texts
from textlstm.data.load import LoadedData
from textlstm.diagnostics.budget import operations_per_token
from textlstm.diagnostics.label_sets import diagnose_sets
from textlstm.diagnostics.latency import latency
from textlstm.diagnostics.predictions import diagnose
from textlstm.embeddings.source import EmbeddingTable, coverage
from textlstm.environment import commit
from textlstm.files import write_atomically, write_json
from textlstm.model import StackedLSTMForSequenceClassification
from textlstm.model.configuration import DEFAULT_THRESHOLD
from textlstm.network import count_parameters
from textlstm.reports.page import render_page
from textlstm.reports.wording import percent
from textlstm.training.fit import TrainingResult
from textlstm.training.machine import Machine
from textlstm.training.scores import generalization_gap, score
from textlstm.training.thresholds import answer_sets, probabilities_of, tuned

MANY_UNKNOWN = 0.25
"""Share of a split's tokens beyond which the report warns: real texts in words stay below 5%."""


def build_report(
    folder: Path,
    *,
    config: dict[str, Any],
    model: StackedLSTMForSequenceClassification,
    data: LoadedData,
    texts: dict[str, EncodedTexts],
    logits: dict[str, np.ndarray],
    facts: dict[str, Any],
    training: dict[str, Any] | None = None,
    history: list[dict[str, Any]] | None = None,
    last_logits: dict[str, np.ndarray] | None = None,
    baseline: dict[str, Any] | None = None,
    encoder_baseline: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """All results of a run, or of an evaluation, which has no training and perhaps one split."""
    thresholds = model.config.thresholds
    splits = {name: score(logits[name], texts[name].labels, thresholds) for name in texts}
    shown = "test" if "test" in splits else next(iter(splits))
    written = shown_texts(pd.DataFrame({name: data.splits[shown][name] for name in data.splits[shown].features}))
    answers = logits[shown], texts[shown].labels, written, data.label_names
    report = {
        "textlstm_version": textlstm.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": str(folder),
        "dataset": config["dataset"]["name"],
        "seed": config["seed"],
        "labels": data.label_names,
        "problem_type": model.config.problem_type or "single_label_classification",
        "splits": splits,
        "model": describe_model(model),
        "data": facts,
        "diagnostics": {
            shown: diagnose_sets(*answers, thresholds or [DEFAULT_THRESHOLD] * len(data.label_names))
            if data.multi_label
            else diagnose(*answers)
        },
        "config": config,
    }
    if training is not None:
        report |= {
            "generalization_gap": generalization_gap(splits),
            "baseline": {"linear": baseline} | ({"encoder": encoder_baseline} if encoder_baseline else {}),
            "training": training,
            "history": history,
            "commit": commit(),
        }
    if last_logits is not None:
        # Tuned for these weights, as they would be if they were kept.
        last = tuned(model.config, last_logits["validation"], texts["validation"].labels)
        report["last_splits"] = {name: score(last_logits[name], texts[name].labels, last) for name in texts}
        report["latency_ms"] = latency(model, texts[shown])
    return report


def describe_model(model: StackedLSTMForSequenceClassification) -> dict[str, Any]:
    """Depth, width and size."""
    parts = count_parameters(model)
    return {
        "layers": model.config.layers,
        "hidden_size": model.config.hidden_size,
        "parameters": sum(parts.values()),
        "parameters_by_part": parts,
        "operations_per_token": operations_per_token(model),
        "recurrence": model.stack.recurrence_on(model.device),
    }


def describe_training(result: TrainingResult, machine: Machine) -> dict[str, Any]:
    """How long, how far, how fast, on what."""
    return {
        "seconds": result.seconds,
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "tokens_per_second": result.tokens_per_second,
        "precision": machine.precision,
        "device": machine.device.type,
        "threads": machine.threads,
    }


def describe_data(
    data: LoadedData,
    texts: dict[str, EncodedTexts],
    model: StackedLSTMForSequenceClassification,
    tokenizer: PreTrainedTokenizerBase,
    table: EmbeddingTable | None = None,
) -> dict[str, Any]:
    """What the texts are like, by split and (weighted by texts, shares of tokens by tokens) overall."""
    by_split = {name: text_statistics(split, tokenizer.unk_token_id) for name, split in texts.items()}
    one = next(iter(texts.values()))
    everything = EncodedTexts(
        [ids for split in texts.values() for ids in split.whole],
        np.zeros(0),
        one.max_length,
        one.from_end,
        one.separator,
    )
    return {
        "fingerprint": data.fingerprint,
        "duplicates_removed": data.duplicates_removed,
        "empty_texts_dropped": data.empty_texts_dropped,
        **text_statistics(everything, tokenizer.unk_token_id),
        "splits": by_split,
        "vocabulary_size": model.config.vocab_size,
        "embedding_size": model.config.embedding_size,
        "coverage": coverage(table, tokenizer.all_special_ids, texts["train"].whole) if table else None,
        "warnings": [*data.warnings, *unknown_warnings(by_split)],
        "duplicates": data.duplicates,
        "groups": data.groups,
    }


def unknown_warnings(by_split: dict[str, dict[str, float]]) -> list[str]:
    """A line where the network sees hardly more of a split than that there are tokens."""
    shares = [
        f"{percent(values['unknown_rate'], 0)} of the {name} tokens"
        for name, values in by_split.items()
        if values["unknown_rate"] > MANY_UNKNOWN
    ]
    if not shares:
        return []
    return [
        f"unknown to the tokenizer: {', '.join(shares)}. tokenizer=bpe knows all; a lower tokenizer.minimum_count or a larger vocabulary more"
    ]


def finish_run(
    folder: Path,
    report: dict[str, Any],
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    in_train: np.ndarray | None = None,
    thresholds: Sequence[float] | None = None,
) -> None:
    """Write the page and the predictions, and `report.json` last: where it stands the run is finished."""
    write_predictions(folder / "predictions.parquet", logits, labels, report["labels"], in_train, thresholds)
    write_atomically(folder / "report.html", render_page(report))
    write_json(folder / "report.json", report)


def finish_evaluation(folder: Path, report: dict[str, Any]) -> None:
    """Write `report.html` and `report.json` of an evaluation; an earlier one of the same data is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "report.html", render_page(report))
    write_json(folder / "report.json", report)


def write_predictions(
    path: Path,
    logits: np.ndarray,
    labels: np.ndarray,
    label_names: list[str],
    in_train: np.ndarray | None = None,
    thresholds: Sequence[float] | None = None,
) -> None:
    """One row a text: `index`, `label`, `prediction` (names) and `probabilities` (in the order of the classes).

    For labels [N, C] `label` and `prediction` are lists of names, and every class has a probability of its own. `in_train`
    says `exact` or `near` where the training texts hold such a copy, else nothing (an empty string).
    """
    names = np.asarray(label_names, dtype=object)
    frame = pd.DataFrame({"index": np.arange(len(labels))})
    if labels.ndim == 2:
        probabilities = probabilities_of(logits)
        frame["label"] = [names[row == 1].tolist() for row in labels]
        frame["prediction"] = [names[row == 1].tolist() for row in answer_sets(logits, thresholds)]
    else:
        probabilities = softmax(logits.astype(np.float64), axis=1)
        frame["label"] = names[labels]
        frame["prediction"] = names[probabilities.argmax(axis=1)]
    frame["probabilities"] = list(probabilities)
    if in_train is not None:
        frame["in_train"] = in_train
    frame.to_parquet(path, index=False)
