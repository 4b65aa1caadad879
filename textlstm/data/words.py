"""The word tokenizer: lower case, Penn-Treebank-like contractions, punctuation marks as words.

"don't" becomes "do n't" and "it's" becomes "it 's", as in the vocabularies of GloVe and in the
Stanford Sentiment Treebank, so that raw and pre-tokenized texts meet the same vectors.
"""

from collections.abc import Iterable, Sequence

from pydantic import Field
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from textlstm.section import Section

PAD, UNKNOWN = "<pad>", "<unk>"
WORD = r"\w+(?=n['’]t\b)|n['’]t\b|['’](?:s|m|d|ll|re|ve)\b|\w+|[^\w\s]"


class WordsTokenizer(Section):
    """Words as tokens; the vocabulary comes from the training split alone."""

    vocabulary_size: int = Field(
        30_000, ge=3, description="most words taken from the training texts, the most frequent first"
    )
    minimum_count: int = Field(2, ge=1, description="a word seen less often in training is unknown")
    lowercase: bool = Field(True, description="fold upper and lower case")
    max_length: int = Field(256, ge=1, description="tokens of a text that are read; the rest is cut off")

    def train(self, texts: Iterable[str], extra_words: Sequence[str] = ()) -> PreTrainedTokenizerFast:
        """Count the words of `texts`; `extra_words` (of a file of vectors) follow the training words."""
        tokenizer = self._empty()
        trainer = trainers.WordLevelTrainer(
            vocab_size=self.vocabulary_size,
            min_frequency=self.minimum_count,
            special_tokens=[PAD, UNKNOWN],
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        vocabulary = tokenizer.get_vocab()
        for word in extra_words:
            vocabulary.setdefault(word, len(vocabulary))
        tokenizer.model = models.WordLevel(vocabulary, unk_token=UNKNOWN)
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token=PAD,
            unk_token=UNKNOWN,
            model_max_length=self.max_length,
            model_input_names=["input_ids", "attention_mask"],
            clean_up_tokenization_spaces=False,
        )

    def _empty(self) -> Tokenizer:
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        steps = [normalizers.NFKC()] + ([normalizers.Lowercase()] if self.lowercase else [])
        tokenizer.normalizer = normalizers.Sequence(steps)
        # Everything between the matches is white space: inverted, the matches are what is kept.
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
        return tokenizer
