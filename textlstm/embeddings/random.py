"""No vectors: the model's own random initialisation."""

from collections.abc import Sequence

from pydantic import Field

from textlstm.embeddings.source import EmbeddingSource, EmbeddingTable
from textlstm.embeddings.vocabulary import Vocabulary


class RandomEmbedding(EmbeddingSource):
    """Vectors start at random (with `trainable=false` they stay so)."""

    embedding_size: int = Field(100, ge=1, description="width of the vectors")

    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """Only the size is chosen here."""
        return EmbeddingTable(self.embedding_size)
