"""The words and vectors of one source, looked up by row."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Block = tuple[list[str], np.ndarray]
"""n words, and their vectors as float32 [n, E]."""

Blocks = Iterator[Block]


@dataclass(frozen=True)
class WordVectors:
    """W words, the most frequent first and each once, with their vectors.

    matrix: float32 [W, E], as a rule mapped from a file: rows that nobody asks for are never read.
    """

    words: list[str]
    matrix: np.ndarray

    @property
    def size(self) -> int:
        """E, the width of the vectors."""
        return int(self.matrix.shape[1])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of `rows`, float32 [n, E]."""
        return np.asarray(self.matrix[rows], dtype=np.float32)

    def compose(self, word: str) -> np.ndarray | None:
        """A vector [E] for a word that is not there, from its parts; None where that cannot be done."""
        return None
