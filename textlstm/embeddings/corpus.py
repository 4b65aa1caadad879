"""Word vectors from the training texts themselves: positive PMI and a truncated SVD.

Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity with Lessons Learned from Word
Embeddings": pairs of words within a window, weighted by 1 / distance; context counts to the power
0.75; positive pointwise mutual information; the left singular vectors, weighted by the square root
of the singular values. It needs no download and a few seconds.
"""

from collections.abc import Collection, Sequence

import numpy as np
from pydantic import Field
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.utils.extmath import randomized_svd

from textlstm.embeddings.source import EmbeddingSource, EmbeddingTable
from textlstm.embeddings.vocabulary import Vocabulary


class CorpusEmbedding(EmbeddingSource):
    """PMI-SVD vectors of the training split alone."""

    embedding_size: int = Field(200, ge=1, description="width of the vectors")
    window: int = Field(8, ge=1, description="tokens to either side that count as context")
    context_power: float = Field(
        0.75, gt=0, le=1, description="exponent of the context counts; below 1 it tames rare contexts"
    )
    scale: float = Field(0.4, gt=0, description="standard deviation of the vectors' entries")

    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """Count, weigh, factorise. The sign and the order of the dimensions carry no meaning."""
        size = len(vocabulary)
        ppmi = positive_pmi(count_pairs(train_ids, size, self.window, vocabulary.special), self.context_power)
        vectors = np.zeros((size, self.embedding_size), np.float32)
        covered = np.asarray(ppmi.sum(axis=1)).ravel() > 0
        rank = min(self.embedding_size, int(covered.sum()) - 1)
        if rank < 1:
            return EmbeddingTable(self.embedding_size)
        left, singular, _ = randomized_svd(ppmi, n_components=rank, n_iter=4, random_state=0)
        found = left * np.sqrt(singular)
        vectors[:, :rank] = found * (self.scale / found[covered].std())
        return EmbeddingTable(self.embedding_size, vectors, covered)


def count_pairs(
    train_ids: Sequence[Sequence[int]], size: int, window: int, special: Collection[int] = (0, 1)
) -> csr_matrix:
    """Symmetric counts [V, V] of words near each other in a text, each pair worth 1 / distance.

    Special tokens, such as the unknown one, take their place in the distance but are not counted.
    """
    lengths = np.array([len(ids) for ids in train_ids])
    ids = np.concatenate([np.asarray(text, dtype=np.int32) for text in train_ids])
    text_of = np.repeat(np.arange(len(lengths)), lengths)
    counted = np.ones(size, bool)
    counted[list(special)] = False
    counts = csr_matrix((size, size), dtype=np.float32)
    for distance in range(1, window + 1):
        left, right = ids[:-distance], ids[distance:]
        kept = (text_of[:-distance] == text_of[distance:]) & counted[left] & counted[right]
        weights = np.full(int(kept.sum()), 1 / distance, np.float32)
        counts += coo_matrix((weights, (left[kept], right[kept])), shape=(size, size)).tocsr()
    return (counts + counts.T).tocsr()


def positive_pmi(counts: csr_matrix, context_power: float) -> csr_matrix:
    """max(0, log P(w, c) / (P(w) P'(c))) with P'(c) from counts to the power `context_power`."""
    pairs = counts.tocoo()
    words = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    contexts = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() ** context_power
    with np.errstate(divide="ignore"):
        pmi = np.log(pairs.data * contexts.sum()) - np.log(words[pairs.row]) - np.log(contexts[pairs.col])
    kept = pmi > 0
    return csr_matrix((pmi[kept].astype(np.float32), (pairs.row[kept], pairs.col[kept])), shape=counts.shape)
