"""What the tokenizers that are trained here have in common: what is done to a text's characters, and the vocabulary's size.

Training is that of Hugging Face `tokenizers`, on the training split alone, and each vocabulary is trained once
(`textlstm.data.tokenizers.cache`). In every one `<pad>` is 0 and `<unk>` is 1.
"""

from typing import Any, Literal

from pydantic import Field
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from textlstm.data.tokenizers.source import TokenizerSource

PAD, UNKNOWN = "<pad>", "<unk>"

UNICODE: dict[str, list[Any]] = {"nfkc": [normalizers.NFKC()], "nfc": [normalizers.NFC()], "none": []}

WORD = r"(?i)\w+(?=n't\b)|n't\b|'(?:s|m|d|ll|re|ve)\b|\w+|[^\w\s]"
"""A word, a Penn-Treebank-like part of a contraction, or a mark."""


class TrainedTokenizer(TokenizerSource):
    """A vocabulary of the training split."""

    vocabulary_size: int = Field(30_000, ge=3, description="most tokens of the vocabulary, beside <pad> and <unk>")
    lowercase: bool = Field(True, description="fold upper and lower case")
    unicode: Literal["nfkc", "nfc", "none"] = Field(
        "nfkc",
        description="Unicode normalization: nfkc also unites forms of a letter such as full width and ligatures, nfc only composes accents, none changes nothing",
    )
    digits: Literal["keep", "split", "zero"] = Field(
        "keep", description="keep: as written; split: each digit a word of its own; zero: every digit becomes 0"
    )

    def normalizer(self, *more: normalizers.Normalizer) -> normalizers.Normalizer:
        """Unicode, `more`, digits, case: in this order."""
        zero = [normalizers.Replace(Regex(r"\d"), "0")] if self.digits == "zero" else []
        lower = [normalizers.Lowercase()] if self.lowercase else []
        return normalizers.Sequence([*UNICODE[self.unicode], *more, *zero, *lower])

    def trainer_settings(self, **more: Any) -> dict[str, Any]:
        """What every trainer is told."""
        return {"vocab_size": self.vocabulary_size + 2, "special_tokens": [PAD, UNKNOWN]} | more

    def finish_trained(self, backend: Tokenizer, unit: str) -> PreTrainedTokenizerFast:
        """As transformers' class, with the two special tokens."""
        return self.finish(backend, unit=unit, pad_token=PAD, unk_token=UNKNOWN)


class WordSplittingTokenizer(TrainedTokenizer):
    """Splits at white space and around marks first, so that no token reaches over the border of a word.

    "don't" becomes "do n't" and "it's" becomes "it 's", as in the vocabularies of GloVe and in the Stanford Sentiment
    Treebank, so that raw and pre-tokenized texts give the same tokens.
    """

    def split_words(self, backend: Tokenizer, *more: pre_tokenizers.PreTokenizer) -> None:
        """Give `backend` the normalizer, the splitting and, for each word, `more`."""
        # Vector files and treebanks write the straight apostrophe.
        backend.normalizer = self.normalizer(normalizers.Replace("’", "'"))
        # Everything between the matches is white space: inverted, the matches are what is kept.
        words = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
        digits = [pre_tokenizers.Digits(individual_digits=True)] if self.digits == "split" else []
        backend.pre_tokenizer = pre_tokenizers.Sequence([words, *digits, *more])
