"""The stack: layers of LSTM, each reading the states of the one below."""

from torch import Tensor, nn

from .configuration import StackedLSTMConfig
from .dropout import VariationalDropout
from .layer import LSTMLayer, reversal_index


class LSTMStack(nn.Module):
    """`layers` LSTM layers with dropout on the output of every one, the last included."""

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__()
        widths = config.per_layer("hidden_size")
        inputs = [config.embedding_size] + [config.directions * width for width in widths[:-1]]
        self.layers = nn.ModuleList(
            LSTMLayer(size, width, config.bidirectional) for size, width in zip(inputs, widths, strict=True)
        )
        self.dropouts = nn.ModuleList(VariationalDropout(rate) for rate in config.per_layer("dropout"))
        self.output_size = config.directions * widths[-1]

    def forward(self, embedded: Tensor, lengths: Tensor, mask: Tensor) -> list[Tensor]:
        """[B, T, E], lengths [B], mask [B, T] -> the states of every layer, each [B, T, D*H]."""
        reversal = reversal_index(lengths, embedded.size(1))
        states, all_states = embedded, []
        for layer, dropout in zip(self.layers, self.dropouts, strict=True):
            states = dropout(layer(states, mask.unsqueeze(-1), reversal))
            all_states.append(states)
        return all_states
