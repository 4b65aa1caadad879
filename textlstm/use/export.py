"""Writing a network as ONNX: built, compared with torch, quantized if asked for, and only then put in place."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textlstm.data.batches import EncodedTexts
from textlstm.data.cut import FROM_END
from textlstm.errors import UserError
from textlstm.training.thresholds import answer_sets
from textlstm.use import classify
from textlstm.use.checkpoint import load_export
from textlstm.use.classify import FULL, INT8, Classifier
from textlstm.use.int8 import quantize
from textlstm.use.onnx_model import build_onnx
from textlstm.use.torch_classifier import TorchClassifier

MODEL_TYPE = "stacked_lstm_onnx"
TOLERANCE = 1e-5
"""Of a logit; times the largest one, where that is above 1."""
MADE_TEXTS = 64
LARGEST = 2**31 - 1
"""Bytes of a protobuf message."""


@dataclass(frozen=True)
class Exported:
    """What was written, and how it compares: the largest difference of a logit, shares of right answers or None."""

    folder: Path
    difference: float
    texts: int
    accuracy: float | None
    int8_accuracy: float | None


def export_onnx(
    network: TorchClassifier, tokenizer_file: Path, folder: Path, *, texts: EncodedTexts | None, most_loss: float | None
) -> Exported:
    """Write model.onnx, tokenizer.json, config.json and classify.py; an earlier export in `folder` is replaced.

    texts: labelled ones to compare on; None makes some of the vocabulary. most_loss: the accuracy that model.int8.onnx
    may lose, a share; None writes none. Raises `UserError`, and leaves `folder` as it was, where a comparison fails.
    """
    check_exportable(network)
    check_replaceable(folder)
    ids = made_texts(network) if texts is None else texts.ids
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        aside = Path(place) / "new"
        aside.mkdir()
        _write(network, tokenizer_file, aside)
        found = load_export(aside / FULL).logits(ids)
        difference = check_equal(network, ids, found)
        accuracy = int8_accuracy = None
        if texts is not None:
            accuracy = share_right(found, texts.labels, network.thresholds)
        if texts is not None and most_loss is not None:
            quantize(aside / FULL, aside / INT8)
            int8_accuracy = share_right(load_export(aside / INT8).logits(ids), texts.labels, network.thresholds)
            check_loss(accuracy, int8_accuracy, most_loss, len(ids))
        _put_in_place(aside, folder, Path(place) / "old")
    return Exported(folder, difference, len(ids), accuracy, int8_accuracy)


def check_exportable(network: TorchClassifier) -> None:
    """Raise `UserError` for a network that a pretrained encoder feeds: only the stack is written by this export."""
    if network.model.config.encoder is not None:
        raise UserError(
            f"The network reads the states of a pretrained encoder ({network.model.config.encoder['config']['model_type']}), "
            "which this export does not write.\n"
            "Train with embedding.features=table, which exports, or go on predicting with torch."
        )


def check_replaceable(folder: Path) -> None:
    """Raise `UserError` for a folder that holds something else than an export."""
    if folder.exists() and not (folder.is_dir() and ((folder / FULL).is_file() or not any(folder.iterdir()))):
        raise UserError(f"{folder} exists and is no export.\nGive a new folder: --output DIR.")


def _write(network: TorchClassifier, tokenizer_file: Path, folder: Path) -> None:
    config = network.model.config
    made = build_onnx(network.model)
    if made.ByteSize() > LARGEST:
        raise UserError(
            "The network is larger than 2 GiB, the most that an .onnx file holds.\nTrain it with a smaller tokenizer.vocabulary_size."
        )
    (folder / FULL).write_bytes(made.SerializeToString())
    shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
    # The file that this package itself uses, so that both give the same.
    shutil.copyfile(classify.__file__, folder / "classify.py")
    content: dict[str, Any] = {
        "model_type": MODEL_TYPE,
        "labels": network.labels,
        "max_length": network.max_length,
        FROM_END: network.from_end,
        "pad_token_id": network.pad_id or 0,
        "unk_token_id": network.unknown_id,
        "network": config.to_diff_dict(),
    }
    if network.thresholds is not None:
        content["thresholds"] = network.thresholds
    if network.separator is not None:
        content["separator_id"] = network.separator
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")


def _put_in_place(new: Path, folder: Path, old: Path) -> None:
    """Two renames: `folder` is the earlier export or the new one, and never a part of either."""
    if folder.exists():
        folder.rename(old)
    new.rename(folder)


def made_texts(network: Classifier) -> list[list[int]]:
    """Ids of texts of one token up to the most that are read, drawn from the vocabulary; the same in every call."""
    random = np.random.default_rng(0)
    size = network.tokenizer.get_vocab_size()
    longest = min(network.max_length, 400)
    lengths = np.unique(np.geomspace(1, longest, MADE_TEXTS).astype(int))
    # For the network a pair is ids as any others: no separator is needed to compare.
    return [random.integers(0, size, length).tolist() for length in lengths]


def check_equal(network: TorchClassifier, ids: list[list[int]], found: np.ndarray) -> float:
    """The largest difference of a logit from torch's; raise `UserError` above `TOLERANCE`, and for what is not finite."""
    expected = network.logits(ids)
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    apart = np.abs(expected - found).max(axis=1)
    doubtful = np.flatnonzero(~(apart <= limit))[:MADE_TEXTS]
    if len(doubtful):
        # Both round: float64 says whether it was torch alone.
        exact = network.in_float64().logits([ids[i] for i in doubtful])
        apart[doubtful] = np.abs(exact - found[doubtful]).max(axis=1)
    difference = float(apart.max())
    if not difference <= limit:
        raise UserError(
            f"onnxruntime's logits differ from torch's by {difference:.1e}, more than {limit:.0e}: nothing was written.\n"
            "States that grow without bound can do that: train with activation=tanh, or go on predicting with torch."
        )
    return difference


def share_right(logits: np.ndarray, labels: np.ndarray, thresholds: list[float] | None = None) -> float:
    """Accuracy, from 0 to 1; with `thresholds` that of whole sets of labels."""
    if thresholds is not None:
        return float((answer_sets(logits, thresholds) == labels).all(axis=1).mean())
    return float((logits.argmax(axis=1) == labels).mean())


def check_loss(accuracy: float | None, int8_accuracy: float, most: float, texts: int) -> None:
    """Raise `UserError` where 8 bits cost more accuracy than is allowed."""
    lost = (accuracy or 0.0) - int8_accuracy
    if lost > most + 1e-9:
        raise UserError(
            f"int8 loses {100 * lost:.2f} points of accuracy on {texts} validation texts, more than --max-accuracy-drop={most:g}: nothing was written.\n"
            "Export without --int8, or allow more."
        )
