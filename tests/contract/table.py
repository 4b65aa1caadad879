"""The table: one row for every setting of the network and every choice that it has.

A row says what is set and what a user may expect of it; the tests of `test_table.py` hold for all rows.
Sizes and ids that the data decide (`DATA`) have none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.contract.networks import SIZES, copy_weights, network
from textlstm import StackedLSTMConfig

DATA = ("vocab_size", "embedding_size", "pad_token_id", "unk_token_id", "encoder")
READINGS = (False, True)
PENALTIES = ("activation_regularization", "temporal_activation_regularization")
UNBOUNDED = pytest.mark.filterwarnings("ignore:activation=.* is unbounded:UserWarning")


@dataclass(frozen=True)
class Row:
    """One setting and its contract."""

    setting: str
    values: dict[str, Any]
    """What is set together."""
    place: str
    """What changes first. vectors: of tokens; layers: the states that any layer makes of its input; layer 2: the states
    of that layer and of those above; readout: what the head reads; shape: the form of the states; loss:
    that of training alone; nothing: no number at all, once weights are given."""
    drawn: str = ""
    """For what a mask is drawn in training: step (also a position, or a step and unit), sequence, batch; or nothing."""
    evaluation: bool = True
    """Whether it acts in evaluation too."""
    per_layer: bool = False
    """Whether it takes a list, one value a layer."""
    depths: tuple[int, ...] = (1, 3)
    readings: tuple[bool, ...] = READINGS
    """Values of `bidirectional`."""

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.values.items())

    @property
    def rates(self) -> dict[str, float]:
        """The settings among `values` that `regularization_scale` multiplies."""
        return {name: value for name, value in self.values.items() if name in REGULARIZERS}

    def at_layer(self, where: int, layers: int = 3) -> dict[str, list[Any]]:
        """The values for one layer, as lists; the plain ones for all others."""
        return {
            name: [value if layer == where else plain_value(name) for layer in range(layers)]
            for name, value in self.values.items()
        }


def off(setting: str, place: str, drawn: str = "", rate: float = 0.4, **more: Any) -> Row:
    """A regularizer of training alone."""
    per_layer = place == "layers"
    return Row(setting, {setting: rate, **more}, place, drawn, evaluation=False, per_layer=per_layer)


def kind(rate: str, name: str, drawn: str) -> Row:
    """Another kind of a dropout than the default one."""
    values = {rate: 0.4, f"{rate}_kind": name}
    return Row(f"{rate}_kind", values, "layers", drawn, evaluation=False, per_layer=True)


def cell(setting: str, value: Any, drawn: str = "") -> Row:
    """A setting of the cell that acts always."""
    return Row(setting, {setting: value}, "layers", drawn, per_layer=True)


def weights(key: str, value: Any) -> Row:
    """An initialisation."""
    return Row("initialization", {"initialization": {key: value}}, "nothing", evaluation=False)


TABLE = (
    Row("layers", {"layers": 2}, "shape"),
    Row("hidden_size", {"hidden_size": 4}, "shape", per_layer=True),
    Row("bidirectional", {"bidirectional": False}, "shape", readings=(True,)),
    *(Row("pooling", {"pooling": name}, "readout") for name in ("last", "mean", "max", "attention")),
    *(Row("connections", {"connections": name}, "layer 2", depths=(3,)) for name in ("residual", "highway", "dense")),
    *(Row("readout", {"readout": name}, "readout", depths=(3,)) for name in ("all", "mix")),
    *(cell("activation", name) for name in ("relu", "hardtanh", "softsign", "elu", "gelu", "identity")),
    cell("recurrent_activation", "hardsigmoid"),
    cell("layer_norm", True),
    weights("input", "he"),
    weights("recurrent", "uniform"),
    weights("forget_bias", 0.0),
    weights("chrono", 20),
    off("word_dropout", "vectors", "step"),
    off("type_dropout", "vectors", "sequence"),
    off("embedding_dropout", "vectors", "batch"),
    off("input_dropout", "vectors", "sequence"),
    off("dropout", "layers", "sequence"),
    kind("dropout", "elementwise", "step"),
    off("recurrent_dropout", "layers", "sequence"),
    kind("recurrent_dropout", "candidate", "sequence"),
    kind("recurrent_dropout", "candidate_elementwise", "step"),
    off("weight_drop", "layers", "batch"),
    cell("zoneout_cell", 0.4, "step"),
    cell("zoneout_hidden", 0.4, "step"),
    *(off(name, "loss", rate=1.5) for name in PENALTIES),
    Row("regularization_scale", {"regularization_scale": 2.0, "dropout": 0.2}, "layers", "sequence", evaluation=False),
    *(
        Row("recurrence", {"recurrence": name}, "nothing", evaluation=False)
        for name in ("native", "fused", "reference")
    ),
)

REGULARIZERS = {
    row.setting for row in TABLE if list(row.values) == [row.setting] and (row.drawn or row.place == "loss")
}
"""The settings that are rates."""

TOGETHER = (
    Row(
        "several",
        {"connections": "dense", "readout": "all", "hidden_size": [6, 4, 3], "layer_norm": True, "zoneout_cell": 0.2},
        "shape",
        "step",
        depths=(3,),
    ),
    Row(
        "several",
        {
            "connections": "highway",
            "readout": "mix",
            "pooling": "attention",
            "dropout": [0.2, 0.3, 0.4],
            "dropout_kind": ["elementwise", "variational", "elementwise"],
            "recurrent_dropout": 0.3,
            "recurrent_dropout_kind": ["variational", "candidate", "candidate_elementwise"],
            "activation": ["tanh", "relu", "gelu"],
            "recurrent_activation": "hardsigmoid",
            "weight_drop": 0.2,
            "activation_regularization": 1.0,
            "temporal_activation_regularization": 0.5,
        },
        "layers",
        "step",
        depths=(3,),
    ),
)
"""Settings that meet: for the tests that hold whatever is set."""


def plain_value(name: str) -> Any:
    """What the networks of these tests have where a row does not say otherwise."""
    return SIZES.get(name, getattr(StackedLSTMConfig(), name))


def cases(rows: Iterable[Row]) -> pytest.MarkDecorator:
    """Each row at each depth, in one direction and in both."""
    return pytest.mark.parametrize(
        ("row", "layers", "bidirectional"),
        [
            pytest.param(row, layers, reading, id=f"{row}-{layers}-{'both' if reading else 'forward'}")
            for row in rows
            for layers in row.depths
            for reading in row.readings
        ],
    )


plain_network = cache(network)
"""Built once; nothing here trains it."""


def pair(row: Row, layers: int, bidirectional: bool) -> tuple[Any, Any]:
    """A plain network, and one with the row's settings and the same weights."""
    plain = plain_network(layers=layers, bidirectional=bidirectional)
    model = network(**({"layers": layers, "bidirectional": bidirectional} | row.values))
    copy_weights(plain, model)
    return plain, model
