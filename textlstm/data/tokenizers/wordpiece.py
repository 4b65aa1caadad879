"""WordPiece: pieces joined by frequency, and each word taken apart from the left, the longest piece first.

Wu et al. 2016, "Google's Neural Machine Translation System"; BERT's tokenizer. Pieces that go on a word start with ##.
A word with a character that training has not seen is one unknown token. Training is not deterministic from process to
process: the cache (`textlstm.data.tokenizers.cache`) and the checkpoint keep what was trained.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from textlstm.data.tokenizers.cache import train_once
from textlstm.data.tokenizers.trained import UNKNOWN, WordSplittingTokenizer


class WordPieceTokenizer(WordSplittingTokenizer):
    """Pieces of words, as BERT takes them apart."""

    name: Literal["wordpiece"] = Field("wordpiece", description="name of the tokenizer")
    vocabulary_size: int = Field(8_000, ge=3, description="most pieces of the vocabulary, single characters included")
    minimum_count: int = Field(2, ge=1, description="a pair of pieces seen less often in training is not joined")

    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """Join the pairs of `texts`, the training split."""
        backend = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        self.split_words(backend)
        backend.decoder = decoders.WordPiece()
        settings = self.trainer_settings(
            min_frequency=self.minimum_count,
            # Each may stand in the vocabulary twice, with ## and without, which the trainer does not count.
            limit_alphabet=self.vocabulary_size // 2,
        )
        return self.finish_trained(train_once(backend, "WordPieceTrainer", settings, texts), "pieces")
