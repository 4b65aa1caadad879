"""Characters as tokens: each code point is one, and a run of white space is one space."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, field_validator
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from textlstm.data.tokenizers.cache import train_once
from textlstm.data.tokenizers.trained import UNKNOWN, TrainedTokenizer


class CharactersTokenizer(TrainedTokenizer):
    """A small vocabulary and long texts; the characters come from the training split alone."""

    name: Literal["characters"] = Field("characters", description="name of the tokenizer")
    vocabulary_size: int = Field(
        1_000, ge=3, description="most characters taken from the training texts, the most frequent first"
    )
    minimum_count: int = Field(2, ge=1, description="a character seen less often in training is unknown")
    max_length: int = Field(1_000, ge=1, description="characters of a text that are read; the rest is cut off")
    digits: Literal["keep", "zero"] = Field("keep", description="keep: as written; zero: every digit becomes 0")

    @field_validator("digits", mode="before")
    @classmethod
    def _check_digits(cls, value: Any) -> Any:
        if value == "split":
            raise ValueError(
                "tokenizer.digits=split has no effect with tokenizer=characters: each digit is a token already."
            )
        return value

    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """Count the characters of `texts`, the training split."""
        backend = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        backend.normalizer = self.normalizer(normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip())
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
        settings = self.trainer_settings(min_frequency=self.minimum_count)
        return self.finish_trained(train_once(backend, "WordLevelTrainer", settings, texts), "characters")
