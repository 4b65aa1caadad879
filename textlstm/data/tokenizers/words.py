"""The word tokenizer: lower case, Penn-Treebank-like contractions, punctuation marks as words."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from textlstm.data.tokenizers.cache import train_once
from textlstm.data.tokenizers.trained import PAD, UNKNOWN, WordSplittingTokenizer


class WordsTokenizer(WordSplittingTokenizer):
    """Words as tokens; the vocabulary comes from the training split alone."""

    name: Literal["words"] = Field("words", description="name of the tokenizer")
    vocabulary_size: int = Field(
        30_000, ge=3, description="most words taken from the training texts, the most frequent first"
    )
    minimum_count: int = Field(2, ge=1, description="a word seen less often in training is unknown")

    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """Count the words of `texts`, the training split.

        The vocabulary: words seen `minimum_count` times; rarer ones that are among `file_words` (of a
        file of vectors, in its order of frequency), since these come with a meaning; and the first
        `extra_words` of the file.
        """
        if self.lowercase:  # no text holds a word of a file that tells cases apart
            file_words = [word.lower() for word in file_words]
        words = self._count(texts, self.minimum_count)
        rare = self._count(texts, 1)[len(words) :] if file_words else []
        known = set(file_words)
        words += [word for word in rare if word in known]
        vocabulary = {PAD: 0, UNKNOWN: 1}
        for word in [*words, *file_words[:extra_words]]:
            vocabulary.setdefault(word, len(vocabulary))
        backend = self._empty()
        backend.model = models.WordLevel(vocabulary, unk_token=UNKNOWN)
        return self.finish_trained(backend, "words")

    def _count(self, texts: Sequence[str], minimum_count: int) -> list[str]:
        """Words seen at least `minimum_count` times, the most frequent first, `vocabulary_size` at most."""
        settings = {"vocab_size": self.vocabulary_size, "min_frequency": minimum_count}
        counted = train_once(self._empty(), "WordLevelTrainer", settings, texts).get_vocab()
        return sorted(counted, key=counted.__getitem__)

    def _empty(self) -> Tokenizer:
        backend = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        self.split_words(backend)
        return backend
