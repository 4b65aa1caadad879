"""Activation regularization (AR) and temporal activation regularization (TAR).

Merity, McCann and Socher 2017, "Revisiting Activation Regularization for Language RNNs": alpha times
the mean square of the last layer's dropped states, beta times that of the difference between
consecutive undropped states; the mean is over real tokens (pairs of them) and units.
"""

import torch
from torch import Tensor


def activation_penalty(dropped: Tensor, mask: Tensor) -> Tensor:
    """Mean square of states [B, T, N] over real tokens."""
    return _masked_mean(full_precision(dropped).square(), mask)


def temporal_penalty(undropped: Tensor, mask: Tensor) -> Tensor:
    """Mean square of h[t+1] - h[t] over pairs of real tokens; the units of a direction meet only their own."""
    steps = full_precision(undropped).diff(dim=1)
    return _masked_mean(steps.square(), mask[:, 1:] & mask[:, :-1])


def full_precision(values: Tensor) -> Tensor:
    """Halves as float32, for sums that they could not hold; wider types as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _masked_mean(squares: Tensor, mask: Tensor) -> Tensor:
    total = torch.where(mask.unsqueeze(-1), squares, 0.0).sum()
    return total / (mask.sum() * squares.size(-1)).clamp(min=1)
