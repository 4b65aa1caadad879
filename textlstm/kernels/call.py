"""The kernel's functions as Python calls: the structures of `lstm.cpp`, filled with the addresses of tensors.

No Python object is kept by the kernel. ctypes lets other Python threads go on while it runs.
"""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS = ("tanh", "relu", "hardtanh", "softsign", "elu", "gelu", "identity", "sigmoid", "hardsigmoid")
"""In the order of the kernel's `Activation`."""

BUFFERS = (
    *("source", "weight_ih", "gates", "bias", "weight", "inputs", "cells", "fresh", "squashed", "normalized", "scales"),
    *("state_mask", "candidate_mask", "keep_cell", "keep_hidden", "state_gain", "cell_gain", "cell_shift", "places"),
    *("gate_gradients", "product_gradients"),
)
"""The pointers of the kernel's `Direction`, in order."""

_POINTER, _INT, _LONG = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64


class _Direction(ctypes.Structure):
    _fields_ = [(name, _POINTER) for name in BUFFERS]


class _Task(ctypes.Structure):
    _fields_ = [
        ("direction", _INT),
        ("texts", _INT),
        ("steps", _INT),
        ("first_row", _LONG),
        ("first_text", _LONG),
        ("sizes", _POINTER),
        ("gain_gradients", _POINTER),
    ]


class _Call(ctypes.Structure):
    _fields_ = [
        ("hidden", _LONG),
        ("inputs", _LONG),
        ("output_stride", _LONG),
        ("tasks", _INT),
        ("threads", _INT),
        ("activation", _INT),
        ("recurrent_activation", _INT),
        ("candidate_by_row", _INT),
        ("training", _INT),
        ("keep", _INT),
        ("zoneout_cell", ctypes.c_double),
        ("zoneout_hidden", ctypes.c_double),
        ("output", _POINTER),
        ("directions", _POINTER),
        ("task", _POINTER),
    ]


class Kernel:
    """A compiled kernel."""

    dtypes = (torch.float32, torch.float64)

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))

    def run(
        self,
        name: str,
        output: Tensor,
        directions: Sequence[Mapping[str, Tensor | None]],
        slices: Sequence[Any],
        *,
        settings: Any,
        training: bool,
        candidate_by_row: bool,
        keep: bool = True,
        gain_gradients: Tensor | None = None,
    ) -> None:
        """`forward` fills `output` [B, T, D*H] and the buffers of `directions`; `backward` reads its gradient there.

        directions: tensors by the names in `BUFFERS`; what is missing is off. keep: whether
        all that a backward reads is filled. slices: texts that one task takes, with
        `texts`, `steps`, `first_row`, `first_text` and `sizes` (int32, CPU). settings: of the cell.
        gain_gradients [tasks, 6H]: zeros, to be filled.
        """
        dtype = output.dtype
        entries = (_Direction * len(directions))(
            *(_Direction(*(_address(entry.get(buffer), buffer, dtype) for buffer in BUFFERS)) for entry in directions)
        )
        tasks = (_Task * (len(directions) * len(slices)))()
        for number, task in enumerate(tasks):
            part = slices[number % len(slices)]
            task.direction, task.texts, task.steps = number // len(slices), part.texts, part.steps
            task.first_row, task.first_text, task.sizes = part.first_row, part.first_text, part.sizes.data_ptr()
            if gain_gradients is not None:
                task.gain_gradients = gain_gradients[number].data_ptr()
        weight = directions[0]["weight"]
        assert weight is not None
        source = directions[0].get("source")
        call = _Call(
            weight.size(1),
            0 if source is None else source.size(1),
            output.size(-1),
            len(tasks),
            min(len(tasks), torch.get_num_threads()),
            ACTIVATIONS.index(settings.activation),
            ACTIVATIONS.index(settings.recurrent_activation),
            candidate_by_row,
            training,
            keep,
            settings.zoneout_cell,
            settings.zoneout_hidden,
            output.data_ptr(),
            ctypes.addressof(entries),
            ctypes.addressof(tasks),
        )
        getattr(self._library, f"textlstm_{name}_{str(dtype).removeprefix('torch.')}")(ctypes.byref(call))


def _address(tensor: Tensor | None, buffer: str, dtype: torch.dtype) -> int | None:
    """Of a tensor that the kernel may read row by row; None for what is off."""
    if tensor is None:
        return None
    kinds = {"places": torch.int64, "keep_cell": torch.uint8, "keep_hidden": torch.uint8}
    assert tensor.is_contiguous(), buffer
    assert tensor.dtype == kinds.get(buffer, dtype), buffer
    assert tensor.device.type == "cpu", buffer
    return tensor.data_ptr()
