"""What every gate of every layer and direction starts with, by `initialization`, and nothing else; joins and mixes too."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.contract.networks import SIZES, reseed
from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification


def fresh(initialization: dict, **settings: Any) -> StackedLSTMForSequenceClassification:
    reseed()
    return StackedLSTMForSequenceClassification(
        StackedLSTMConfig(**(SIZES | {"layers": 3} | settings), initialization=initialization)
    )


def directions(model: StackedLSTMForSequenceClassification) -> list:
    return [direction for layer in model.stack.layers for direction in layer.directions.values()]


@pytest.mark.parametrize("kind", ["xavier", "orthogonal", "he", "uniform"])
@pytest.mark.parametrize(("key", "name"), [("input", "weight_ih"), ("recurrent", "weight_hh")])
def test_weights_of_every_gate_have_the_spread_of_their_kind(key, name, kind):
    for direction in directions(fresh({key: kind}, embedding_size=100, hidden_size=50)):
        for gate in getattr(direction, name).detach().chunk(4):
            fan_out, fan_in = gate.shape
            if kind == "orthogonal":
                torch.testing.assert_close(gate @ gate.T, torch.eye(fan_out), rtol=0, atol=1e-4)
                continue
            bound = {
                "xavier": math.sqrt(6 / (fan_in + fan_out)),
                "he": math.sqrt(6 / fan_in),
                "uniform": 50**-0.5,
            }[kind]
            assert 0.98 * bound < gate.abs().max() <= bound
            assert gate.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def changed(first: dict[str, Tensor], second: dict[str, Tensor]) -> set[str]:
    return {name for name in first if not torch.equal(first[name], second[name])}


@pytest.mark.parametrize(
    ("ours", "theirs", "part"),
    [
        # Pairs that draw equally many numbers, so that all other weights meet the same ones.
        ({"input": "he"}, {"input": "uniform"}, "weight_ih"),
        ({"recurrent": "xavier"}, {"recurrent": "uniform"}, "weight_hh"),
        ({"forget_bias": 0.5}, {}, "bias_ih"),
    ],
    ids=str,
)
def test_each_key_changes_its_weights_in_every_layer_and_direction_and_no_others(ours, theirs, part):
    first, second = fresh(ours).state_dict(), fresh(theirs).state_dict()
    expected = {name for name in first if name.endswith(part)}
    assert len(expected) == 6
    assert changed(first, second) == expected


@pytest.mark.parametrize("bias", [0.0, 1.0, 2.5])
def test_the_forget_bias_is_the_sum_of_both_vectors(bias):
    for direction in directions(fresh({"forget_bias": bias})):
        i, f, g, o = (direction.bias_ih + direction.bias_hh).detach().chunk(4)
        assert torch.equal(f, torch.full_like(f, bias))
        assert not torch.cat([i, g, o]).any()


def test_chrono_biases_are_drawn_for_memories_up_to_its_length():
    model = fresh({"chrono": 100, "recurrent": "uniform"}, hidden_size=600, embedding_size=2, layers=2)
    assert len(directions(model)) == 4
    for direction in directions(model):
        i, f, g, o = (direction.bias_ih + direction.bias_hh).detach().chunk(4)
        memory = f.exp()
        assert memory.min() >= 1
        assert memory.max() <= 99.001
        assert memory.mean().item() == pytest.approx(50, abs=5 * 98 / math.sqrt(12 * 600))  # uniform over [1, 99]
        assert torch.equal(i, -f)
        assert not torch.cat([g, o]).any()
    plain, drawn = directions(fresh({}))[0], directions(fresh({"chrono": 20}))[0]
    assert changed(plain.state_dict(), drawn.state_dict()) == {"bias_ih"}


def test_highways_start_mostly_closed_and_a_mix_as_the_mean_of_all_layers():
    model = fresh({}, connections="highway", readout="mix")
    for join in list(model.stack.joins)[1:]:
        assert torch.equal(join.gate.bias, torch.full_like(join.gate.bias, -1))
    states = list(torch.randn(3, 2, 4, 12))
    torch.testing.assert_close(model.readout(states), sum(states) / 3)
