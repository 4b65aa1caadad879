"""What every tokenizer has in common: how much of a text is read, and the class of transformers that it becomes."""

from abc import abstractmethod
from collections.abc import Sequence

from pydantic import Field, model_validator
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from textlstm.data.cut import FROM_END, Truncation, count_from_end
from textlstm.section import Section

UNIT = "token_unit"
"""Its name in `tokenizer_config.json`: whether a token is one of the words, characters or pieces."""


class TokenizerSource(Section):
    """Where the tokens of a text come from, and how many of them are read."""

    name: str = Field(description="name of the tokenizer")
    max_length: int = Field(400, ge=1, description="tokens of a text that are read; the rest is cut off")
    truncation: Truncation = Field(
        "head",
        description="which tokens of a longer text are read: the first, the last, or the first half and the last half",
    )

    @model_validator(mode="after")
    def _check_halves(self) -> "TokenizerSource":
        if self.truncation == "head_tail" and self.max_length == 1:
            raise ValueError(
                "tokenizer.truncation=head_tail has no effect with tokenizer.max_length=1: one token has no halves."
            )
        return self

    @abstractmethod
    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """The tokenizer for `texts`, the training split.

        file_words: of a file of vectors, the most frequent first; the first `extra_words` of them are to join the
        vocabulary. Only whole words can: other tokenizers leave both aside, for their tokens make up any word.
        """

    def finish(
        self, backend: Tokenizer, *, unit: str, before: int = 0, behind: int = 0, **special: str | None
    ) -> PreTrainedTokenizerFast:
        """As transformers' class, which a checkpoint keeps; `special` are its special tokens by their names there.

        before, behind: special tokens that `backend` itself puts around a text.
        """
        kept = {
            FROM_END: count_from_end(self.truncation, self.max_length, before, behind),
            UNIT: unit,
        }
        return PreTrainedTokenizerFast(
            tokenizer_object=backend,
            model_max_length=self.max_length,
            model_input_names=["input_ids", "attention_mask"],
            clean_up_tokenization_spaces=False,
            # For transformers' own truncation, which knows of no halves.
            truncation_side="left" if self.truncation == "tail" else "right",
            **kept,
            **special,
        )
