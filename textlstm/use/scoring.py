"""A checkpoint opened to be scored on labelled texts: the network as a report describes it, its tokenizer, its logits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from textlstm.data.batches import EncodedTexts
from textlstm.data.cut import FROM_END
from textlstm.data.pairs import PAIRS
from textlstm.errors import UserError
from textlstm.features import with_features
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.network import load_checkpoint
from textlstm.training.scores import predict_splits
from textlstm.use.checkpoint import load_export
from textlstm.use.classify import Classifier

Splits = dict[str, EncodedTexts]


@dataclass(frozen=True)
class Scorer:
    """model: its weights may be absent, where something else computes. predict: logits [N, C] of every split."""

    model: StackedLSTMForSequenceClassification
    tokenizer: PreTrainedTokenizerBase
    predict: Callable[[Splits], dict[str, np.ndarray]]


def open_torch(folder: Path, device: torch.device, precision: str) -> Scorer:
    """The checkpoint in `folder`, computed by torch."""
    model, tokenizer = load_checkpoint(folder)
    model.to(device)  # type: ignore[arg-type]

    def predict(splits: Splits) -> dict[str, np.ndarray]:
        if model.config.encoder is not None and not model.config.encoder["trainable"]:
            # As in training, so that the digits are the same.
            splits = with_features(splits, model.embedding.encoder)  # type: ignore[arg-type]
        return predict_splits(model, splits, precision)

    return Scorer(model, tokenizer, predict)


def open_onnx(file: Path, threads: int) -> Scorer:
    """An export, computed by onnxruntime."""
    exported = load_export(file, threads=threads)
    return Scorer(
        described(exported, file),
        tokenizer_of(exported),
        lambda splits: {name: exported.logits(texts.ids) for name, texts in splits.items()},
    )


def described(exported: Classifier, file: Path) -> StackedLSTMForSequenceClassification:
    """The network without its weights, for its size and names."""
    try:
        config = StackedLSTMConfig(**exported.config["network"])
        with torch.device("meta"):
            model = StackedLSTMForSequenceClassification(config)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{file.parent}/config.json does not describe the network: {error}.\nExport the checkpoint again."
        ) from error
    model.stack.recurrence = "onnx"
    return model.eval()  # type: ignore[no-any-return]


def tokenizer_of(exported: Classifier) -> PreTrainedTokenizerBase:
    """The export's tokenizer as transformers' class."""
    tokenizer = exported.tokenizer
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=tokenizer.id_to_token(exported.pad_id),
        unk_token=tokenizer.id_to_token(exported.unknown_id),
        model_max_length=exported.max_length,
        **{FROM_END: exported.from_end},
    )
    if exported.separator is not None:
        made.sep_token = tokenizer.id_to_token(exported.separator)
        made.init_kwargs[PAIRS] = True
    return made  # type: ignore[no-any-return]
