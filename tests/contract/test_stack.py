"""What joins, reads and penalises the layers: connections, readouts, AR and TAR, against closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.contract.networks import LENGTHS, copy_weights, labels, network, packed, run, texts
from tests.contract.table import READINGS

READING = pytest.mark.parametrize("bidirectional", READINGS, ids=["forward", "both"])


def join_by_hand(model: torch.nn.Module, number: int, states: list[Tensor]) -> Tensor:
    """What the layer of that number gives before its dropout, from `states` of the layers below, the vectors first."""
    kind = model.config.connections
    below = torch.cat(states, -1) if kind == "dense" else states[-1]
    made = packed(model.stack.layers[number], below, torch.tensor(LENGTHS))
    if kind == "residual" and number:
        return below + made
    if kind == "highway" and number:
        gate = model.stack.joins[number].gate
        share = 1 / (1 + torch.exp(-(below @ gate.weight.T + gate.bias)))
        return share * made + (1 - share) * below
    return made


@READING
@pytest.mark.parametrize("dropout", [0, [0.2, 0.5, 0.2]], ids=["whole", "dropped"])
@pytest.mark.parametrize("connections", ["none", "residual", "highway", "dense"])
def test_connections_join_dropped_states_from_the_second_layer_on(connections, dropout, bidirectional):
    model = network(layers=3, bidirectional=bidirectional, connections=connections, dropout=dropout)
    states = run(model, texts(), training=True).hidden_states
    for number, rate in enumerate(dropout or [0, 0, 0]):
        expected = join_by_hand(model, number, list(states[: number + 1]))
        found = states[number + 1]
        if rate:  # no state of a word is zero but a dropped one, so the zeros are the mask
            dropped = found == 0
            assert 0 < dropped[texts() > 0].double().mean() < 2 * rate
            expected = expected.masked_fill(dropped, 0) / (1 - rate)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


# Readouts


@READING
def test_all_layers_side_by_side_are_pooled_as_each_by_itself(bidirectional):
    model = network(layers=3, bidirectional=bidirectional, hidden_size=[6, 4, 2], readout="all", pooling="last")
    output = run(model, texts(), training=False)
    halves = [state.chunk(1 + bidirectional, -1) for state in output.hidden_states[1:]]
    ends = [half[0][torch.arange(4), torch.tensor(LENGTHS) - 1] for half in halves]
    ends += [half[1][:, 0] for half in halves] if bidirectional else []
    torch.testing.assert_close(output.logits, model.head(torch.cat(ends, -1)), rtol=0, atol=1e-12)


@READING
def test_the_mix_is_a_softmax_of_layers(bidirectional):
    model = network(layers=3, bidirectional=bidirectional, readout="mix", pooling="mean")
    with torch.no_grad():
        model.readout.layer_weights.copy_(torch.tensor([0.0, math.log(2), math.log(5)], dtype=torch.float64))
        model.readout.gamma.fill_(4.0)
    output = run(model, texts(), training=False)
    _, first, second, third = output.hidden_states
    mixed = 4 * (first + 2 * second + 5 * third) / 8
    pooled = mixed.sum(1) / torch.tensor(LENGTHS).unsqueeze(-1)  # states are zero at padding
    torch.testing.assert_close(output.logits, model.head(pooled), rtol=0, atol=1e-12)


# AR and TAR


def penalties(dropped: Tensor, undropped: Tensor) -> tuple[float, float]:
    """AR and TAR by hand: means of squares over real tokens, and over pairs of them in one text and direction."""
    squares, steps = [], []
    for row, length in enumerate(LENGTHS):
        ours, whole = dropped[row].detach().numpy(), undropped[row].detach().numpy()
        squares += [ours[t, unit] ** 2 for t in range(length) for unit in range(ours.shape[1])]
        steps += [
            (whole[t + 1, unit] - whole[t, unit]) ** 2 for t in range(length - 1) for unit in range(ours.shape[1])
        ]
    return np.mean(squares), np.mean(steps)


@READING
@pytest.mark.parametrize("connections", ["none", "residual"])
@pytest.mark.parametrize("dropout", [0, 0.5], ids=["whole", "dropped"])
@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 0), (0, 0.7), (2.0, 0.7)], ids=["AR", "TAR", "both"])
def test_ar_and_tar_are_their_closed_forms_over_the_last_layer(alpha, beta, dropout, connections, bidirectional):
    settings = {"layers": 2, "bidirectional": bidirectional, "dropout": dropout, "connections": connections}
    rates = {"activation_regularization": alpha, "temporal_activation_regularization": beta}
    model, plain = network(**settings, **rates), network(**settings)
    copy_weights(plain, model)
    output, clean = run(model, texts(), training=True), run(plain, texts(), training=True)
    undropped = join_by_hand(model, 1, list(output.hidden_states[:-1]))
    activation, temporal = penalties(output.hidden_states[-1], undropped)
    expected = alpha * activation + beta * temporal
    assert output.penalty.item() == pytest.approx(expected, abs=1e-12)
    assert (output.loss - clean.loss).item() == pytest.approx(expected, abs=1e-12)
    assert run(model, texts(padding=5), training=True).penalty.item() == pytest.approx(expected, abs=1e-12)
    assert model(texts()).loss is None
    evaluated = run(model, texts(), training=False)
    assert evaluated.penalty is None
    assert evaluated.loss.item() == pytest.approx(
        torch.nn.functional.cross_entropy(evaluated.logits, labels(4)).item(), abs=1e-12
    )


def test_the_penalty_of_texts_of_one_word_has_no_step():
    model = network(temporal_activation_regularization=1.0)
    assert run(model, texts([1, 1]), training=True).penalty.item() == 0
