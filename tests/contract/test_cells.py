"""The cells follow their equations: against loops by hand, against torch's LSTM, and each recurrence against the other."""

import pytest
import torch

from tests.contract.loops import PHI, Cell, assert_states, stack_by_hand
from tests.contract.networks import EMBEDDING, copy_weights, network, packed, run, texts
from tests.contract.table import READINGS, UNBOUNDED
from textlstm.model import stack

pytestmark = UNBOUNDED

READING = pytest.mark.parametrize("bidirectional", READINGS, ids=["forward", "both"])
SETTINGS = [
    *({"activation": name} for name in PHI),
    {"recurrent_activation": "hardsigmoid"},
    {"layer_norm": True},
    {"zoneout_cell": 0.3},
    {"zoneout_hidden": 0.2},
    {"layer_norm": True, "zoneout_cell": 0.3, "zoneout_hidden": 0.2, "activation": "softsign"},
]


@pytest.mark.parametrize("layers", [1, 3])
@READING
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_cell_follows_its_equations_at_every_layer_and_direction(layers, bidirectional, settings):
    model = network(**({"layers": layers, "bidirectional": bidirectional, "recurrence": "reference"} | settings))
    cell = Cell(**settings)
    states = run(model, texts(), training=False).hidden_states[1:]
    assert_states(states, stack_by_hand(model, texts(), lambda *_: cell))


@READING
def test_every_layer_may_have_a_cell_of_its_own(bidirectional):
    lists = {
        "activation": ["relu", "tanh", "softsign"],
        "recurrent_activation": ["sigmoid", "hardsigmoid", "sigmoid"],
        "layer_norm": [False, True, False],
        "zoneout_cell": [0.1, 0, 0.3],
        "zoneout_hidden": [0.3, 0.2, 0],
    }
    model = network(layers=3, hidden_size=[4, 7, 3], bidirectional=bidirectional, **lists)
    cells = [Cell(**{name: values[layer] for name, values in lists.items()}) for layer in range(3)]
    states = run(model, texts(), training=False).hidden_states[1:]
    assert_states(states, stack_by_hand(model, texts(), lambda layer, *_: cells[layer]))


@READING
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_both_recurrences_are_torchs_packed_lstm_forward_and_backward(layers, bidirectional):
    torch.manual_seed(0)
    lengths = torch.randperm(60) + 1
    mask = torch.arange(62) < lengths.unsqueeze(1)
    inputs = torch.randn(60, 62, EMBEDDING, dtype=torch.float64, requires_grad=True)
    weighting = torch.randn(60, 62, 6 * (1 + bidirectional), dtype=torch.float64)
    models = [network(layers=layers, bidirectional=bidirectional, recurrence=name) for name in ("fused", "reference")]
    copy_weights(*models)

    def gradients(states, model):
        return torch.autograd.grad((states * weighting).sum(), [inputs, *model.stack.parameters()])

    expected = inputs
    for layer in models[0].stack.layers:
        expected = packed(layer, expected, lengths)
    expected_gradients = gradients(expected, models[0])
    for model in models:
        states = model.stack(inputs, lengths, mask)[0][-1]
        torch.testing.assert_close(states, expected, rtol=0, atol=1e-10)
        for ours, theirs in zip(gradients(states, model), expected_gradients, strict=True):
            assert theirs.abs().max() > 1e-3
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "fused"),
        ({"weight_drop": 0.3, "dropout": 0.3, "connections": "highway", "readout": "mix"}, "fused"),
        ({"zoneout_cell": [0, 0.1]}, "reference"),
        ({"layer_norm": [False, True]}, "reference"),
        ({"recurrent_dropout": 0.1, "regularization_scale": 0}, "fused"),
        ({"recurrence": "reference"}, "reference"),
    ],
    ids=str,
)
@pytest.mark.parametrize("compiled", [True, False], ids=["kernel", "no kernel"])
def test_auto_takes_the_fastest_that_can_run_the_settings(monkeypatch, settings, expected, compiled):
    monkeypatch.setattr(stack, "kernel", lambda: object() if compiled else None)
    model = network(layers=2, **settings)
    assert model.stack.recurrence == ("native" if compiled and "recurrence" not in settings else expected)
    # Off the CPU, where there is no such kernel, the others run.
    assert [part.fused for layer in model.stack.layers for part in layer.directions.values()] == [
        expected == "fused"
    ] * 4


def test_a_kernel_that_is_asked_for_and_not_there_is_told(monkeypatch):
    monkeypatch.setattr(stack, "kernel", lambda: None)
    with pytest.warns(UserWarning, match=r"recurrence=native: there is no kernel here; reference runs instead"):
        assert network(layers=2, recurrence="native", layer_norm=True).stack.recurrence == "reference"
