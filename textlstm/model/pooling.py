"""From the states of a text to one vector. No pooling sees padding.

Each class takes states [B, T, N], mask [B, T] and lengths [B], and gives [B, `output_size`]. A text
of no tokens gives zeros.
"""

import torch
from torch import Tensor, nn


class Pooling(nn.Module):
    """What all poolings share: states of `size` units in, vectors of `output_size` units out."""

    def __init__(self, size: int, directions: int) -> None:
        super().__init__()
        self.output_size = size
        self.directions = directions


class LastPooling(Pooling):
    """The state in which each direction has read the whole text: its last token, or its first."""

    def forward(self, states: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """The forward half at the text's end, the reverse half at its beginning."""
        rows = torch.arange(states.size(0), device=states.device)
        ends = states[rows, (lengths - 1).clamp(min=0)]
        if self.directions == 2:
            half = states.size(-1) // 2
            ends = torch.cat([ends[:, :half], states[:, 0, half:]], dim=-1)
        return torch.where(lengths.unsqueeze(-1) > 0, ends, 0.0)


class MeanPooling(Pooling):
    """The mean over the text's tokens."""

    def forward(self, states: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """Sum of real tokens over their number."""
        total = torch.where(mask.unsqueeze(-1), states, 0.0).sum(dim=1)
        return total / lengths.clamp(min=1).unsqueeze(-1).to(states.dtype)


class MaxPooling(Pooling):
    """The largest value of each unit over the text (Collobert and Weston 2008)."""

    def forward(self, states: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """Padding counts as minus infinity, not as zero."""
        largest = states.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(dim=1)
        return torch.where(lengths.unsqueeze(-1) > 0, largest, 0.0)


class AttentionPooling(Pooling):
    """A weighted mean with learned weights (Yang et al. 2016, "Hierarchical Attention Networks")."""

    def __init__(self, size: int, directions: int) -> None:
        super().__init__(size, directions)
        self.projection = nn.Linear(size, size)
        self.query = nn.Linear(size, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """softmax(q . tanh(W h + b)) over real tokens."""
        states = torch.where(mask.unsqueeze(-1), states, 0.0)
        scores: Tensor = self.query(torch.tanh(self.projection(states))).squeeze(-1)
        # The lowest finite number, not minus infinity: a text of no tokens would give NaN.
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
        pooled: Tensor = ((weights * mask).unsqueeze(-1) * states).sum(dim=1)
        return pooled


class ConcatPooling(Pooling):
    """Last, max and mean side by side (Howard and Ruder 2018, "ULMFiT")."""

    def __init__(self, size: int, directions: int) -> None:
        super().__init__(size, directions)
        self.output_size = 3 * size
        self.parts = nn.ModuleList(kind(size, directions) for kind in (LastPooling, MaxPooling, MeanPooling))

    def forward(self, states: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        """All three, concatenated."""
        return torch.cat([part(states, mask, lengths) for part in self.parts], dim=-1)


POOLINGS: dict[str, type[Pooling]] = {
    "last": LastPooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
    "concat": ConcatPooling,
}
"""Value of `model.pooling` -> class."""
