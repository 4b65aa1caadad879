"""What joins a layer's input to its output, from the second layer on.

residual: y = x + f(x) (He et al. 2016; for LSTMs Wu et al. 2016). highway: y = t f(x) + (1 - t) x with
t = sigmoid(W x + b) (Srivastava et al. 2015; Zhang et al. 2016), its bias starting at -1, so that a
new layer begins mostly closed. dense: a layer reads the token vectors and the outputs
of all layers below, concatenated (Huang et al. 2017; for stacked LSTMs Ding et al. 2018).
"""

import torch
from torch import Tensor, nn

HIGHWAY_BIAS = -1.0


class HighwayGate(nn.Linear):
    """The gate's affine map; a class of its own, since its bias starts elsewhere than other maps'."""


class Highway(nn.Module):
    """A learned gate between a layer's input and its output, both [B, T, N]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gate = HighwayGate(size, size)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """T * outputs + (1 - t) * inputs."""
        transform = torch.sigmoid(self.gate(inputs))
        mixed: Tensor = transform * outputs + (1 - transform) * inputs
        return mixed


class Plain(nn.Module):
    """A layer's output as it is."""

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The outputs."""
        return outputs


class Residual(nn.Module):
    """The sum of a layer's input and its output."""

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Outputs + inputs."""
        return inputs + outputs


def make_joins(kind: str, layers: int, size: int) -> nn.ModuleList:
    """For each layer what joins its input to its output; the first reads the token vectors and has nothing."""
    if kind not in ("residual", "highway"):
        return nn.ModuleList(Plain() for _ in range(layers))
    return nn.ModuleList([Plain(), *(Residual() if kind == "residual" else Highway(size) for _ in range(layers - 1))])
