"""The dropouts outside of the recurrence. All are the identity in evaluation and at a rate of zero.

Variational dropout: Gal and Ghahramani 2016, "A Theoretically Grounded Application of Dropout in
Recurrent Neural Networks"; embedding dropout and weight drop: Merity et al. 2018, "Regularizing and
Optimizing LSTM Language Models"; word dropout: Iyyer et al. 2015, Dai and Le 2015.
"""

import torch
from torch import Tensor, nn


class SequenceDropout(nn.Module):
    """Zero a share `p` of the units and rescale the rest: [B, T, N] -> [B, T, N].

    kind: `variational` draws one mask a sequence, the same at every step; `elementwise` a new one
    at each step.
    """

    def __init__(self, p: float, kind: str = "variational") -> None:
        super().__init__()
        self.p, self.kind = p, kind

    def forward(self, states: Tensor) -> Tensor:
        """Draw new masks for every sequence of the batch."""
        if not self.training or self.p == 0:
            return states
        steps = 1 if self.kind == "variational" else states.size(1)
        return states * draw_mask((states.size(0), steps, states.size(2)), self.p, states)

    def extra_repr(self) -> str:
        """Show the rate when printed."""
        return f"p={self.p}, kind={self.kind}"


def draw_mask(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """Zeros with probability `p`, and 1 / (1 - p) elsewhere."""
    return (torch.rand(shape, device=like.device) >= p).to(like.dtype) / (1 - p)


def drop_words(input_ids: Tensor, mask: Tensor, p: float, unknown_id: int) -> Tensor:
    """Make each real token unknown with probability `p`, but never all of a text: [B, T] -> [B, T]."""
    dropped = (torch.rand(input_ids.shape, device=input_ids.device) < p) & mask
    everything = dropped.sum(dim=1) == mask.sum(dim=1)
    # One token, at a random place, stays in a text that would lose all.
    scores = torch.rand(input_ids.shape, device=input_ids.device).masked_fill(~mask, -1)
    kept = torch.zeros_like(dropped).scatter(1, scores.argmax(dim=1, keepdim=True), True)
    return input_ids.masked_fill(dropped & ~(kept & everything.unsqueeze(1)), unknown_id)


def type_mask(input_ids: Tensor, p: float, vocabulary: int, like: Tensor) -> Tensor:
    """[B, T, 1]: zero at all positions of a share `p` of each sequence's word types, rescaled elsewhere."""
    masks = draw_mask((input_ids.size(0), vocabulary), p, like)
    return masks.gather(1, input_ids).unsqueeze(-1)


def row_mask(input_ids: Tensor, p: float, vocabulary: int, like: Tensor) -> Tensor:
    """[B, T, 1]: zero wherever a share `p` of the table's rows stand, the same for the whole batch."""
    return draw_mask((vocabulary,), p, like)[input_ids].unsqueeze(-1)
