"""Zoneout: how often a unit keeps its state, at every step, layer and direction, and what near-certain zoneout does."""

import pytest
import torch
from torch import Tensor

from tests.contract.chances import assert_all_independent, assert_share
from tests.contract.networks import WIDTH, copies, network, reseed, run, texts

RATE = 0.3
HALVES = ("forward_direction", "reverse_direction")


def in_order(states: tuple[Tensor, ...]) -> list[Tensor]:
    """States [B, T, H] of every layer and direction, steps as they were read."""
    return [
        half.flip(1) if number else half for layer in states for number, half in enumerate(layer.detach().chunk(2, -1))
    ]


def test_the_hidden_state_stays_at_its_share_by_step_and_unit():
    model = network(layers=3, zoneout_hidden=RATE)
    kept = []
    for states in in_order(run(model, copies(800, 4), training=True).hidden_states[1:]):
        before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)
        kept += list((states == before).unbind(1))  # bit for bit
    assert len(kept) == 3 * 2 * 4
    assert_all_independent(kept, RATE)
    for mask in kept:
        assert_all_independent(list(mask.T), RATE)


def test_the_cell_stays_at_its_share_by_step_and_unit():
    model = network(layers=3, zoneout_cell=RATE)
    kept = []
    with torch.no_grad():
        for layer in model.stack.layers:
            for direction in layer.directions.values():
                # Gates that nothing moves, so that each state tells the cell from which it was made.
                direction.weight_ih.zero_()
                direction.weight_hh.zero_()
    states = in_order(run(model, copies(800, 5), training=True).hidden_states[1:])
    directions = [layer.directions[name] for layer in model.stack.layers for name in HALVES]
    for direction, found in zip(directions, states, strict=True):
        i, f, g, o = (direction.bias_ih + direction.bias_hh).detach().chunk(4)
        added = torch.sigmoid(i) * torch.tanh(g)
        new = torch.atanh(found / torch.sigmoid(o))  # of the un-zoned cell
        old = torch.cat([torch.zeros_like(new[:, :1]), (new[:, 1:] - added) / torch.sigmoid(f)], dim=1)
        # The cell that step t starts from is the new one of t - 1, or what t - 1 started from.
        stays = (old[:, 1:] - old[:, :-1]).abs() < 1e-9
        torch.testing.assert_close(torch.where(stays, old[:, :-1], new[:, :-1]), old[:, 1:], rtol=0, atol=1e-9)
        kept += list(stays.unbind(1))
    assert len(kept) == 3 * 2 * 4
    assert_all_independent(kept, RATE)
    for mask in kept:
        assert_all_independent(list(mask.T), RATE)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_a_hidden_state_that_is_kept_nearly_always_stays_zero(training):
    for states in run(network(layers=3, zoneout_hidden=0.999999), texts(), training).hidden_states[1:]:
        assert states.abs().max() < 1e-4


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_a_cell_that_is_kept_nearly_always_remembers_nothing(training):
    """Each state is then made from a cell of zero: h = sigma(o) tanh(sigma(i) tanh(g))."""
    model = network(zoneout_cell=0.99999999)
    vectors, states = run(model, copies(2), training).hidden_states
    for direction, h in zip(model.stack.layers[0].directions.values(), in_order((states,)), strict=True):
        read = vectors.flip(1) if direction is model.stack.layers[0].directions["reverse_direction"] else vectors
        before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
        gates = read @ direction.weight_ih.T + before @ direction.weight_hh.T + direction.bias_ih + direction.bias_hh
        i, _, g, o = gates.chunk(4, -1)
        expected = torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))
        torch.testing.assert_close(h, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("autocast", [False, True], ids=["bf16", "autocast"])
def test_small_rates_keep_their_share_in_bf16(autocast):
    """Drawn in bf16, which has 256 values in [0, 1), a rate of 0.02 would be one of 0.0234."""
    rate, texts, time = 0.02, 300, 30
    model = network(zoneout_hidden=rate, embedding_size=WIDTH, hidden_size=40, embedding_dropout=0).float().train()
    with torch.no_grad():
        for direction in model.stack.layers[0].directions.values():
            # A memoryless cell: positive after word 2, negative after word 3.
            direction.weight_ih.zero_()
            direction.weight_hh.zero_()
            direction.weight_ih.view(4, 40, WIDTH)[2] = 1
            direction.bias_ih.copy_(torch.tensor([5.0, -20, 0, 5]).repeat_interleave(40))
            direction.bias_hh.zero_()
        model.embedding.table.weight[2:4] = torch.tensor([[1.0], [-1.0]])
    if not autocast:
        model.bfloat16()
    ids = torch.tensor([2, 3]).repeat(texts, time // 2)
    reseed()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states[1]
    assert autocast or states.dtype == torch.bfloat16
    right = (states > 0) == (ids == 2).unsqueeze(-1)
    forward, reverse = right.chunk(2, -1)
    for half in (forward, reverse.flip(1)):
        # After a state that fits its word, the next fits not only if it was kept.
        assert_share(~half[:, 1:][half[:, :-1]], rate)
