"""Word vectors from a fastText model (`.bin`), which composes unknown words, or from its text (`.vec`).

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information": the vector of a word is the mean of its
own row and of the rows of its character n-grams. What is in a file is seen from its bytes, not from its name.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from textlstm.embeddings.cache import cached_vectors
from textlstm.embeddings.fasttext_model import FastTextModel, is_model, read_model
from textlstm.embeddings.file_source import FileEmbedding
from textlstm.embeddings.given_file import GivenFile
from textlstm.embeddings.text_format import read_text
from textlstm.embeddings.vectors import WordVectors


class FastTextEmbedding(FileEmbedding):
    """Vectors of a file; those of a model know words that the file does not hold."""

    def open(self) -> WordVectors:
        """A model is mapped as it is; text comes from the cache."""
        given = self.given()
        if not is_model(given):
            return cached_vectors(given, "text", read_text)
        about = given.path.stat()
        model = _model(given, about.st_size, about.st_mtime_ns)
        return FastTextVectors(model.words, model.matrix, model)


@dataclass(frozen=True)
class FastTextVectors(WordVectors):
    """matrix: a row for each word, then one for each bucket of n-grams, [W + buckets, E]."""

    model: FastTextModel

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The mean of each word's own row and of those of its n-grams."""
        found = np.empty((len(rows), self.size), np.float32)
        for place, row in enumerate(rows.tolist()):
            found[place] = self._mean([row, *self.model.buckets_of(self.words[row])])
        return found

    def compose(self, word: str) -> np.ndarray | None:
        """The mean of the rows of the word's n-grams; None where it has none."""
        buckets = self.model.buckets_of(word)
        return self._mean(buckets) if buckets else None

    def _mean(self, rows: list[int]) -> np.ndarray:
        return np.asarray(self.matrix[rows].mean(axis=0, dtype=np.float32))


@lru_cache(maxsize=1)
def _model(given: GivenFile, size: int, changed: int) -> FastTextModel:  # noqa: ARG001
    """Read once for the words and once for the vectors would be once too often: two million words take 1.5 s."""
    return read_model(given)
