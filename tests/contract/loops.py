"""The cell by hand: one text, one step, one direction at a time, in float64 numpy, with given masks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

Array = np.ndarray


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


PHI: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "softsign": lambda x: x / (1 + abs(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))(x),
    "identity": lambda x: x,
}
SIGMA: dict[str, Callable[[Array], Array]] = {"sigmoid": sigmoid, "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1)}


@dataclass(frozen=True)
class Cell:
    """What the loop is told beside the weights. Masks are of one text; steps count in the order of reading."""

    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    layer_norm: bool = False
    zoneout_cell: float = 0.0
    """Rate of which the expectation is taken; so too for `zoneout_hidden`."""
    zoneout_hidden: float = 0.0
    state_mask: Array | None = None
    """[H], on h[t-1] as all four gates read it."""
    candidate_masks: Array | None = None
    """[T, H], on what is added to the cell."""
    keep_cell: Array | None = None
    """[T, H] of booleans: where the cell stays as it was; so too `keep_hidden`."""
    keep_hidden: Array | None = None
    weight_mask: Array | None = None
    """[4H, H], on W_hh."""


def normalise(x: Array, norm: Any) -> Array:
    """Layer normalisation of one vector (Ba 2016)."""
    scaled = (x - x.mean()) / np.sqrt(x.var() + norm.eps) * norm.weight.detach().numpy()
    return scaled + (0 if norm.bias is None else norm.bias.detach().numpy())


def loop(direction: Any, text: Array, cell: Cell, reverse: bool) -> Array:
    """[T, I] -> states [T, H] of one direction."""
    w_ih, w_hh, b_ih, b_hh = (
        getattr(direction, name).detach().numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    w_hh = w_hh if cell.weight_mask is None else w_hh * cell.weight_mask
    phi, sigma = PHI[cell.activation], SIGMA[cell.recurrent_activation]
    norms = direction.norms if cell.layer_norm else None
    assert (direction.norms is not None) == cell.layer_norm
    h = c = np.zeros(w_hh.shape[1])
    states = np.zeros((len(text), len(h)))
    for step, t in enumerate(range(len(text))[:: -1 if reverse else 1]):
        read = h if cell.state_mask is None else h * cell.state_mask
        a, r = w_ih @ text[t], w_hh @ read
        a = (normalise(a, norms.input) + normalise(r, norms.state) if norms else a + r) + b_ih + b_hh
        i, f, g, o = np.split(a, 4)
        added = phi(g) if cell.candidate_masks is None else phi(g) * cell.candidate_masks[step]
        new_c = sigma(f) * c + sigma(i) * added
        new_h = sigma(o) * phi(normalise(new_c, norms.cell) if norms else new_c)
        c = zone(c, new_c, cell.zoneout_cell, cell.keep_cell, step)
        h = zone(h, new_h, cell.zoneout_hidden, cell.keep_hidden, step)
        states[t] = h
    return states


def zone(old: Array, new: Array, rate: float, keep: Array | None, step: int) -> Array:
    return rate * old + (1 - rate) * new if keep is None else np.where(keep[step], old, new)


def stack_by_hand(model: Any, ids: Tensor, cell: Callable[[int, str, int], Cell]) -> list[list[Array]]:
    """States [T, D*H] of every layer and text, each text by itself without padding.

    cell(layer, name of the direction, row of the text) says what is drawn there.
    """
    below = [model.embedding.table(row[row > 0]).detach().numpy() for row in ids]
    layers = []
    for number, layer in enumerate(model.stack.layers):
        below = [
            np.concatenate(
                [
                    loop(direction, text, cell(number, name, row), reverse=name.startswith("reverse"))
                    for name, direction in layer.directions.items()
                ],
                axis=1,
            )
            for row, text in enumerate(below)
        ]
        layers.append(below)
    return layers


def assert_states(found: tuple[Tensor, ...], expected: list[list[Array]]) -> None:
    """States [B, T, D*H] of every layer are those by hand, and zero at padding."""
    assert len(found) == len(expected)
    for layer, by_text in zip(found, expected, strict=True):
        for row, text in enumerate(by_text):
            np.testing.assert_allclose(layer[row, : len(text)].detach().numpy(), text, rtol=0, atol=1e-10)
            assert not layer[row, len(text) :].any()
