"""What a network costs before it is trained: parameters, and operations for a text.

Operations are the multiplications and additions of all matrix products forward, as
`torch.utils.flop_counter` counts them; what acts on single numbers (gates' functions, dropout) is
left out, and so is the lookup of token vectors, which multiplies nothing.
"""

import torch

from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification


def build_on_meta(config: StackedLSTMConfig) -> StackedLSTMForSequenceClassification:
    """The network's shapes alone: no memory, no numbers."""
    with torch.device("meta"):
        return StackedLSTMForSequenceClassification(config)


def operations_per_token(model: StackedLSTMForSequenceClassification) -> int:
    """Of the LSTM stack: each of its matrices is applied once to each token."""
    return _operations(model.stack)


def operations_per_text(model: StackedLSTMForSequenceClassification, tokens: float) -> float:
    """Of the whole network for a text of `tokens` tokens: the head, and nothing else, is applied once a text."""
    return tokens * (_operations(model) - _operations(model.embedding) - _operations(model.head)) + _operations(
        model.head
    )


def _operations(module: torch.nn.Module) -> int:
    # A multiplication and an addition count as two.
    return sum(2 * weight.numel() for weight in module.parameters() if weight.dim() == 2)
