"""The native recurrence: packed rows, both directions in one pass, a backward written by hand.

The kernel itself does not travel with a checkpoint: `textlstm` offers it when it is imported, and where it
cannot be had the other recurrences run. What is computed is what `cell.py` computes, from masks that are drawn in
the same order, so that a seed gives the same training on both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .cell import CellNorms, CellSettings, draw_dropout_masks, draw_zoneout

CACHE_LINE = 64

_load: Callable[[], Any] | None = None


def offer(load: Callable[[], Any]) -> None:
    """Name the function that gives the kernel, or None; it is called when one is first needed."""
    global _load
    _load = load


def kernel() -> Any:
    """The kernel, or None."""
    return _load() if _load is not None else None


@dataclass(frozen=True)
class Slice:
    """Texts of one task: `sizes` int32 [steps], how many of them have a step; where their rows and masks begin."""

    texts: int
    steps: int
    first_row: int
    first_text: int
    sizes: Tensor


class Packing:
    """The order of the rows of a batch: step by step, the longest text first, in as many slices as there are threads.

    lengths: [B]. time: T of the padded batch. N is the number of tokens.
    """

    def __init__(self, lengths: Tensor, time: int, slices: int) -> None:
        self.time, self.batch = time, len(lengths)
        longest_first = torch.argsort(lengths, descending=True, stable=True)
        parts, texts, steps = [], [], []
        first_row = first_text = 0
        for number in range(slices):
            # Every slice has long texts and short ones, so that threads end at about the same time.
            mine = longest_first[number::slices]
            own = lengths[mine]
            running = torch.arange(int(own[0]) if len(own) else 0).unsqueeze(1) < own
            step, text = running.nonzero(as_tuple=True)
            sizes = running.sum(dim=1, dtype=torch.int32)
            parts.append(Slice(len(mine), len(sizes), first_row, first_text, sizes))
            texts.append(mine[text])
            steps.append(step)
            first_row, first_text = first_row + len(step), first_text + len(mine)
        self.slices = [part for part in parts if part.texts]
        self.order = torch.cat([longest_first[number::slices] for number in range(slices)])
        self.text, self.step = torch.cat(texts), torch.cat(steps)
        self.lengths = lengths

    @cached_property
    def forward_places(self) -> Tensor:
        """[N] places of the rows in the flattened padded batch."""
        return self.text * self.time + self.step

    @cached_property
    def reverse_places(self) -> Tensor:
        """[N] the same where each text is read from its own last token."""
        return self.text * self.time + self.lengths[self.text] - 1 - self.step

    def places(self, direction: str) -> Tensor:
        """By the name of the direction."""
        return self.forward_places if direction == "forward_direction" else self.reverse_places

    def by_row(self, masks: Tensor) -> Tensor:
        """[T, B, .] -> [N, .]."""
        return masks.flatten(0, 1).index_select(0, self.step * self.batch + self.text)


class GatherRows(torch.autograd.Function):
    """Rows of a flattened batch, each at most once: the backward is a copy, no sum."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, places: Tensor) -> Tensor:
        """[B*T, I], [N] -> [N, I]."""
        ctx.save_for_backward(places)
        ctx.rows = flat.size(0)
        return flat.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """[N, I] -> [B*T, I], zero where no row was taken."""
        (places,) = ctx.saved_tensors
        full = gradient.new_zeros(ctx.rows, gradient.size(1))
        return full.index_copy_(0, places, gradient), None


def native_layer(inputs: Tensor, packing: Packing, directions: dict[str, Any]) -> Tensor:
    """[B, T, I] -> states [B, T, D*H] of one layer, zero at padding; `directions` are its `LSTMDirection`s."""
    if torch.is_autocast_enabled("cpu"):
        # The kernel has no halves, and on most CPUs they are slower than float32.
        with torch.autocast("cpu", enabled=False):
            return native_layer(inputs.float(), packing, directions)
    flat = inputs.flatten(0, 1)
    fixed, learned = [], []
    for name, direction in directions.items():
        settings, norms = direction.settings, direction.norms
        weight, weight_ih = _aligned(direction.dropped_weight()), _aligned(direction.weight_ih)
        rows = GatherRows.apply(flat, packing.places(name))
        bias = direction.bias_ih + direction.bias_hh
        gates = torch.addmm(bias, rows, weight_ih.T) if norms is None else norms.input(rows @ weight_ih.T) + bias
        fixed.append({"places": packing.places(name), **_masks(settings, direction.training, packing, weight)})
        learned += [gates, weight, *_gains(norms)]
    first = next(iter(directions.values()))
    return NativeRecurrence.apply(packing, first.settings, first.training, fixed, *learned)  # type: ignore[no-any-return]


def _aligned(weight: Tensor) -> Tensor:
    """Where a cache line begins, as torch places what it makes itself, and a loaded file does not: sums of a product are
    rounded otherwise elsewhere, and a saved network would not give its own digits again.
    """
    return weight if weight.data_ptr() % CACHE_LINE == 0 else weight.clone()


def _gains(norms: CellNorms | None) -> Sequence[Tensor | None]:
    return (None, None, None) if norms is None else (norms.state.weight, norms.cell.weight, norms.cell.bias)


def _masks(settings: CellSettings, training: bool, packing: Packing, like: Tensor) -> dict[str, Tensor | None]:
    """What is drawn for one direction, in the kernel's order of texts and rows."""
    shape = (packing.batch, packing.time, like.size(1))
    state, candidate = draw_dropout_masks(settings, training, shape, like)
    cell, hidden = draw_zoneout(settings, training, shape, like.device)
    return {
        "state_mask": None if state is None else state.index_select(0, packing.order),
        "candidate_mask": None
        if candidate is None
        else packing.by_row(candidate)
        if len(candidate) > 1
        else candidate[0].index_select(0, packing.order),
        "keep_cell": None if cell is None else packing.by_row(cell.byte()),
        "keep_hidden": None if hidden is None else packing.by_row(hidden.byte()),
    }


class NativeRecurrence(torch.autograd.Function):
    """Gates [N, 4H] of each direction, before their functions, to the padded states [B, T, D*H]."""

    @staticmethod
    def forward(
        ctx: Any,
        packing: Packing,
        settings: CellSettings,
        training: bool,
        fixed: Sequence[dict[str, Tensor | None]],
        *learned: Tensor | None,
    ) -> Tensor:
        """learned: for each direction gates, weight [4H, H], and the gains of layer normalisation or None."""
        buffers = []
        for number, given in enumerate(fixed):
            gates, weight, state_gain, cell_gain, cell_shift = learned[5 * number : 5 * number + 5]
            assert gates is not None
            assert weight is not None
            size = weight.size(1)
            row = gates.new_empty(len(gates), size)
            normal = state_gain is not None
            own = {
                "gates": gates.clone() if ctx is not None and gates.requires_grad and gates.is_leaf else gates,
                "weight": weight.contiguous(),
                "inputs": row,
                "cells": torch.empty_like(row),
                "fresh": torch.empty_like(row) if normal or settings.zoneout_cell else None,
                "squashed": torch.empty_like(row),
                "normalized": torch.empty_like(gates) if normal else None,
                "scales": gates.new_empty(len(gates), 3) if normal else None,
                "state_gain": state_gain,
                "cell_gain": cell_gain,
                "cell_shift": cell_shift,
            }
            buffers.append({**given, **own})
        first = buffers[0]["weight"]
        assert first is not None
        output = first.new_zeros(packing.batch, packing.time, len(fixed) * first.size(1))
        _run(output, "forward", buffers, packing, settings, training)
        ctx.given = packing, settings, training
        ctx.names = [list(entry) for entry in buffers]
        ctx.save_for_backward(*(tensor for entry in buffers for tensor in entry.values()))
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The kernel gives the gates' gradients; those of the weights are one product each."""
        packing, settings, training = ctx.given
        saved = iter(ctx.saved_tensors)
        buffers = [{name: next(saved) for name in names} for names in ctx.names]
        normal = buffers[0]["normalized"] is not None
        for entry in buffers:
            entry["gate_gradients"] = torch.empty_like(entry["gates"])
            entry["product_gradients"] = torch.empty_like(entry["gates"]) if normal else entry["gate_gradients"]
        hidden, slices = buffers[0]["weight"].size(1), len(packing.slices)
        gains = gradient.new_zeros(len(buffers) * slices, 6 * hidden) if normal else None
        _run(gradient.contiguous(), "backward", buffers, packing, settings, training, gains)
        found: list[Tensor | None] = []
        for number, entry in enumerate(buffers):
            found += [entry["gate_gradients"], entry["product_gradients"].T @ entry["inputs"]]
            if gains is None:
                found += [None, None, None]
            else:
                mine = gains[number * slices : (number + 1) * slices].sum(dim=0)
                found += list(mine.split([4 * hidden, hidden, hidden]))
        return (None, None, None, None, *found)


def _run(
    output: Tensor,
    name: str,
    buffers: Sequence[dict[str, Tensor | None]],
    packing: Packing,
    settings: CellSettings,
    training: bool,
    gains: Tensor | None = None,
) -> None:
    kernel().run(
        name,
        output,
        buffers,
        packing.slices,
        settings=settings,
        training=training,
        candidate_by_row=settings.recurrent_dropout_kind == "candidate_elementwise",
        gain_gradients=gains,
    )
