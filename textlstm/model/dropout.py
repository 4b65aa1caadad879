"""Variational ("locked") dropout: one mask a sequence, the same at every time step.

Gal and Ghahramani 2016, "A Theoretically Grounded Application of Dropout in Recurrent Neural
Networks".
"""

import torch
from torch import Tensor, nn


class VariationalDropout(nn.Module):
    """Zero a share `p` of the units of each sequence for all its time steps, and rescale the rest.

    [B, T, N] -> [B, T, N]; the identity in evaluation and at p = 0.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, states: Tensor) -> Tensor:
        """Draw a new mask for every sequence of the batch."""
        if not self.training or self.p == 0:
            return states
        kept = torch.rand(states.size(0), 1, states.size(2), device=states.device) >= self.p
        return states * (kept / (1 - self.p)).to(states.dtype)

    def extra_repr(self) -> str:
        """Show the rate when printed."""
        return f"p={self.p}"
