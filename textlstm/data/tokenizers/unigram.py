"""The unigram language model: from many candidate pieces those are kept without which the texts become least likely.

Kudo 2018, "Subword Regularization"; SentencePiece's tokenizer. The first piece of a word starts with ▁. A character
that training has not seen is an unknown token. Training is not deterministic from process to process: the cache
(`textlstm.data.tokenizers.cache`) and the checkpoint keep what was trained.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from textlstm.data.tokenizers.cache import train_once
from textlstm.data.tokenizers.trained import UNKNOWN, WordSplittingTokenizer
from textlstm.errors import UserError


class UnigramTokenizer(WordSplittingTokenizer):
    """Pieces of words, of the likeliest division. Its trainer knows no minimum count."""

    name: Literal["unigram"] = Field("unigram", description="name of the tokenizer")
    vocabulary_size: int = Field(8_000, ge=3, description="most pieces of the vocabulary, single characters included")

    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """Fit the model to `texts`, the training split; raise `UserError` where not even their characters have room."""
        backend = Tokenizer(models.Unigram())
        self.split_words(backend, pre_tokenizers.Metaspace(prepend_scheme="always", split=False))
        backend.decoder = decoders.Metaspace(prepend_scheme="always")
        try:
            trained = train_once(backend, "UnigramTrainer", self.trainer_settings(unk_token=UNKNOWN), texts)
        except Exception as error:  # the library raises no class of its own
            raise UserError(
                f"tokenizer.vocabulary_size={self.vocabulary_size} cannot be trained with tokenizer=unigram: {error}.\n"
                "Give a larger one, or choose tokenizer=bpe."
            ) from error
        return self.finish_trained(trained, "pieces")
