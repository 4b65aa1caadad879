"""The first weights of the recurrent layers.

Each gate is filled by itself: the four gates share a matrix only for speed, and one draw over
[4H, H] would be scaled for the wrong size. Weights: xavier (Glorot and Bengio 2010), orthogonal (Saxe
et al. 2014), he (He et al. 2015), uniform in +-1/sqrt(H) (torch's own). The forget gate starts open
(Gers et al. 2000; Jozefowicz et al. 2015). chrono (Tallec and Ollivier 2018) draws b_f = log U[1, T - 1]
and sets b_i = -b_f, so that memories last for about T steps. Of the two bias vectors the sum counts:
`bias_ih` holds it, and `bias_hh` starts at zero.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import initialization as init

INPUT_GATE, FORGET_GATE = 0, 1
"""Places in torch's order i, f, g, o."""


def init_lstm_weights(
    weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor, settings: dict[str, Any]
) -> None:
    """Fill the weights of one direction: [4H, I], [4H, H], [4H], [4H].

    Through transformers' functions, which leave alone what a checkpoint has filled already.
    """
    init.copy_(weight_ih, _by_gate(weight_ih, settings["input"]))
    init.copy_(weight_hh, _by_gate(weight_hh, settings["recurrent"]))
    init.copy_(bias_ih, _biases(bias_ih, settings))
    init.zeros_(bias_hh)


def _by_gate(weight: Tensor, kind: str) -> Tensor:
    gates = torch.empty_like(weight)
    bound = (weight.size(0) // 4) ** -0.5
    fill = {
        "xavier": torch.nn.init.xavier_uniform_,
        "orthogonal": torch.nn.init.orthogonal_,
        "he": lambda gate: torch.nn.init.kaiming_uniform_(gate, nonlinearity="relu"),
        "uniform": lambda gate: torch.nn.init.uniform_(gate, -bound, bound),
    }[kind]
    for gate in gates.chunk(4):
        fill(gate)
    return gates


def _biases(bias: Tensor, settings: dict[str, Any]) -> Tensor:
    filled = torch.zeros_like(bias)
    gates = filled.chunk(4)
    if settings["chrono"] is None:
        gates[FORGET_GATE].fill_(settings["forget_bias"])
    else:
        gates[FORGET_GATE].uniform_(1, settings["chrono"] - 1).log_()
        gates[INPUT_GATE].copy_(-gates[FORGET_GATE])
    return filled
