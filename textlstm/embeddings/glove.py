"""Word vectors from a file in GloVe's text format: a word and its numbers on each line.

Pennington, Socher and Manning 2014. Plain, `.gz` or `.zip`; a first line with two numbers (word2vec's
text format) is skipped. The words of such files stand in order of frequency.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, cast

import numpy as np
from pydantic import Field

from textlstm.embeddings.source import EmbeddingSource, EmbeddingTable, SourceWords
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError


class GloveEmbedding(EmbeddingSource):
    """Vectors of a file; the embedding size follows it."""

    path: str | None = Field(None, description="file of vectors: plain text, .gz or .zip")
    extra_words: int = Field(20_000, ge=0, description="most frequent words of the file that join the training words")

    def words(self) -> SourceWords:
        """All words of the file, in its order: no text is looked at for them."""
        with open_vectors(self.path) as lines:
            return SourceWords([word for word, _ in lines], self.extra_words)

    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """Vectors of the words that the file has; the others are drawn with the same spread."""
        row_of = {word: row for row, word in enumerate(vocabulary.tokens)}
        found: dict[int, np.ndarray] = {}
        size = 0
        with open_vectors(self.path) as lines:
            for word, numbers in lines:
                size = size or len(numbers)
                row = row_of.get(word)
                if row is not None and row not in found:
                    found[row] = self._parse(word, numbers)
        covered = np.zeros(len(vocabulary), bool)
        covered[list(found)] = True
        spread = float(np.std(list(found.values()))) if found else 0.4
        vectors = np.random.default_rng(0).normal(0, spread, (len(vocabulary), size)).astype(np.float32)
        for row, vector in found.items():
            vectors[row] = vector
        return EmbeddingTable(size, vectors, covered)

    def _parse(self, word: str, numbers: list[str]) -> np.ndarray:
        message = f"{self.path}: the vector of '{word}' is not made of numbers.\nGive a file in GloVe's text format."
        try:
            vector = np.array(numbers, dtype=np.float32)
        except ValueError as error:
            raise UserError(message) from error
        if not np.isfinite(vector).all():
            raise UserError(message)
        return vector


@contextmanager
def open_vectors(path: str | None) -> Iterator[Iterator[tuple[str, list[str]]]]:
    """The (word, numbers as text) of each line; raise `UserError` for what is no such file."""
    if not path:
        raise UserError(
            "embedding=glove needs a file.\nGive it: embedding.path=glove.6B.100d.txt (plain, .gz or .zip)."
        )
    if not Path(path).is_file():
        raise UserError(f"embedding.path={path} is not a file.\nThe current folder is {Path.cwd()}.")
    try:
        with _open(path) as file:
            yield _split_lines(path, (line.decode("utf-8", "replace").rstrip() for line in file))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"embedding.path={path} cannot be read: {error}.\nIs the file of vectors complete?") from error


@contextmanager
def _open(path: str) -> Iterator[IO[bytes]]:
    if path.endswith(".gz"):
        with gzip.open(path) as file:
            yield cast(IO[bytes], file)
    elif path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            if not archive.namelist():
                raise zipfile.BadZipFile("the archive is empty")
            with archive.open(archive.namelist()[0]) as member:
                yield member
    else:
        with open(path, "rb") as file:
            yield file


def _split_lines(path: str, lines: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    first = next(lines, "")
    if len(first.split(" ")) == 2:
        first = next(lines, "")  # word2vec's text format starts with its own size
    size = len(first.split(" ")) - 1
    if size < 2:
        raise UserError(
            f"embedding.path={path} holds no vectors: a line reads '{first[:60]}'.\nGive a file in GloVe's text format."
        )
    for number, line in enumerate(chain([first], lines), start=1):
        # From the right: some tokens of GloVe 840B hold spaces.
        word, *numbers = line.rsplit(" ", size)
        if len(numbers) != size:
            raise UserError(
                f"{path}: row {number} has {len(numbers)} numbers, the first has {size}.\nIs the file complete?"
            )
        yield word, numbers
