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

LEARNED = ("gates", "weight_ih", "bias", "weight", "state_gain", "cell_gain", "cell_shift")
"""What of a direction has gradients."""

FIXED = 6
"""Arguments of the recurrence before those; the last of them has a gradient too."""

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
        self.lengths, self.rows = lengths, len(self.step)

    @cached_property
    def forward_places(self) -> Tensor:
        """[N] places of the rows in the flattened padded batch."""
        return self.text * self.time + self.step

    @cached_property
    def reverse_places(self) -> Tensor:
        """[N] the same where each text is read from its own last token."""
        return self.text * self.time + self.lengths[self.text] - 1 - self.step

    @cached_property
    def padding_places(self) -> Tensor:
        """Places of the flattened padded batch that hold no token."""
        return (torch.arange(self.time) >= self.lengths.unsqueeze(1)).flatten().nonzero().squeeze(1)

    def places(self, direction: str) -> Tensor:
        """By the name of the direction."""
        return self.forward_places if direction == "forward_direction" else self.reverse_places

    def by_row(self, masks: Tensor) -> Tensor:
        """[T, B, .] -> [N, .]."""
        return masks.flatten(0, 1).index_select(0, self.step * self.batch + self.text)


def native_layer(inputs: Tensor, packing: Packing, directions: dict[str, Any]) -> Tensor:
    """[B, T, I] -> states [B, T, D*H] of one layer, zero at padding; `directions` are its `LSTMDirection`s."""
    if torch.is_autocast_enabled("cpu"):
        # The kernel has no halves, and on most CPUs they are slower than float32.
        with torch.autocast("cpu", enabled=False):
            return native_layer(inputs.float(), packing, directions)
    flat = inputs.flatten(0, 1)
    fixed, learned = [], []
    for name, direction in directions.items():
        places, norms, weight = packing.places(name), direction.norms, _aligned(direction.dropped_weight())
        fixed.append({"places": places, **_masks(direction.settings, direction.training, packing, weight)})
        weight_ih = _aligned(direction.weight_ih)
        gates = None if norms is None else norms.input(flat.index_select(0, places) @ weight_ih.T)
        learned += [gates, None if norms else weight_ih, direction.bias_ih + direction.bias_hh, weight, *_gains(norms)]
    first = next(iter(directions.values()))
    keep = torch.is_grad_enabled() or first.training or not _is_plain(first.settings)
    source = None if first.norms else flat.contiguous()
    return NativeRecurrence.apply(packing, first.settings, first.training, keep, fixed, source, *learned)  # type: ignore[no-any-return]


def _is_plain(settings: CellSettings) -> bool:
    """Whether a cell needs no more than its last state in evaluation."""
    odd = settings.layer_norm or settings.zoneout_cell or settings.zoneout_hidden
    return not odd and (settings.activation, settings.recurrent_activation) == ("tanh", "sigmoid")


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
    """Rows of the flattened batch [B*T, I], or gates [N, 4H] of each direction, to the padded states [B, T, D*H].

    To save memory, the backward writes the gates' gradients over the gates it has computed, gathers the rows anew, and
    computes the gates again where it is asked for a second time.
    """

    @staticmethod
    def forward(
        ctx: Any,
        packing: Packing,
        settings: CellSettings,
        training: bool,
        keep: bool,
        fixed: Sequence[dict[str, Tensor | None]],
        source: Tensor | None,
        *learned: Tensor | None,
    ) -> Tensor:
        """keep: for a backward; without it states of one step alone. learned: what `LEARNED` names, of each direction.

        Gates are given where they are normalised, `source` and the weights of the inputs elsewhere.
        """
        buffers = []
        for number, given in enumerate(fixed):
            mine = learned[len(LEARNED) * number : len(LEARNED) * (number + 1)]
            own = dict(zip(LEARNED, mine, strict=True))
            buffers.append({"source": source, **given, **own, **_buffers(own, settings, packing, keep)})
        output = _output(buffers, packing)
        output.index_fill_(0, packing.padding_places, 0)
        _run(output, "forward", buffers, packing, settings, training, keep)
        ctx.given = packing, settings, training
        ctx.names = [list(entry) for entry in buffers]
        ctx.spent = False
        ctx.save_for_backward(*(tensor for entry in buffers for tensor in entry.values()))
        return output.view(packing.batch, packing.time, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The kernel gives the gates' gradients; those of the weights are one product each."""
        packing, settings, training = ctx.given
        saved = iter(ctx.saved_tensors)
        buffers = [{name: next(saved) for name in names} for names in ctx.names]
        normal = buffers[0]["normalized"] is not None
        if ctx.spent and not normal:
            _run(_output(buffers, packing), "forward", buffers, packing, settings, training, True)
        ctx.spent = True
        for entry in buffers:
            # Gates that were given are another's, perhaps, and cannot be computed again.
            entry["gate_gradients"] = torch.empty_like(entry["gates"]) if normal else entry["gates"]
            entry["product_gradients"] = torch.empty_like(entry["gates"]) if normal else entry["gates"]
        hidden, slices = buffers[0]["weight"].size(1), len(packing.slices)
        gains = gradient.new_zeros(len(buffers) * slices, 6 * hidden) if normal else None
        _run(gradient.contiguous(), "backward", buffers, packing, settings, training, True, gains)
        source = buffers[0]["source"]
        of_source = torch.zeros_like(source) if ctx.needs_input_grad[FIXED - 1] else None
        found: list[Tensor | None] = []
        for number, entry in enumerate(buffers):
            gates, of_weight_ih = entry["gate_gradients"], None
            if source is not None:
                of_weight_ih = gates.T @ source.index_select(0, entry["places"])
            if of_source is not None:
                of_source.index_add_(0, entry["places"], gates @ entry["weight_ih"])
            of_weight = entry["product_gradients"].T @ entry["inputs"]
            found += [gates if normal else None, of_weight_ih, gates.sum(dim=0), of_weight]
            if gains is None:
                found += [None, None, None]
            else:
                mine = gains[number * slices : (number + 1) * slices].sum(dim=0)
                found += list(mine.split([4 * hidden, hidden, hidden]))
        return (*[None] * (FIXED - 1), of_source, *found)


def _output(buffers: Sequence[dict[str, Tensor | None]], packing: Packing) -> Tensor:
    """[B*T, D*H], to be filled."""
    weight = buffers[0]["weight"]
    assert weight is not None
    return weight.new_empty(packing.batch * packing.time, len(buffers) * weight.size(1))


def _buffers(
    learned: dict[str, Tensor | None], settings: CellSettings, packing: Packing, keep: bool
) -> dict[str, Tensor | None]:
    """What the kernel fills for one direction; without `keep` states of one step alone."""
    gates, weight = learned["gates"], learned["weight"]
    assert weight is not None
    normal, hidden = learned["state_gain"] is not None, weight.size(1)
    if gates is None:
        gates = weight.new_empty(packing.rows, 4 * hidden) if keep else None
    elif gates.requires_grad and gates.is_leaf:
        gates = gates.clone()  # not ours to write over
    row = weight.new_empty(packing.rows if keep else packing.batch, hidden)
    return {
        "gates": gates,
        "weight": weight.contiguous(),
        "inputs": row,
        "cells": torch.empty_like(row),
        "fresh": torch.empty_like(row) if normal or settings.zoneout_cell else None,
        "squashed": torch.empty_like(row) if keep else None,
        "normalized": row.new_empty(packing.rows, 4 * hidden) if normal else None,
        "scales": row.new_empty(packing.rows, 3) if normal else None,
    }


def _run(
    output: Tensor,
    name: str,
    buffers: Sequence[dict[str, Tensor | None]],
    packing: Packing,
    settings: CellSettings,
    training: bool,
    keep: bool,
    gains: Tensor | None = None,
) -> None:
    kernel().run(
        name,
        output,
        buffers,
        packing.slices,
        settings=settings,
        training=training,
        keep=keep,
        candidate_by_row=settings.recurrent_dropout_kind == "candidate_elementwise",
        gain_gradients=gains,
    )
