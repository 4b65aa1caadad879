"""From texts to batches: token ids once, then batches of similar length in random order."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from textlstm.data.cut import cut, kept_from_end
from textlstm.data.features import TextFeatures
from textlstm.data.label_sets import label_array
from textlstm.data.pairs import cut_pair, encode_pairs, separator_of

WINDOW = 16
"""Batches that are sorted by length together: enough to save padding, few enough to stay random."""


class EncodedTexts(torch.utils.data.Dataset[dict[str, Any]]):
    """Texts as ids with their labels.

    whole: the ids of each text, uncut. ids: the same, cut to `max_length`, the last `from_end` of them from the text's
    end: what the network reads. labels: int64 [N], or zeros and ones [N, C] where a text may have several. separator: its
    id, where texts are pairs. lengths: tokens that are read, int64 [N].
    features: vectors of the tokens that are read, computed beforehand by an encoder, or None.
    """

    def __init__(
        self,
        whole: list[list[int]],
        labels: np.ndarray,
        max_length: int,
        from_end: int = 0,
        separator: int | None = None,
        *,
        features: TextFeatures | None = None,
    ) -> None:
        self.features = features
        self.whole, self.labels, self.max_length, self.from_end = whole, labels, max_length, from_end
        self.separator = separator
        if separator is None:
            self.ids = [cut(text, max_length, from_end) for text in whole]
        else:
            self.ids = [cut_pair(text, max_length, from_end, separator) for text in whole]
        self.lengths = np.array([len(text) for text in self.ids])

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.inputs(index), "labels": self.labels[index]}

    def inputs(self, index: int) -> dict[str, Any]:
        """What the network reads of a text: `input_ids`, and `features` [T, ...] where there are any."""
        features = {} if self.features is None else {"features": self.features[index]}
        return {"input_ids": self.ids[index], **features}

    def subset(self, indices: np.ndarray) -> "EncodedTexts":
        """The texts at `indices`, in that order."""
        features = None if self.features is None else self.features.subset(indices)
        whole = [self.whole[i] for i in indices]
        labels = self.labels[indices]
        return EncodedTexts(whole, labels, self.max_length, self.from_end, self.separator, features=features)

    def with_features(self, features: TextFeatures) -> "EncodedTexts":
        """The same texts with vectors of their tokens."""
        return EncodedTexts(self.whole, self.labels, self.max_length, self.from_end, self.separator, features=features)

    def by_length(self) -> np.ndarray:
        """Indices from the shortest text to the longest; equal lengths keep their order."""
        return np.argsort(self.lengths, kind="stable")


def tokenize(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Whole texts as ids. A text in which the tokenizer finds nothing becomes one unknown token."""
    # The tokenizer behind transformers' class, which would warn about texts longer than are read.
    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    # Each call of transformers' class leaves its own cut and padding here.
    backend.no_truncation()
    backend.no_padding()
    encodings = backend.encode_batch(list(texts))
    return [encoding.ids or [tokenizer.unk_token_id] for encoding in encodings]


def encode_splits(splits: DatasetDict, tokenizer: PreTrainedTokenizerBase) -> dict[str, EncodedTexts]:
    """Every split with the columns `text` (`text_pair`) and `label` as ids, made once for all epochs."""
    limits = tokenizer.model_max_length, kept_from_end(tokenizer), separator_of(tokenizer)
    return {
        name: EncodedTexts(tokenize_rows(rows, tokenizer), label_array(rows), *limits) for name, rows in splits.items()
    }


def tokenize_rows(rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Whole texts, or pairs of them, as ids."""
    separator = separator_of(tokenizer)
    if separator is None:
        return tokenize(rows["text"], tokenizer)
    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    backend.no_truncation()
    backend.no_padding()
    return encode_pairs(
        backend, rows["text"], rows["text_pair"], separator=separator, unknown=int(tokenizer.unk_token_id)
    )


def text_statistics(texts: EncodedTexts, unknown_id: int) -> dict[str, float]:
    """Shares of texts and of tokens that are cut; share of unknown tokens and mean tokens of a text, both uncut."""
    lengths = np.array([len(text) for text in texts.whole])
    unknown = sum(text.count(unknown_id) for text in texts.whole)
    return {
        "truncated_share": float((lengths > texts.max_length).mean()),
        "truncated_tokens_share": 1 - int(texts.lengths.sum()) / int(lengths.sum()),
        "unknown_rate": unknown / int(lengths.sum()),
        "tokens_per_text": float(lengths.mean()),
    }


class Collator:
    """A list of examples -> `input_ids` [B, T], `attention_mask` [B, T] and `labels` [B] (or [B, C]), padded behind.

    Where the texts have features, also `features` float32 [B, T, ...], zero at padding.
    """

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Pad to the longest text of the batch."""
        longest = max(len(example["input_ids"]) for example in examples)
        ids = np.full((len(examples), longest), self.pad_token_id, np.int64)
        mask = np.zeros((len(examples), longest), np.int64)
        for row, example in enumerate(examples):
            ids[row, : len(example["input_ids"])] = example["input_ids"]
            mask[row, : len(example["input_ids"])] = 1
        batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if "features" in examples[0]:
            features = np.zeros((len(examples), longest, *examples[0]["features"].shape[1:]), np.float32)
            for row, example in enumerate(examples):
                features[row, : len(example["features"])] = example["features"]
            batch["features"] = torch.from_numpy(features)
        if "labels" in examples[0]:
            batch["labels"] = torch.from_numpy(np.array([example["labels"] for example in examples]))
        return batch


class SimilarLengthSampler(torch.utils.data.Sampler[int]):
    """Indices in an order whose consecutive batches hold texts of similar length.

    Each epoch shuffles all texts, sorts windows of `WINDOW` batches by length, cuts them into
    batches and shuffles the batches. Every text comes once an epoch; with `chances` [N], which sum to 1, as many are
    drawn by these, with replacement. The order depends on `seed` and the epoch alone, so that a resumed run goes on with
    the same batches.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int, chances: np.ndarray | None = None) -> None:
        self.lengths, self.batch_size, self.seed, self.chances = lengths, batch_size, seed, chances
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        size = len(self.lengths)
        order = random.permutation(size) if self.chances is None else random.choice(size, size, p=self.chances)
        # An incomplete batch can only stand at the end: the loader cuts every batch_size indices.
        full = len(order) // self.batch_size * self.batch_size
        batches = []
        for start in range(0, full, WINDOW * self.batch_size):
            window = order[start : min(start + WINDOW * self.batch_size, full)]
            window = window[np.argsort(self.lengths[window], kind="stable")]
            batches += list(window.reshape(-1, self.batch_size))
        for number in random.permutation(len(batches)):
            yield from batches[number].tolist()
        yield from order[full:].tolist()
