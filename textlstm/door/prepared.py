"""What runs on the same data, words and vectors share: made once for a run alone, and once for a whole study.

A study hands it to its workers through a file, which is written by rename and removed at the end;
one that a killed study left is never read again, for the code that made it may have changed.
"""

import json
import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from textlstm.data.batches import EncodedTexts
from textlstm.data.load import LoadedData
from textlstm.diagnostics.encoder_baseline import encoder_baseline
from textlstm.diagnostics.linear_baseline import linear_baseline
from textlstm.door.settings import TrainSettings
from textlstm.embeddings.source import EmbeddingTable


@dataclass
class Prepared:
    """texts: every split as ids, and with the states of a frozen encoder. vectors: an encoder's mean vectors of every split.

    linear, on_vectors: scores of the two baselines, once somebody asked for them.
    """

    data: LoadedData
    tokenizer: PreTrainedTokenizerBase
    texts: dict[str, EncodedTexts]
    table: EmbeddingTable
    vectors: dict[str, np.ndarray] | None = None
    linear: dict[str, Any] | None = None
    on_vectors: dict[str, Any] | None = None

    @property
    def parts(self) -> tuple[LoadedData, PreTrainedTokenizerBase, dict[str, EncodedTexts], EmbeddingTable]:
        """Data, tokenizer, texts and table, to be unpacked."""
        return self.data, self.tokenizer, self.texts, self.table

    def baseline(self, kind: str) -> dict[str, Any] | None:
        """The scores of the baseline `kind` (`linear` or `none`), computed when first asked for."""
        if kind == "none":
            return None
        if self.linear is None:
            self.linear = linear_baseline(self.data.splits)
        return self.linear

    def encoder_baseline(self, kind: str) -> dict[str, Any] | None:
        """The scores of logistic regression on an encoder's mean vectors; None without an encoder, or a baseline."""
        if kind == "none" or self.vectors is None:
            return None
        if self.on_vectors is None:
            labels = {name: texts.labels for name, texts in self.texts.items()}
            self.on_vectors = encoder_baseline(self.vectors, labels)
        return self.on_vectors


def remembered(prepare: Callable[..., Prepared]) -> Callable[..., Prepared]:
    """`prepare`, which makes nothing twice: for several studies in one process."""
    known: dict[str, Prepared] = {}

    def once(settings: TrainSettings, data: LoadedData | None = None) -> Prepared:
        key = preparation_key(settings)
        if key not in known:
            known[key] = prepare(settings, data)
        return known[key]

    return once


def preparation_key(settings: TrainSettings) -> str:
    """Equal for runs that can share one preparation."""
    sections = {name: settings.config[name] for name in ("dataset", "tokenizer", "embedding")}
    kinds = [type(section).__name__ for section in (settings.dataset, settings.tokenizer, settings.embedding)]
    return json.dumps([sections, kinds, settings.run.baseline], sort_keys=True)


def data_key(settings: TrainSettings) -> str:
    """Equal for runs that read the same data."""
    return json.dumps([type(settings.dataset).__name__, settings.config["dataset"]], sort_keys=True)


def save_prepared(prepared: Prepared, path: Path) -> None:
    """Write aside, then rename: a worker never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        pickle.dump(prepared, file, protocol=pickle.HIGHEST_PROTOCOL)
    os.replace(temporary, path)


@lru_cache(maxsize=1)
def load_prepared(path: str) -> Prepared:
    """The newest one is kept: most studies have but one."""
    with open(path, "rb") as file:
        return pickle.load(file)  # type: ignore[no-any-return]
