"""The readable recurrence: every equation of every setting, a step at a time.

    a[t] = W_ih x[t] + b_ih + W_hh (m * h[t-1]) + b_hh         gates i, f, g, o
    c~   = sigma(a_f) c[t-1] + sigma(a_i) d(phi(a_g))
    h~   = sigma(a_o) phi(c~)
    c[t] = c~, or c[t-1] where zoneout keeps it;  h[t] likewise from h~

phi is `activation`, sigma `recurrent_activation`. m is the mask of variational recurrent dropout
(Gal and Ghahramani 2016), one a sequence and the same for all four gates ("tied"); d that of
candidate dropout (Semeniuta et al. 2016: "without memory loss", for the cell itself is never dropped).
With layer normalisation (Ba et al. 2016) W_ih x and W_hh h are each normalised over all 4H units, with
gains of their own, before the biases are added, and phi reads the normalised c~. Zoneout (Krueger et al. 2017) makes h~ from the new, un-zoned cell, and in evaluation
takes the expectation.

The input projection is one product for all steps, and steps are unbound, not indexed: each index's
backward would fill a gradient of the full size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "hardtanh": nn.functional.hardtanh,
    "softsign": nn.functional.softsign,
    "elu": nn.functional.elu,
    "gelu": nn.functional.gelu,
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    # Not torch's own: its backward has one sixth in float32 only.
    "hardsigmoid": lambda x: (x + 3).clamp(0, 6) / 6,
}


@dataclass(frozen=True)
class CellSettings:
    """The settings inside the cell, of one layer, with rates as they act."""

    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    layer_norm: bool = False
    recurrent_dropout: float = 0.0
    recurrent_dropout_kind: str = "variational"
    zoneout_cell: float = 0.0
    zoneout_hidden: float = 0.0


class CellNorms(nn.Module):
    """The three layer normalisations of one direction."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        # The projections' biases are b_ih and b_hh: a second one could not be told from them.
        self.input = nn.LayerNorm(4 * hidden_size, bias=False)
        self.state = nn.LayerNorm(4 * hidden_size, bias=False)
        self.cell = nn.LayerNorm(hidden_size)


def reference_recurrence(
    inputs: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
    settings: CellSettings,
    training: bool,
    norms: CellNorms | None = None,
) -> Tensor:
    """[B, T, I] -> hidden states [B, T, H] of one direction, from a zero state; `weights` as in `fused`."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    phi, sigma = ACTIVATIONS[settings.activation], ACTIVATIONS[settings.recurrent_activation]
    batch, hidden = inputs.size(0), weight_hh.size(1)
    projected = inputs @ weight_ih.T
    projected = (norms.input(projected) if norms else projected) + bias_ih
    h = c = projected.new_zeros(batch, hidden)
    shape = (batch, projected.size(1), hidden)
    state_mask, candidate_masks = draw_dropout_masks(settings, training, shape, projected)
    keep_cell, keep_hidden = draw_zoneout(settings, training, shape, projected.device)
    outputs = []
    for step, x in enumerate(projected.unbind(1)):
        state = (h if state_mask is None else h * state_mask) @ weight_hh.T
        gates = x + (norms.state(state) if norms else state) + bias_hh
        i, f, g, o = gates.chunk(4, dim=-1)
        candidate = phi(g)
        if candidate_masks is not None:
            candidate = candidate * candidate_masks[step if len(candidate_masks) > 1 else 0]
        new_c = sigma(f) * c + sigma(i) * candidate
        new_h = sigma(o) * phi(norms.cell(new_c) if norms else new_c)
        c = _zoneout(c, new_c, settings.zoneout_cell, None if keep_cell is None else keep_cell[step])
        h = _zoneout(h, new_h, settings.zoneout_hidden, None if keep_hidden is None else keep_hidden[step])
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def draw_dropout_masks(
    settings: CellSettings, training: bool, shape: tuple[int, int, int], like: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Mask of h[t-1] [B, H], and masks of the candidate, [1, B, H] for all steps or [T, B, H]; `shape` is B, T, H."""
    rate = settings.recurrent_dropout
    if not training or rate == 0:
        return None, None
    batch, time, hidden = shape
    kind = settings.recurrent_dropout_kind
    count = time if kind == "candidate_elementwise" else 1
    masks = (torch.rand(count, batch, hidden, device=like.device) >= rate).to(like.dtype) / (1 - rate)
    return (masks[0], None) if kind == "variational" else (None, masks)


def draw_zoneout(
    settings: CellSettings, training: bool, shape: tuple[int, int, int], device: torch.device
) -> tuple[Tensor | None, Tensor | None]:
    """Where cell and hidden state stay as they were, bool [T, B, H] each; None where they never do, and in evaluation."""
    rates = [rate for rate in (settings.zoneout_cell, settings.zoneout_hidden) if rate]
    if not training or not rates:
        return None, None
    batch, time, hidden = shape
    # Drawn in float32: a half has 256 values in [0, 1), too coarse for small rates.
    drawn = torch.rand(time, len(rates), batch, hidden, device=device)
    cell = drawn[:, 0] < settings.zoneout_cell if settings.zoneout_cell else None
    return cell, drawn[:, -1] < settings.zoneout_hidden if settings.zoneout_hidden else None


def _zoneout(old: Tensor, new: Tensor, rate: float, keep: Tensor | None) -> Tensor:
    """Keep the old state where `keep` says so; without it, in evaluation, the expectation."""
    if rate == 0:
        return new
    return rate * old + (1 - rate) * new if keep is None else torch.where(keep, old, new)
