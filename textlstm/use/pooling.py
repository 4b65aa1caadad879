"""The poolings in ONNX: states [T, B, N], zero at padding, to [B, P]; as in `model/pooling.py`."""

from collections.abc import Callable

import numpy as np

from textlstm.model.pooling import AttentionPooling, Pooling
from textlstm.use.graph import Graph
from textlstm.use.recurrence import Texts


def add_pooling(graph: Graph, states: str, pooling: Pooling, texts: Texts) -> str:
    """The nodes of the network's pooling."""
    return POOLINGS[type(pooling).__name__](graph, states, pooling, texts)


def _last(graph: Graph, states: str, pooling: Pooling, texts: Texts) -> str:
    """The forward half at the text's end, the reverse half at its beginning."""
    ends = graph.add("GatherND", states, _last_places(graph, texts))
    if pooling.directions == 1:
        return ends
    first = graph.add("Gather", states, graph.constant(0, "int64"), axis=0)
    forward, _ = graph.add_many("Split", 2, ends, axis=-1)
    _, reverse = graph.add_many("Split", 2, first, axis=-1)
    return graph.add("Concat", forward, reverse, axis=-1)


def _last_places(graph: Graph, texts: Texts) -> str:
    """Step and row of every text's last token, int64 [B, 2]."""
    one = graph.constant(1, "int64")
    axis = graph.constant([1], "int64")
    count = graph.add("Squeeze", texts.count, graph.constant([0], "int64"))
    rows = graph.add("Range", graph.constant(0, "int64"), count, one)
    ends = graph.add("Sub", texts.lengths, one)
    return graph.add("Concat", *(graph.add("Unsqueeze", part, axis) for part in (ends, rows)), axis=-1)


def _mean(graph: Graph, states: str, _: Pooling, texts: Texts) -> str:
    total = graph.add("ReduceSum", states, graph.constant([0], "int64"), keepdims=0)
    lengths = graph.add("Cast", graph.add("Unsqueeze", texts.lengths, graph.constant([1], "int64")), to=1)
    return graph.add("Div", total, lengths)


def _max(graph: Graph, states: str, _: Pooling, texts: Texts) -> str:
    real = graph.add("Where", texts.mask, states, graph.constant(-np.inf))
    return graph.add("ReduceMax", real, axes=[0], keepdims=0)


def _attention(graph: Graph, states: str, pooling: Pooling, texts: Texts) -> str:
    assert isinstance(pooling, AttentionPooling)
    scores = graph.affine(graph.add("Tanh", graph.affine(states, pooling.projection)), pooling.query)
    real = graph.add("Where", texts.mask, scores, graph.constant(np.finfo(np.float32).min))
    weighted = graph.add("Mul", graph.add("Softmax", real, axis=0), states)
    return graph.add("ReduceSum", weighted, graph.constant([0], "int64"), keepdims=0)


def _concat(graph: Graph, states: str, pooling: Pooling, texts: Texts) -> str:
    parts = [part(graph, states, pooling, texts) for part in (_last, _max, _mean)]
    return graph.add("Concat", *parts, axis=-1)


POOLINGS: dict[str, Callable[[Graph, str, Pooling, Texts], str]] = {
    "LastPooling": _last,
    "MeanPooling": _mean,
    "MaxPooling": _max,
    "AttentionPooling": _attention,
    "ConcatPooling": _concat,
}
"""Class of the network's pooling -> the function that writes it."""
