"""Where words are tokens: each is looked up as it is written, then in other cases, then composed, else drawn.

The order is: as written, lower, Capitalised, UPPER case; the first that the source has is taken. So a vocabulary
in lower case finds `Paris` in a source that tells cases apart.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from textlstm.embeddings.source import EmbeddingTable
from textlstm.embeddings.vectors import WordVectors
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError

SAMPLE = 1000
"""Words of a source whose spread is taken where none of its words is in the vocabulary."""


def word_table(source: WordVectors, vocabulary: Vocabulary) -> EmbeddingTable:
    """Vectors [V, E]; words that the source has no vector for are drawn with the spread of those it has."""
    rows, other_case = find_rows(vocabulary, source.words)
    covered = rows >= 0
    found = source.take(rows[covered])
    if not np.isfinite(found).all():
        wrong = source.words[rows[covered][np.flatnonzero(~np.isfinite(found).all(axis=1))[0]]]
        raise UserError(f"The vector of '{wrong}' holds numbers that are not finite.\nIs the file of vectors complete?")
    vectors = drawn(len(vocabulary), source, found)
    vectors[covered] = found
    composed = np.zeros(len(vocabulary), bool)
    for row in np.flatnonzero(~covered).tolist():
        vector = None if row in vocabulary.special else source.compose(vocabulary.tokens[row])
        if vector is not None:
            vectors[row], composed[row] = vector, True
    return EmbeddingTable(source.size, vectors, covered, other_case, composed)


def find_rows(vocabulary: Vocabulary, words: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """The place of each token among `words`, int64 [V], -1 where it has none; bool [V]: found in another case."""
    forms = [(token,) if row in vocabulary.special else cases(token) for row, token in enumerate(vocabulary.tokens)]
    wanted = {form for several in forms for form in several}
    place: dict[str, int] = {}
    for number, word in enumerate(words):
        if word in wanted:
            place.setdefault(word, number)
    rows = np.full(len(vocabulary), -1, np.int64)
    other_case = np.zeros(len(vocabulary), bool)
    for row, several in enumerate(forms):
        form = next((form for form in several if form in place), None)
        if form is not None:
            rows[row], other_case[row] = place[form], form != several[0]
    return rows, other_case


def cases(word: str) -> Sequence[str]:
    """The ways to write a word, in the order in which they are looked up."""
    return tuple(dict.fromkeys((word, word.lower(), word.capitalize(), word.upper())))


def drawn(rows: int, source: WordVectors, found: np.ndarray) -> np.ndarray:
    """Vectors [rows, E] with the standard deviation of those in `found`, the same each time."""
    known = found if len(found) else source.take(np.arange(min(SAMPLE, len(source.words))))
    return np.random.default_rng(0).normal(0, float(np.std(known)), (rows, source.size)).astype(np.float32)
