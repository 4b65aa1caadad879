"""Token ids to vectors, with the four dropouts of words and vectors; from a table, or from a pretrained encoder."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .configuration import StackedLSTMConfig
from .dropout import SequenceDropout, drop_words, row_mask, type_mask
from .encoder import PretrainedEncoder
from .readout import MixReadout


class VectorDropouts(nn.Module):
    """Type dropout, embedding dropout, input dropout, in this order; and the rate of word dropout, which comes first."""

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__()
        self.vocabulary = config.vocab_size
        self.word_dropout, self.type_dropout, self.embedding_dropout = (
            config.effective(name) for name in ("word_dropout", "type_dropout", "embedding_dropout")
        )
        self.input_dropout = SequenceDropout(config.effective("input_dropout"))

    def drop(self, vectors: Tensor, input_ids: Tensor) -> Tensor:
        """[B, T, E] of the tokens [B, T] -> [B, T, E]."""
        if self.training and self.type_dropout:
            vectors = vectors * type_mask(input_ids, self.type_dropout, self.vocabulary, vectors)
        if self.training and self.embedding_dropout:
            vectors = vectors * row_mask(input_ids, self.embedding_dropout, self.vocabulary, vectors)
        dropped: Tensor = self.input_dropout(vectors)
        return dropped


class TokenEmbedding(VectorDropouts):
    """A table of vectors. Word dropout makes tokens unknown.

    learned: a parameter only while the first rows alone are trained (`learn_first`): a view of them, so that gradient, its norm and
    the optimizer's state are as large as what is learned. It is never saved: the table has the same numbers.
    """

    learned: nn.Parameter | None

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__(config)
        self.table = nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)
        self.unknown_id = config.unk_token_id
        self.register_parameter("learned", None)

    def learn_first(self, rows: int) -> None:
        """Train the first `rows` of the table alone, until `learn_all`; the training texts hold no id beyond them."""
        self.table.weight.requires_grad_(False)
        self.learned = nn.Parameter(self.table.weight.data[:rows])

    def learn_all(self) -> None:
        """The table is one trained parameter again."""
        self.learned = None
        self.table.weight.requires_grad_(True)

    def forward(self, input_ids: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """[B, T] and mask [B, T] -> [B, T, E]. Raises `ValueError` for `features`, which only an encoder makes."""
        if features is not None:
            raise ValueError("features are states of an encoder, and this network has none. Leave them out.")
        if self.training and self.word_dropout and self.unknown_id is not None:
            input_ids = drop_words(input_ids, mask, self.word_dropout, self.unknown_id)
        if self.training and self.learned is not None:
            vectors = functional.embedding(input_ids, self.learned, self.table.padding_idx)
        else:
            vectors = self.table(input_ids)
        return self.drop(vectors, input_ids)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination.pop(f"{prefix}learned", None)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        learned, self.learned = self.learned, None  # loading fills the table, which it is a view of
        super()._load_from_state_dict(state_dict, prefix, *others)
        self.learned = learned


class EncoderEmbedding(VectorDropouts):
    """A pretrained encoder: its last layer's states, or a learned mix of all its layers (Peters et al. 2018).

    Word dropout makes a position's vector zero, whether the encoder is trained or not: what the encoder itself reads
    stays whole, so that states that were computed beforehand serve as well.
    """

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__(config)
        assert config.encoder is not None
        self.encoder = PretrainedEncoder(config.encoder)
        if self.encoder.size != config.embedding_size:
            raise ValueError(f"embedding_size={config.embedding_size} is not the encoder's {self.encoder.size}.")
        self.mix = MixReadout(self.encoder.size, self.encoder.layers + 1) if self.encoder.features == "mix" else None

    def forward(self, input_ids: Tensor, mask: Tensor, features: Tensor | None = None) -> Tensor:
        """[B, T] and mask [B, T] -> [B, T, E]; `features` are what the encoder would give, and then it does not run."""
        states = self.encoder(input_ids, mask) if features is None else features
        states = states.to(next(self.encoder.parameters()).dtype)
        vectors = states if self.mix is None else self.mix(states.unbind(dim=2))
        if self.training and self.word_dropout:
            dropped = drop_words(torch.zeros_like(input_ids), mask, self.word_dropout, 1).bool()
            vectors = vectors.masked_fill(dropped.unsqueeze(-1), 0.0)
        return self.drop(vectors, input_ids)


def make_embedding(config: StackedLSTMConfig) -> TokenEmbedding | EncoderEmbedding:
    """The module for the configuration."""
    return TokenEmbedding(config) if config.encoder is None else EncoderEmbedding(config)
