"""Which layers' states are pooled: the top one, all side by side, or a learned mix.

mix: gamma * sum over layers of softmax(w)_l h_l (Peters et al. 2018, "ELMo"), starting as their mean.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Readout(nn.Module):
    """What all readouts share: states of every layer in, states of `output_size` units out."""

    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size


class TopReadout(Readout):
    """The states of the last layer."""

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """[B, T, D*H] of the top."""
        return states[-1]


class AllReadout(Readout):
    """The states of all layers, each direction's halves kept together, so that poolings find them."""

    def __init__(self, output_size: int, directions: int) -> None:
        super().__init__(output_size)
        self.directions = directions

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """[B, T, sum of D*H]: first every layer's forward half, then every layer's reverse half."""
        halves = [state.chunk(self.directions, dim=-1) for state in states]
        return torch.cat([half[direction] for direction in range(self.directions) for half in halves], dim=-1)


class MixReadout(Readout):
    """A learned weighted mean of the layers' states."""

    def __init__(self, output_size: int, layers: int) -> None:
        super().__init__(output_size)
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """Gamma times the weighted sum."""
        weights = self.layer_weights.softmax(dim=0)
        return self.gamma * torch.einsum("l,lbtn->btn", weights, torch.stack(list(states)))


def make_readout(kind: str, sizes: Sequence[int], directions: int) -> Readout:
    """The module for `readout`."""
    if kind == "all":
        return AllReadout(sum(sizes), directions)
    return MixReadout(sizes[-1], len(sizes)) if kind == "mix" else TopReadout(sizes[-1])
