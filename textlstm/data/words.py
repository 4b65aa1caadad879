"""The word tokenizer: lower case, Penn-Treebank-like contractions, punctuation marks as words.

"don't" becomes "do n't" and "it's" becomes "it 's", as in the vocabularies of GloVe and in the
Stanford Sentiment Treebank, so that raw and pre-tokenized texts meet the same vectors.
"""

from collections.abc import Sequence

from pydantic import Field
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from textlstm.section import Section

PAD, UNKNOWN = "<pad>", "<unk>"
WORD = r"(?i)\w+(?=n't\b)|n't\b|'(?:s|m|d|ll|re|ve)\b|\w+|[^\w\s]"


class WordsTokenizer(Section):
    """Words as tokens; the vocabulary comes from the training split alone."""

    vocabulary_size: int = Field(
        30_000, ge=3, description="most words taken from the training texts, the most frequent first"
    )
    minimum_count: int = Field(2, ge=1, description="a word seen less often in training is unknown")
    lowercase: bool = Field(True, description="fold upper and lower case")
    max_length: int = Field(400, ge=1, description="tokens of a text that are read; the rest is cut off")

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
        tokenizer = self._empty()
        tokenizer.model = models.WordLevel(vocabulary, unk_token=UNKNOWN)
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token=PAD,
            unk_token=UNKNOWN,
            model_max_length=self.max_length,
            model_input_names=["input_ids", "attention_mask"],
            clean_up_tokenization_spaces=False,
        )

    def _count(self, texts: Sequence[str], minimum_count: int) -> list[str]:
        """Words seen at least `minimum_count` times, the most frequent first, `vocabulary_size` at most."""
        tokenizer = self._empty()
        tokenizer.train_from_iterator(
            texts,
            trainers.WordLevelTrainer(
                vocab_size=self.vocabulary_size, min_frequency=minimum_count, show_progress=False
            ),
        )
        counted = tokenizer.get_vocab()
        return sorted(counted, key=counted.__getitem__)

    def _empty(self) -> Tokenizer:
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
        # Vector files and treebanks write the straight apostrophe.
        steps = [normalizers.NFKC(), normalizers.Replace("’", "'")] + (
            [normalizers.Lowercase()] if self.lowercase else []
        )
        tokenizer.normalizer = normalizers.Sequence(steps)
        # Everything between the matches is white space: inverted, the matches are what is kept.
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
        return tokenizer
