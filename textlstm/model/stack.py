"""The stack: layers of LSTM, each reading the states of the one below.

Order in a layer: recurrence (with its layer normalisation and recurrent dropout inside), join with
the layer's input (`connections`), then dropout. So what a residual or highway connection carries on
has been dropped once by each layer that it passed, and the states that are read out are dropped ones.
"""

import math
import warnings

import torch
from torch import Tensor, nn

from .cell import CellSettings
from .configuration import StackedLSTMConfig
from .connections import make_joins
from .dropout import SequenceDropout
from .fused import why_not_fused
from .layer import LSTMLayer, reversal_index
from .native import Packing, kernel

FEWEST_TEXTS = 8
"""Of a batch, for a thread: smaller products would take as long."""

CELL_FIELDS = tuple(CellSettings.__dataclass_fields__)


class LSTMStack(nn.Module):
    """`layers` LSTM layers with dropout on the output of every one, the last included."""

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__()
        self.recurrence = choose_recurrence(config)
        self.directions = config.directions
        self.dense = config.connections == "dense"
        self.sizes = [config.directions * width for width in config.per_layer("hidden_size")]
        self.layers = nn.ModuleList(
            LSTMLayer(
                size,
                width,
                bidirectional=config.bidirectional,
                settings=cell_settings(config, number),
                weight_drop=config.per_layer("weight_drop")[number],
                initialization=config.initialization,
                # Also what the native recurrence falls back on, off the CPU.
                fused=config.recurrence != "reference" and not why_not_fused(config),
            )
            for number, (size, width) in enumerate(
                zip(self._input_sizes(config.embedding_size), config.per_layer("hidden_size"), strict=True)
            )
        )
        self.joins = make_joins(config.connections, config.layers, self.sizes[-1])
        self.dropouts = nn.ModuleList(
            SequenceDropout(rate, kind)
            for rate, kind in zip(config.per_layer("dropout"), config.per_layer("dropout_kind"), strict=True)
        )

    def recurrence_on(self, device: torch.device) -> str:
        """The recurrence that runs there: the native one is for CPUs."""
        if self.recurrence != "native" or device.type == "cpu":
            return self.recurrence
        first = next(iter(self.layers[0].directions.values()))  # type: ignore[operator, union-attr]
        return "fused" if first.fused else "reference"

    def _input_sizes(self, embedding_size: int) -> list[int]:
        if not self.dense:
            return [embedding_size, *self.sizes[:-1]]
        return [embedding_size + sum(self.sizes[:number]) for number in range(len(self.sizes))]

    def forward(self, embedded: Tensor, lengths: Tensor, mask: Tensor) -> tuple[list[Tensor], Tensor]:
        """[B, T, E], lengths [B], mask [B, T] -> every layer's dropped states, and the last one's before dropout."""
        order = self._order(embedded, lengths)
        inputs, states = embedded, []
        undropped = embedded
        for layer, join, dropout in zip(self.layers, self.joins, self.dropouts, strict=True):
            undropped = join(inputs, layer(inputs, mask.unsqueeze(-1), order))
            states.append(dropout(undropped))
            inputs = torch.cat([embedded, *states], dim=-1) if self.dense else states[-1]
        return states, undropped

    def _order(self, embedded: Tensor, lengths: Tensor) -> Tensor | Packing:
        """How the layers find their rows; the kernel takes whole numbers of the CPU alone."""
        if self.recurrence != "native" or embedded.device.type != "cpu" or embedded.dtype not in kernel().dtypes:
            return reversal_index(lengths, embedded.size(1))
        slices = math.ceil(torch.get_num_threads() / self.directions)
        return Packing(lengths, embedded.size(1), min(slices, max(1, len(lengths) // FEWEST_TEXTS)))


def choose_recurrence(config: StackedLSTMConfig) -> str:
    """`native`, `fused` or `reference`: the fastest that can run the settings, unless one is named.

    Where there is no kernel, a checkpoint that names it runs all the same.
    """
    others = "reference" if why_not_fused(config) else "fused"
    if config.recurrence == "native" and kernel() is None:
        warnings.warn(f"recurrence=native: there is no kernel here; {others} runs instead.", stacklevel=2)
        return others
    if config.recurrence != "auto":
        return config.recurrence
    return others if kernel() is None else "native"


def cell_settings(config: StackedLSTMConfig, number: int) -> CellSettings:
    """The effective settings inside the cells of one layer."""
    return CellSettings(**{name: config.per_layer(name)[number] for name in CELL_FIELDS})
