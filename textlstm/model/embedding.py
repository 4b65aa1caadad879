"""Token ids to vectors, with the four dropouts of words and vectors."""

from torch import Tensor, nn

from .configuration import StackedLSTMConfig
from .dropout import SequenceDropout, drop_words, row_mask, type_mask


class TokenEmbedding(nn.Module):
    """Word dropout, the table, type dropout, embedding dropout, input dropout: in this order."""

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__()
        self.table = nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)
        self.unknown_id = config.unk_token_id
        self.word_dropout, self.type_dropout, self.embedding_dropout = (
            config.effective(name) for name in ("word_dropout", "type_dropout", "embedding_dropout")
        )
        self.input_dropout = SequenceDropout(config.effective("input_dropout"))

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """[B, T] and mask [B, T] -> [B, T, E]."""
        if self.training and self.word_dropout and self.unknown_id is not None:
            input_ids = drop_words(input_ids, mask, self.word_dropout, self.unknown_id)
        vectors: Tensor = self.table(input_ids)
        size = self.table.num_embeddings
        if self.training and self.type_dropout:
            vectors = vectors * type_mask(input_ids, self.type_dropout, size, vectors)
        if self.training and self.embedding_dropout:
            vectors = vectors * row_mask(input_ids, self.embedding_dropout, size, vectors)
        dropped: Tensor = self.input_dropout(vectors)
        return dropped
