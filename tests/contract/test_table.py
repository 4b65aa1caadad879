"""Every setting acts where its row says, in training or always, on all layers and both directions, and on nothing else."""

from itertools import combinations
from typing import Any

import pytest
import torch
from torch import nn

from tests.contract.networks import (
    LENGTHS,
    copies,
    copy_weights,
    equal,
    labels,
    network,
    packed,
    reseed,
    run,
    same,
    texts,
)
from tests.contract.table import DATA, READINGS, TABLE, UNBOUNDED, cases, pair, plain_value
from textlstm import StackedLSTMConfig
from textlstm.model.checking import own_fields
from textlstm.model.configuration import INITIALIZATION, SCALED

pytestmark = UNBOUNDED

EVERY_ROW = cases(TABLE)
MODES = pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])


def acting(model: Any, output: Any) -> list[list[bool]]:
    """For each layer and direction, whether it makes other states than torch's LSTM would from the same input."""
    below, *states = output.hidden_states
    found = []
    for layer, ours in zip(model.stack.layers, states, strict=True):
        halves = [
            state.chunk(len(layer.directions), -1) for state in (ours, packed(layer, below, torch.tensor(LENGTHS)))
        ]
        found.append([not same(*half) for half in zip(*halves, strict=True)])
        below = ours
    return found


# The table is whole


def test_the_table_lists_every_setting_and_every_choice():
    settings = {item.name: item for item in own_fields(StackedLSTMConfig) if item.name not in DATA}
    assert {row.setting for row in TABLE} == set(settings)
    for name, item in settings.items():
        rows = [row for row in TABLE if row.setting == name]
        assert all(row.per_layer == item.metadata.get("per_layer", False) for row in rows)
        assert all(row.values[name] != plain_value(name) for row in rows)
        for choice in item.metadata.get("choices", ()):
            assert choice == plain_value(name) or any(row.values[name] == choice for row in rows), choice
    assert {key for row in TABLE for key in row.values.get("initialization", ())} == set(INITIALIZATION)
    assert {row.setting for row in TABLE if row.setting in row.rates} == set(SCALED)


# Where it acts


@MODES
@EVERY_ROW
def test_a_setting_acts_where_its_row_says_and_nowhere_else(row, layers, bidirectional, training):
    plain, model = pair(row, layers, bidirectional)
    ours, clean = run(model, texts(), training), run(plain, texts(), training)
    place = row.place if training or row.evaluation else "nothing"
    assert same(ours.hidden_states[0], clean.hidden_states[0]) == (place != "vectors")
    if place == "layer 2":
        equals = [same(*states) for states in zip(ours.hidden_states[1:], clean.hidden_states[1:], strict=True)]
        assert equals == [True, False, False]
    else:
        assert acting(model, ours) == [[place == "layers"] * model.config.directions] * model.config.layers
    assert same(ours.logits, clean.logits) == (place in ("loss", "nothing"))
    assert same(ours.loss, nn.functional.cross_entropy(ours.logits, labels(4))) == (place != "loss")
    assert (ours.penalty is None) == (place != "loss")


@pytest.mark.parametrize("bidirectional", READINGS, ids=["forward", "both"])
@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("row", [row for row in TABLE if row.per_layer and row.place == "layers"], ids=str)
def test_a_list_acts_on_the_layer_that_it_names_in_both_directions(row, where, bidirectional):
    model = network(layers=3, bidirectional=bidirectional, **row.at_layer(where))
    expected = [[layer == where] * (1 + bidirectional) for layer in range(3)]
    assert acting(model, run(model, texts(), training=True)) == expected
    if row.evaluation:
        assert acting(model, run(model, texts(), training=False)) == expected


@cases(row for row in TABLE if row.per_layer)
def test_a_list_of_one_value_is_that_value(row, layers, bidirectional):
    listed = {name: [value] * layers for name, value in row.values.items()}
    models = [network(layers=layers, bidirectional=bidirectional, **values) for values in (row.values, listed)]
    for training in (False, True):
        assert equal(*(run(model, texts(), training) for model in models))


@pytest.mark.parametrize("widths", [[5], [4, 7, 2]], ids=str)
@pytest.mark.parametrize("bidirectional", READINGS, ids=["forward", "both"])
def test_depth_widths_and_directions_are_the_shapes_of_the_states(widths, bidirectional):
    model = network(layers=len(widths), hidden_size=widths, bidirectional=bidirectional)
    _, *states = run(model, texts(), training=True).hidden_states
    assert [state.size(-1) for state in states] == [(1 + bidirectional) * width for width in widths]
    for layer, width in zip(model.stack.layers, widths, strict=True):
        assert [len(part.weight_hh) for part in layer.directions.values()] == [4 * width] * (1 + bidirectional)


# Nothing at zero


@cases(row for row in TABLE if row.rates)
def test_a_rate_or_a_scale_of_zero_is_the_plain_network_and_draws_nothing(row, layers, bidirectional):
    plain, _ = pair(row, layers, bidirectional)
    clean = run(plain, texts(), training=True)
    for values in (dict.fromkeys(row.rates, 0), row.values | {"regularization_scale": 0}):
        model = network(layers=layers, bidirectional=bidirectional, **values)
        copy_weights(plain, model)
        reseed()
        state = torch.get_rng_state()
        assert equal(run(model, texts(), training=True), clean)
        assert torch.equal(torch.get_rng_state(), state)
        assert equal(run(model, texts(), training=False), run(plain, texts(), training=False))


@cases(row for row in TABLE if row.setting in row.rates)
def test_the_scale_multiplies_every_rate(row, layers, bidirectional):
    whole = network(layers=layers, bidirectional=bidirectional, **row.values)
    half = {row.setting: row.values[row.setting] / 2}
    for values in (half, {row.setting: [half[row.setting]] * layers} if row.per_layer else half):
        doubled = network(layers=layers, bidirectional=bidirectional, regularization_scale=2, **values)
        for training in (False, True):
            assert equal(run(whole, texts(), training), run(doubled, texts(), training))


# What is drawn


@EVERY_ROW
def test_only_training_is_random_and_only_where_the_row_says(row, layers, bidirectional):
    _, model = pair(row, layers, bidirectional)
    for training in (False, True):
        drawn = training and bool(row.drawn)
        first = run(model, texts(), training)
        state = torch.get_rng_state()
        second = model(texts(), labels=labels(4), output_hidden_states=True)
        assert equal(first, second) != drawn
        assert torch.equal(torch.get_rng_state(), state) != drawn


@EVERY_ROW
def test_equal_texts_share_a_draw_only_where_it_is_for_the_batch(row, layers, bidirectional):
    _, model = pair(row, layers, bidirectional)
    logits = run(model, copies(4, length=9), training=True).logits
    equals = [same(first, second) for first, second in combinations(logits, 2)]
    assert equals == [row.drawn in ("", "batch")] * 6
