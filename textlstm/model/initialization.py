"""The first weights of the recurrent layers.

Input weights Xavier (Glorot and Bengio 2010), recurrent weights orthogonal (Saxe et al. 2014), each
gate by itself: the four gates share a matrix only for speed, and one draw over [4H, H] would be
scaled for the wrong size. The forget gate starts open (Jozefowicz et al. 2015): its two biases,
`bias_ih` and `bias_hh`, sum to `FORGET_BIAS`.
"""

import torch
from torch import Tensor
from transformers import initialization as init

FORGET_BIAS = 1.0
FORGET_GATE = 1
"""Place of the forget gate in torch's order i, f, g, o."""


def init_lstm_weights(weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> None:
    """Fill the weights of one direction: [4H, I], [4H, H], [4H], [4H].

    Through transformers' functions, which leave alone what a checkpoint has filled already.
    """
    init.copy_(weight_ih, _by_gate(weight_ih, torch.nn.init.xavier_uniform_))
    init.copy_(weight_hh, _by_gate(weight_hh, torch.nn.init.orthogonal_))
    first = torch.zeros_like(bias_ih)
    first.chunk(4)[FORGET_GATE].fill_(FORGET_BIAS)
    init.copy_(bias_ih, first)
    init.zeros_(bias_hh)


def _by_gate(weight: Tensor, fill) -> Tensor:  # type: ignore[no-untyped-def]
    gates = torch.empty_like(weight)
    for gate in gates.chunk(4):
        fill(gate)
    return gates
