"""Writing an ONNX graph node by node: names are made here, so that callers pass values on like variables."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 17
"""Has every operator that is used here, LayerNormalization last; runtimes since 2022 read it."""

IR_VERSION = 8
"""The file format that came with it."""

TYPES = {"int64": TensorProto.INT64, "float32": TensorProto.FLOAT}


class Graph:
    """Nodes and weights. A subgraph, the body of a `Scan`, keeps its weights in the graph around it."""

    def __init__(self, name: str, parent: "Graph | None" = None) -> None:
        self.name = name
        self.root: Graph = parent.root if parent else self
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.count = 0

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node of one output, whose name is returned."""
        return self.add_many(operator, 1, *inputs, **attributes)[0]

    def add_many(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node of several outputs; their names."""
        names = [self.fresh(operator) for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=names[0], **attributes))
        return names

    def constant(self, value: Any, kind: str = "float32") -> str:
        """A weight or a constant, as an initializer."""
        array = np.ascontiguousarray(value, dtype=kind) if np.ndim(value) else np.asarray(value, dtype=kind)
        name = self.fresh("constant")
        self.root.weights.append(numpy_helper.from_array(array, name))
        return name

    def affine(self, inputs: str, linear: nn.Module) -> str:
        """`nn.Linear`; a product and a sum, since quantization knows these."""
        product = self.add("MatMul", inputs, self.constant(weights_of(linear.weight).T))
        return product if linear.bias is None else self.add("Add", product, self.constant(weights_of(linear.bias)))

    def body(self, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]]) -> onnx.GraphProto:
        """The nodes as a graph; inputs and outputs are float, with their shapes (None: any size)."""
        return helper.make_graph(
            self.nodes,
            self.name,
            [value("float32", name, shape) for name, shape in inputs.items()],
            [value("float32", name, shape) for name, shape in outputs.items()],
        )

    def fresh(self, stem: str) -> str:
        """A name that no other value has."""
        self.root.count += 1
        return f"{stem}_{self.root.count}"


def value(kind: str, name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    """The type of an input or output."""
    return helper.make_tensor_value_info(name, TYPES[kind], shape)


def weights_of(weight: object) -> np.ndarray:
    """A parameter as an array."""
    assert isinstance(weight, Tensor)
    return weight.detach().cpu().float().numpy()
