"""The fast recurrence: torch's own LSTM kernel (oneDNN on a CPU, cuDNN on a GPU)."""

from typing import Any

import torch
from torch import Tensor

# Settings inside the cell that the kernel cannot run, with the value that it can.
CELL_SETTINGS = {
    "recurrent_dropout": 0,
    "zoneout_cell": 0,
    "zoneout_hidden": 0,
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "layer_norm": False,
}


def why_not_fused(config: Any) -> list[str]:
    """The settings, as `name=value`, that the kernel cannot run; empty if it can run them all."""
    return [
        f"{name}={getattr(config, name)}"
        for name, plain in CELL_SETTINGS.items()
        if any(value != plain for value in config.per_layer(name))
    ]


def fused_recurrence(inputs: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], training: bool) -> Tensor:
    """[B, T, I] -> hidden states [B, T, H] of one direction, from a zero state.

    weights: W_ih [4H, I], W_hh [4H, H], b_ih [4H], b_hh [4H], gates in the order i, f, g, o.
    """
    if inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not _cpu_runs_halves():
        with torch.autocast("cpu", enabled=False):
            return fused_recurrence(inputs.float(), weights, training)
    zeros = inputs.new_zeros(1, inputs.size(0), weights[1].size(1))
    # What nn.LSTM calls; it takes weights from any owner, so that dropped ones need no renaming.
    states, _, _ = torch._VF.lstm(inputs, (zeros, zeros), weights, True, 1, 0.0, training, False, True)
    return states


def _cpu_runs_halves() -> bool:
    """Whether the kernel takes bf16 here: on a CPU without such units oneDNN is asked all the same, and raises."""
    return not torch.backends.mkldnn.is_available() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
