"""One layer's recurrence in ONNX: the LSTM operator, or a `Scan` over the equations of `model/cell.py`.

The operator takes `sequence_lens`, so the reverse direction starts at each text's own last token and
padding gives zeros. It knows no layer normalisation, no zoneout, and not every activation; a layer with these
becomes a `Scan`, which computes the same a step at a time and is slower.

Time comes first: states are [T, B, N].
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx
from torch import Tensor, nn

from textlstm.model.cell import CellSettings
from textlstm.model.layer import LSTMDirection, LSTMLayer
from textlstm.use.graph import Graph, weights_of

OPERATOR_ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "tanh": ("Tanh", None, None),
    "relu": ("Relu", None, None),
    "softsign": ("Softsign", None, None),
    "elu": ("Elu", 1.0, None),
    "identity": ("Affine", 1.0, 0.0),
    "sigmoid": ("Sigmoid", None, None),
    "hardsigmoid": ("HardSigmoid", 1 / 6, 0.5),
}
"""Ours -> the operator's, with alpha and beta where it has them. It has no hardtanh and no gelu."""

GATE_ORDER = [0, 3, 1, 2]
"""torch stacks the gates as i, f, g, o; the operator as i, o, f, c (its c is torch's g)."""


@dataclass(frozen=True)
class Texts:
    """What the recurrences know of the texts: lengths int64 and int32 [B], mask bool [T, B, 1], number of texts [1]."""

    lengths: str
    lengths32: str
    mask: str
    count: str


def runs_as_operator(settings: CellSettings) -> bool:
    """Whether ONNX's LSTM operator computes this cell in evaluation mode."""
    plain = not (settings.layer_norm or settings.zoneout_cell or settings.zoneout_hidden)
    return plain and {settings.activation, settings.recurrent_activation} <= OPERATOR_ACTIVATIONS.keys()


def add_layer(graph: Graph, inputs: str, layer: LSTMLayer, texts: Texts) -> str:
    """[T, B, I] -> [T, B, D*H], zero at padding."""
    directions: list[LSTMDirection] = list(layer.directions.values())  # type: ignore[arg-type]
    if runs_as_operator(directions[0].settings):
        return _operator(graph, inputs, directions, texts)
    states = [_scan(graph, inputs, directions[0], texts)]
    if len(directions) == 2:
        turned = _scan(graph, _turn(graph, inputs, texts), directions[1], texts)
        states.append(_turn(graph, turned, texts))
    joined = graph.add("Concat", *states, axis=-1) if len(states) == 2 else states[0]
    return graph.add("Where", texts.mask, joined, graph.constant(0.0))


def _operator(graph: Graph, inputs: str, directions: list[LSTMDirection], texts: Texts) -> str:
    stacked = [
        graph.constant(np.stack([_reordered(getattr(direction, name)) for direction in directions]))
        for name in ("weight_ih", "weight_hh")
    ]
    biases = [np.concatenate([_reordered(part.bias_ih), _reordered(part.bias_hh)]) for part in directions]
    settings = directions[0].settings
    names = (settings.recurrent_activation, settings.activation, settings.activation) * len(directions)
    chosen = [OPERATOR_ACTIVATIONS[name] for name in names]
    states = graph.add(
        "LSTM",
        inputs,
        *stacked,
        graph.constant(np.stack(biases)),
        texts.lengths32,
        hidden_size=directions[0].weight_hh.size(1),
        direction="bidirectional" if len(directions) == 2 else "forward",
        activations=[name for name, _, _ in chosen],
        # Each list is read in the order of those functions that have the number.
        **_numbers("activation_alpha", [alpha for _, alpha, _ in chosen]),
        **_numbers("activation_beta", [beta for _, _, beta in chosen]),
    )
    side_by_side = graph.add("Transpose", states, perm=[0, 2, 1, 3])
    return graph.add("Reshape", side_by_side, graph.constant([0, 0, -1], "int64"))


def _numbers(name: str, values: list[float | None]) -> dict[str, list[float]]:
    given = [number for number in values if number is not None]
    return {name: given} if given else {}


def _reordered(weight: Tensor) -> np.ndarray:
    """The gates' blocks in the operator's order."""
    array = weights_of(weight)
    blocks = np.split(array, 4)
    return np.concatenate([blocks[place] for place in GATE_ORDER])


def _turn(graph: Graph, states: str, texts: Texts) -> str:
    """Each text turned round by its own length."""
    return graph.add("ReverseSequence", states, texts.lengths, time_axis=0, batch_axis=1)


def _scan(graph: Graph, inputs: str, direction: LSTMDirection, texts: Texts) -> str:
    """[T, B, I] -> [T, B, H], from a zero state, first step first."""
    hidden = direction.weight_hh.size(1)
    projected = graph.add("MatMul", inputs, graph.constant(weights_of(direction.weight_ih).T))
    if direction.norms is not None:
        projected = _normalised(graph, projected, direction.norms.input)
    projected = graph.add("Add", projected, graph.constant(weights_of(direction.bias_ih)))
    shape = graph.add("Concat", texts.count, graph.constant([hidden], "int64"), axis=0)
    zeros = graph.add("ConstantOfShape", shape)
    body = _step(graph, direction, hidden)
    return graph.add_many("Scan", 3, zeros, zeros, projected, body=body, num_scan_inputs=1)[2]


def _step(graph: Graph, direction: LSTMDirection, hidden: int) -> onnx.GraphProto:
    """States h and c [B, H] and the projected input [B, 4H] -> the next h and c, and h once more as the step's output."""
    step, settings, norms = Graph("step", graph), direction.settings, direction.norms
    old_h, old_c, x = (step.fresh(name) for name in ("hidden", "cell", "projected"))
    product = step.add("MatMul", old_h, graph.constant(weights_of(direction.weight_hh).T))
    if norms is not None:
        product = _normalised(step, product, norms.state)
    gates = step.add("Add", step.add("Add", x, product), graph.constant(weights_of(direction.bias_hh)))
    i, f, g, o = step.add_many("Split", 4, gates, axis=-1)
    phi, sigma = settings.activation, settings.recurrent_activation
    kept = step.add("Mul", activate(step, f, sigma), old_c)
    new_c = step.add("Add", kept, step.add("Mul", activate(step, i, sigma), activate(step, g, phi)))
    shown = _normalised(step, new_c, norms.cell) if norms is not None else new_c
    new_h = step.add("Mul", activate(step, o, sigma), activate(step, shown, phi))
    next_h = _expected(step, old_h, new_h, settings.zoneout_hidden)
    next_c = _expected(step, old_c, new_c, settings.zoneout_cell)
    output = step.add("Identity", next_h)
    state = [None, hidden]
    return step.body({old_h: state, old_c: state, x: [None, 4 * hidden]}, {next_h: state, next_c: state, output: state})


def _normalised(graph: Graph, values: str, norm: nn.LayerNorm) -> str:
    learned = [graph.constant(weights_of(weight)) for weight in (norm.weight, norm.bias) if weight is not None]
    return graph.add("LayerNormalization", values, *learned, axis=-1, epsilon=norm.eps)


def _expected(graph: Graph, old: str, new: str, rate: float) -> str:
    """Zoneout in evaluation mode: the expectation."""
    if not rate:
        return new
    kept, fresh = graph.constant(rate), graph.constant(1 - rate)
    return graph.add("Add", graph.add("Mul", kept, old), graph.add("Mul", fresh, new))


def activate(graph: Graph, values: str, name: str) -> str:
    """An activation as nodes of its own."""
    if name == "identity":
        return values
    if name == "hardtanh":
        return graph.add("Clip", values, graph.constant(-1.0), graph.constant(1.0))
    if name == "gelu":
        bell = graph.add("Erf", graph.add("Mul", values, graph.constant(1 / math.sqrt(2))))
        half = graph.add("Mul", values, graph.constant(0.5))
        return graph.add("Mul", half, graph.add("Add", bell, graph.constant(1.0)))
    operator, alpha, beta = OPERATOR_ACTIVATIONS[name]
    numbers = {"alpha": alpha, "beta": beta}
    return graph.add(operator, values, **{key: number for key, number in numbers.items() if number is not None})
