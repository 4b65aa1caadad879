"""A tokenizer for the rows of the training split: for their texts, or for both texts of their pairs."""

from collections.abc import Sequence

from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from textlstm.data.pairs import prepare_for_pairs
from textlstm.data.tokenizers.source import TokenizerSource


def train_tokenizer(
    source: TokenizerSource, rows: Dataset, file_words: Sequence[str] = (), extra_words: int = 0
) -> PreTrainedTokenizerFast:
    """`source`'s tokenizer; for pairs it is trained on both texts, and gets a separator."""
    if "text_pair" not in rows.features:
        return source.train(rows["text"], file_words, extra_words)
    tokenizer = source.train([*rows["text"], *rows["text_pair"]], file_words, extra_words)
    prepare_for_pairs(tokenizer)
    return tokenizer
