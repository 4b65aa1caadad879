"""What a network costs before it is trained: parameters, and operations for a text.

Operations are the multiplications and additions of all matrix products forward, as
`torch.utils.flop_counter` counts them; what acts on single numbers (gates' functions, dropout) is
left out, and so is the lookup of token vectors, which multiplies nothing. A pretrained encoder is counted by itself.
"""

import torch

from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.model.encoder import PretrainedEncoder


def build_on_meta(config: StackedLSTMConfig) -> StackedLSTMForSequenceClassification:
    """The network's shapes alone: no memory, no numbers."""
    with torch.device("meta"):
        return StackedLSTMForSequenceClassification(config)


def operations_per_token(model: StackedLSTMForSequenceClassification) -> int:
    """Of the LSTM stack: each of its matrices is applied once to each token."""
    return _operations(model.stack)


def operations_per_text(model: StackedLSTMForSequenceClassification, tokens: float) -> float:
    """Of the whole network for a text of `tokens` tokens: the head, and nothing else, is applied once a text."""
    every_token = _operations(model) - _operations(model.embedding) - _operations(model.head)
    return tokens * every_token + _operations(model.head) + encoder_operations(model, tokens)


def encoder_operations(model: StackedLSTMForSequenceClassification, tokens: float) -> float:
    """Of a pretrained encoder for a text of `tokens` tokens and its special ones; 0 where there is none.

    Its matrices are applied once to each token, and each layer multiplies each token with each twice: for the shares of
    attention, and for the values that they weigh.
    """
    if model.config.encoder is None:
        return 0.0
    encoder = model.embedding.encoder
    assert isinstance(encoder, PretrainedEncoder)
    read = tokens + len(encoder.before) + len(encoder.behind)
    tables = sum(2 * part.weight.numel() for part in encoder.modules() if isinstance(part, torch.nn.Embedding))
    return read * (_operations(encoder) - tables) + 4 * encoder.layers * encoder.size * read**2


def _operations(module: torch.nn.Module) -> int:
    # A multiplication and an addition count as two.
    return sum(2 * weight.numel() for weight in module.parameters() if weight.dim() == 2)
