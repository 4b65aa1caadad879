"""The whole network as an ONNX model: embedding -> stacked LSTM -> readout -> pooling -> head, as in `model/modeling.py`.

Built from configuration and weights, not traced: a trace would fix what depends on the length of a text.
"""

import onnx
from onnx import helper

from textlstm.model import StackedLSTMForSequenceClassification
from textlstm.model.connections import Highway, Residual
from textlstm.use.graph import IR_VERSION, OPSET, Graph, value, weights_of
from textlstm.use.pooling import add_pooling
from textlstm.use.recurrence import Texts, add_layer


def build_onnx(model: StackedLSTMForSequenceClassification) -> onnx.ModelProto:
    """Inputs `input_ids` and `attention_mask`, int64 [B, T], padding behind; output `logits` float32 [B, C].

    In evaluation mode, whatever mode `model` is in. Every text needs at least one token: the LSTM operator takes no
    length of zero.
    """
    graph = Graph("stacked_lstm")
    texts = _texts(graph)
    steps = graph.add("Transpose", "input_ids", perm=[1, 0])
    embedded = graph.add("Gather", graph.constant(weights_of(model.get_input_embeddings().weight)), steps)
    states = _add_stack(graph, embedded, model, texts)
    pooled = add_pooling(graph, _add_readout(graph, states, model), model.pooling, texts)
    logits = graph.affine(pooled, model.head)
    graph.nodes.append(helper.make_node("Identity", [logits], ["logits"], name="logits"))
    shape = ["batch", "time"]
    made = helper.make_graph(
        graph.nodes,
        graph.name,
        [value("int64", name, shape) for name in ("input_ids", "attention_mask")],
        [value("float32", "logits", ["batch", model.config.num_labels])],
        graph.weights,
    )
    result = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    result.producer_name = "textlstm"
    return result


def _texts(graph: Graph) -> Texts:
    mask = graph.add("Cast", graph.add("Transpose", "attention_mask", perm=[1, 0]), to=onnx.TensorProto.BOOL)
    lengths = graph.add("ReduceSum", "attention_mask", graph.constant([1], "int64"), keepdims=0)
    return Texts(
        lengths=lengths,
        lengths32=graph.add("Cast", lengths, to=onnx.TensorProto.INT32),
        mask=graph.add("Unsqueeze", mask, graph.constant([2], "int64")),
        count=graph.add("Shape", lengths),
    )


def _add_stack(graph: Graph, embedded: str, model: StackedLSTMForSequenceClassification, texts: Texts) -> list[str]:
    """Every layer's states [T, B, D*H]."""
    inputs, states = embedded, []
    for layer, join in zip(model.stack.layers, model.stack.joins, strict=True):
        outputs = add_layer(graph, inputs, layer, texts)  # type: ignore[arg-type]
        if isinstance(join, Residual):
            outputs = graph.add("Add", inputs, outputs)
        elif isinstance(join, Highway):
            outputs = _add_highway(graph, inputs, outputs, join)
        states.append(outputs)
        inputs = graph.add("Concat", embedded, *states, axis=-1) if model.stack.dense else outputs
    return states


def _add_highway(graph: Graph, inputs: str, outputs: str, join: Highway) -> str:
    """The mix t * outputs + (1 - t) * inputs, as inputs + t * (outputs - inputs)."""
    opened = graph.add("Sigmoid", graph.affine(inputs, join.gate))
    return graph.add("Add", inputs, graph.add("Mul", opened, graph.add("Sub", outputs, inputs)))


def _add_readout(graph: Graph, states: list[str], model: StackedLSTMForSequenceClassification) -> str:
    kind, directions = model.config.readout, model.config.directions
    if kind == "mix":
        shares = weights_of(model.readout.layer_weights.softmax(dim=0) * model.readout.gamma)  # type: ignore[operator, union-attr]
        parts = [graph.add("Mul", state, graph.constant(share)) for state, share in zip(states, shares, strict=True)]
        return graph.add("Sum", *parts)
    if kind == "top":
        return states[-1]
    if directions == 1:
        return graph.add("Concat", *states, axis=-1)
    # First every layer's forward half, then every layer's reverse half.
    halves = [graph.add_many("Split", 2, state, axis=-1) for state in states]
    return graph.add("Concat", *(half[side] for side in range(2) for half in halves), axis=-1)
