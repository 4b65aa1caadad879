"""One layer of the stack: a recurrence in each direction, right for texts of any length.

Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000; both directions: Graves and
Schmidhuber 2005. Texts stand left-aligned in [B, T, .], padding behind them. The reverse direction
reads each text from its own last token: its rows are turned round by their own length, so that no
state ever passes through padding. Both directions are then dense calls, which on a CPU are several
times faster than packed ones.
"""

import torch
from torch import Tensor, nn

from .cell import CellNorms, CellSettings, reference_recurrence
from .fused import fused_recurrence
from .initialization import init_lstm_weights
from .native import Packing, native_layer


class LSTMDirection(nn.Module):
    """Weights of one direction, in torch's layout: gates i, f, g, o stacked in [4H, .]."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        settings: CellSettings,
        *,
        weight_drop: float,
        initialization: dict,
        fused: bool,
    ) -> None:
        super().__init__()
        self.settings, self.weight_drop, self.fused = settings, weight_drop, fused
        self.initialization = initialization
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.empty(4 * hidden_size))
        self.norms = CellNorms(hidden_size) if settings.layer_norm else None

    def reset_parameters(self) -> None:
        """Fill the weights anew."""
        init_lstm_weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, self.initialization)

    def dropped_weight(self) -> Tensor:
        """W_hh after weight drop: a new tensor, so that the parameter keeps its values and its gradient passes the mask."""
        return nn.functional.dropout(self.weight_hh, self.weight_drop, self.training)

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, T, I] -> hidden states [B, T, H], from a zero state."""
        weights = (self.weight_ih, self.dropped_weight(), self.bias_ih, self.bias_hh)
        if self.fused:
            return fused_recurrence(inputs, weights, self.training)
        return reference_recurrence(inputs, weights, self.settings, self.training, self.norms)


class LSTMLayer(nn.Module):
    """All directions of one layer."""

    def __init__(self, input_size: int, hidden_size: int, *, bidirectional: bool, **direction: object) -> None:
        super().__init__()
        names = ["forward_direction"] + (["reverse_direction"] if bidirectional else [])
        self.directions = nn.ModuleDict(
            {name: LSTMDirection(input_size, hidden_size, **direction) for name in names}  # type: ignore[arg-type]
        )

    def forward(self, inputs: Tensor, mask: Tensor, order: Tensor | Packing) -> Tensor:
        """[B, T, I] -> [B, T, D*H]; zero at padding (`mask` [B, T, 1]).

        order: of the native recurrence's rows, or `reversal_index` for the others.
        """
        if isinstance(order, Packing):
            return native_layer(inputs, order, dict(self.directions.items()))
        outputs = [self.directions["forward_direction"](inputs)]
        if "reverse_direction" in self.directions:
            turned = self.directions["reverse_direction"](reverse_texts(inputs, order))
            outputs.append(reverse_texts(turned, order))
        # where, not a product: whatever was computed on padding must not pass through, not even a NaN.
        return torch.where(mask, torch.cat(outputs, dim=-1), 0.0)


def reversal_index(lengths: Tensor, time: int) -> Tensor:
    """Index [B*T] into the flattened rows that turns each text round and leaves its padding in place."""
    steps = torch.arange(time, device=lengths.device).expand(lengths.size(0), time)
    ends = lengths.unsqueeze(1)
    turned = torch.where(steps < ends, ends - 1 - steps, steps)
    rows = torch.arange(lengths.size(0), device=lengths.device).unsqueeze(1) * time
    return (rows + turned).flatten()


def reverse_texts(states: Tensor, reversal: Tensor) -> Tensor:
    """Turn each text of [B, T, N] round; twice gives the original."""
    return states.flatten(0, 1).index_select(0, reversal).view_as(states)
