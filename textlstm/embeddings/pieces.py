"""Where tokens are pieces of words: their vectors from those of the words of a file.

The vectors X of the pieces are those whose mean over the pieces of a word comes nearest to the word's own vector:
weighted least squares with a little ridge, min sum_w r_w^-1/2 |mean of X over the pieces of w - v_w|^2, r_w being
the word's rank by frequency. A frequent word that is one piece thereby keeps nearly its own vector. The
alternatives, means over the words that hold a piece, lose on words that were held out: docs/embeddings.md.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, vstack

from textlstm.embeddings.lookup import cases, drawn
from textlstm.embeddings.source import EmbeddingTable
from textlstm.embeddings.vectors import WordVectors
from textlstm.embeddings.vocabulary import Vocabulary

MOST_WORDS = 100_000
"""Words of a file that are looked at, the most frequent ones."""

POWER = 0.5
"""Of the weight 1 / rank^POWER of a word."""

RIDGE = 0.1
"""In units of the mean weight of a word."""

STEPS, TOLERANCE = 50, 1e-4
"""Of the conjugate gradients: at most, and the share of the first residual at which they end."""


def piece_table(source: WordVectors, vocabulary: Vocabulary) -> EmbeddingTable:
    """Vectors [V, E]; covered are pieces that some word of the source is made of, the others are drawn."""
    words = source.words[:MOST_WORDS]
    shares = piece_shares(words, vocabulary)
    as_written = _has(shares, axis=0)
    forms, rows = _other_cases(words, vocabulary)
    more = piece_shares(forms, vocabulary)
    # Forms that the file does not write serve only the pieces that need them.
    needed = _has(more[:, ~as_written], axis=1)
    shares = csr_matrix(vstack([shares, more[needed]]))
    rows = np.concatenate([np.arange(len(words)), rows[needed]])
    covered = _has(shares, axis=0)
    used = _has(shares, axis=1)
    solved = fit_pieces(shares[used], source.take(rows[used]), (rows[used] + 1.0) ** -POWER)[covered]
    vectors = drawn(len(vocabulary), source, solved)
    vectors[covered] = solved
    return EmbeddingTable(source.size, vectors, covered, covered & ~as_written)


def piece_shares(words: Sequence[str], vocabulary: Vocabulary) -> csr_matrix:
    """[N, V], the share of each piece among those of a word; nothing for a word that the pieces cannot write."""
    assert vocabulary.encode is not None
    ids = [pieces if vocabulary.special.isdisjoint(pieces) else [] for pieces in vocabulary.encode(words)]
    lengths = np.array([len(pieces) for pieces in ids], np.int64)
    rows = np.repeat(np.arange(len(ids)), lengths)
    columns = np.fromiter((piece for pieces in ids for piece in pieces), np.int64, int(lengths.sum()))
    values = 1 / lengths[rows]
    return csr_matrix((values, (rows, columns)), shape=(len(ids), len(vocabulary)))  # equal places add up


def fit_pieces(shares: csr_matrix, vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """X [V, E] that minimises sum_n w_n |shares_n X - vectors_n|^2 + ridge |X|^2, w being `weights` with mean 1."""
    if not len(vectors):
        return np.zeros((shares.shape[1], vectors.shape[1]), np.float32)
    weighted = shares.multiply((weights / weights.mean())[:, None]).tocsr()
    normal = (shares.T @ weighted).tocsr()
    return _conjugate_gradients(normal, weighted.T @ vectors.astype(np.float64)).astype(np.float32)


def _conjugate_gradients(normal: csr_matrix, right: np.ndarray) -> np.ndarray:
    """X with (normal + ridge) X = right, all columns at once; scipy's takes one at a time."""
    solution, residual = np.zeros_like(right), right
    direction, first = residual, np.square(right).sum(axis=0)
    square = first
    for _ in range(STEPS):
        if (square <= TOLERANCE**2 * first).all():
            break
        moved = normal @ direction + RIDGE * direction
        step = square / np.maximum((direction * moved).sum(axis=0), np.finfo(float).tiny)
        solution, residual = solution + step * direction, residual - step * moved
        before, square = square, np.square(residual).sum(axis=0)
        direction = residual + square / np.maximum(before, np.finfo(float).tiny) * direction
    return solution


def _other_cases(words: Sequence[str], vocabulary: Vocabulary) -> tuple[list[str], np.ndarray]:
    """Other forms of the words, where the pieces tell cases apart, and the row of each form's word."""
    pieces = (token for number, token in enumerate(vocabulary.tokens) if number not in vocabulary.special)
    if all(piece == piece.lower() for piece in pieces):
        return [], np.zeros(0, np.int64)
    known = set(words)
    forms = [(form, row) for row, word in enumerate(words) for form in cases(word)[1:] if form not in known]
    return [form for form, _ in forms], np.array([row for _, row in forms], np.int64)


def _has(shares: csr_matrix, *, axis: int) -> np.ndarray:
    return np.asarray(shares.sum(axis=axis)).ravel() > 0
