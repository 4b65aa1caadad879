"""A trained checkpoint as a classifier of texts, computed by torch."""

import copy
from pathlib import Path

import numpy as np
import torch

from textlstm.data.cut import kept_from_end
from textlstm.data.pairs import separator_of
from textlstm.model.configuration import DEFAULT_THRESHOLD
from textlstm.network import load_checkpoint
from textlstm.training.allocation import keep_freed_memory
from textlstm.use.classify import Classifier


class TorchClassifier(Classifier):
    """As the classifier of an export, from the folder with the weights; on the CPU, in float32."""

    def __init__(self, folder: Path) -> None:
        keep_freed_memory()
        self.model, tokenizer = load_checkpoint(folder)
        self.labels = list(self.model.config.id2label.values())
        self.max_length, self.from_end = tokenizer.model_max_length, kept_from_end(tokenizer)
        self.separator = separator_of(tokenizer)
        if self.model.config.multi_label:
            self.thresholds = self.model.config.thresholds or [DEFAULT_THRESHOLD] * len(self.labels)
        self.pad_id, self.unknown_id = tokenizer.pad_token_id, tokenizer.unk_token_id
        # The tokenizer behind transformers' class, which would warn about texts longer than are read.
        self.tokenizer = tokenizer.backend_tokenizer  # type: ignore[attr-defined]

    def in_float64(self) -> "TorchClassifier":
        """The same network in double precision: slow, to compare with."""
        exact = copy.copy(self)
        exact.model = copy.deepcopy(self.model).double()
        return exact

    def run(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        """Ids and mask int64 [B, T], padding behind -> logits [B, C]."""
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(input_ids), torch.from_numpy(attention_mask)).logits
        return logits.float().numpy()  # type: ignore[no-any-return]
