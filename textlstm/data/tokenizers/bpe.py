"""Byte-pair encoding: the most frequent pairs of pieces are joined, from the bytes on.

Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words with Subword Units"; on bytes as in Radford
et al. 2019 (GPT-2). Since all 256 bytes are pieces, no text has an unknown token; `<unk>` is still there, for word
dropout puts it in. Words are split first, and the first piece of each starts with Ġ, so that it is the same after a
space, after a mark and at the beginning of a text.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from textlstm.data.tokenizers.cache import train_once
from textlstm.data.tokenizers.trained import WordSplittingTokenizer

BYTES = 256


class BPETokenizer(WordSplittingTokenizer):
    """Pieces of words, from frequent pairs of bytes."""

    name: Literal["bpe"] = Field("bpe", description="name of the tokenizer")
    vocabulary_size: int = Field(
        8_000, ge=BYTES, description="most pieces of the vocabulary; the 256 bytes are always among them"
    )
    minimum_count: int = Field(2, ge=1, description="a pair of pieces seen less often in training is not joined")

    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """Join the pairs of `texts`, the training split. Training twice gives the same vocabulary."""
        backend = Tokenizer(models.BPE())
        self.split_words(backend, pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False))
        backend.decoder = decoders.ByteLevel()
        settings = self.trainer_settings(
            min_frequency=self.minimum_count, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())
        )
        return self.finish_trained(train_once(backend, "BpeTrainer", settings, texts), "pieces")
