"""The contract of settings: each acts on every layer and direction, as its paper says, and on nothing else.

References are float64 loops and closed forms written here, not the program's own functions.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.model.dropout import drop_words

VOCABULARY, WIDTH = 30, 6
LENGTHS = [7, 4, 1, 7]


def texts(lengths: list[int] = LENGTHS) -> torch.Tensor:
    """Ids [B, T] of random words, padded with 0."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(2, VOCABULARY, (length,), generator=generator)
    return ids


def network(*, seed: int = 0, **settings: Any) -> StackedLSTMForSequenceClassification:
    """A small float64 network whose biases are not zero, so that every term counts."""
    defaults = {"vocab_size": VOCABULARY, "embedding_size": 5, "hidden_size": WIDTH, "num_labels": 3}
    torch.manual_seed(seed)
    model = StackedLSTMForSequenceClassification(StackedLSTMConfig(**(defaults | settings))).double()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "bias" in name or "norms" in name:
                weight.add_(0.3 * torch.randn_like(weight))
    return model


def same_weights(model: Any, **settings: Any) -> StackedLSTMForSequenceClassification:
    """A network with other settings and the weights of `model`, as far as it has them."""
    other = network(**settings)
    other.load_state_dict(model.state_dict(), strict=False)
    return other


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


PHI = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "softsign": lambda x: x / (1 + abs(x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))(x),
    "identity": lambda x: x,
}
SIGMA = {"sigmoid": sigmoid, "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1)}


def normalise(x: np.ndarray, norm: Any) -> np.ndarray:
    """Layer normalisation of one vector (Ba 2016), by hand."""
    scaled = (x - x.mean()) / np.sqrt(x.var() + norm.eps) * norm.weight.detach().numpy()
    return scaled + (0 if norm.bias is None else norm.bias.detach().numpy())


def loop(
    direction: Any, text: np.ndarray, reverse: bool, phi: Any, sigma: Any, zoneout: tuple[float, float]
) -> np.ndarray:
    """One direction over one text [T, I], a unit at a time in plain numpy; zoneout as its expectation."""
    w_ih, w_hh = direction.weight_ih.detach().numpy(), direction.weight_hh.detach().numpy()
    b_ih, b_hh = direction.bias_ih.detach().numpy(), direction.bias_hh.detach().numpy()
    norms, hidden = direction.norms, w_hh.shape[1]
    h, c = np.zeros(hidden), np.zeros(hidden)
    states = np.zeros((len(text), hidden))
    for t in range(len(text))[:: -1 if reverse else 1]:
        a, r = w_ih @ text[t], w_hh @ h
        a = (normalise(a, norms.input) + normalise(r, norms.state) if norms else a + r) + b_ih + b_hh
        i, f, g, o = np.split(a, 4)
        new_c = sigma(f) * c + sigma(i) * phi(g)
        new_h = sigma(o) * phi(normalise(new_c, norms.cell) if norms else new_c)
        c = zoneout[0] * c + (1 - zoneout[0]) * new_c
        h = zoneout[1] * h + (1 - zoneout[1]) * new_h
        states[t] = h
    return states


def stack_by_hand(
    model: Any, ids: torch.Tensor, phi: Any, sigma: Any, zoneout: tuple[float, float]
) -> list[list[np.ndarray]]:
    """The states of every layer for every text, each text by itself, without padding."""
    below = [model.embedding.table(row[row > 0]).detach().numpy() for row in ids]
    layers = []
    for layer in model.stack.layers:
        parts = [
            [
                loop(direction, text, name.startswith("reverse"), phi, sigma, zoneout)
                for name, direction in layer.directions.items()
            ]
            for text in below
        ]
        below = [np.concatenate(part, axis=1) for part in parts]
        layers.append(below)
    return layers


def assert_layers_equal(model: Any, ids: torch.Tensor, expected: list[list[np.ndarray]]) -> None:
    states = model.eval()(ids, output_hidden_states=True).hidden_states[1:]
    for layer, by_text in zip(states, expected, strict=True):
        for row, text in enumerate(by_text):
            np.testing.assert_allclose(layer[row, : len(text)].detach().numpy(), text, rtol=0, atol=1e-10)
            assert not layer[row, len(text) :].any()


# Cells, against plain loops

DEPTHS = pytest.mark.parametrize("layers", [1, 3])
READING = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])


@DEPTHS
@READING
@pytest.mark.parametrize(
    "settings",
    [{"activation": name} for name in PHI]
    + [{"recurrent_activation": "hardsigmoid"}, {"layer_norm": True}, {"zoneout_cell": 0.3}, {"zoneout_hidden": 0.2}]
    + [{"layer_norm": True, "zoneout_cell": 0.3, "zoneout_hidden": 0.2, "activation": "softsign"}],
    ids=str,
)
def test_every_cell_follows_its_equations_at_every_layer_and_direction(layers, bidirectional, settings):
    model = network(layers=layers, bidirectional=bidirectional, **({"recurrence": "reference"} | settings))
    phi, sigma = PHI[settings.get("activation", "tanh")], SIGMA[settings.get("recurrent_activation", "sigmoid")]
    zoneout = settings.get("zoneout_cell", 0.0), settings.get("zoneout_hidden", 0.0)
    assert_layers_equal(model, texts(), stack_by_hand(model, texts(), phi, sigma, zoneout))


@READING
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_reference_and_fused_agree_forward_and_backward(layers, bidirectional):
    ids = texts([60, 1, 33, 7, 60])
    fused = network(layers=layers, bidirectional=bidirectional, recurrence="fused")
    reference = same_weights(fused, layers=layers, bidirectional=bidirectional, recurrence="reference")
    labels = torch.tensor([0, 1, 2, 0, 1])
    outputs = [model(ids, labels=labels) for model in (fused, reference)]
    torch.testing.assert_close(outputs[0].logits, outputs[1].logits, rtol=0, atol=1e-10)
    for output in outputs:
        output.loss.backward()
    for (name, ours), theirs in zip(fused.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10, msg=name)


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
def test_auto_takes_the_fast_kernels_wherever_they_can_run_the_settings(settings, expected):
    assert network(layers=2, **settings).stack.recurrence == expected


# Regularization: what is random in training

RANDOM = [
    {"word_dropout": 0.5},
    {"type_dropout": 0.5},
    {"embedding_dropout": 0.5},
    {"input_dropout": 0.5},
    {"dropout": 0.5},
    {"dropout": 0.5, "dropout_kind": "elementwise"},
    {"recurrent_dropout": 0.5},
    {"recurrent_dropout": 0.5, "recurrent_dropout_kind": "candidate"},
    {"recurrent_dropout": 0.5, "recurrent_dropout_kind": "candidate_elementwise"},
    {"weight_drop": 0.5},
]
PER_LAYER = ["dropout", "recurrent_dropout", "weight_drop", "zoneout_cell", "zoneout_hidden"]


@DEPTHS
@pytest.mark.parametrize("settings", RANDOM, ids=str)
def test_dropouts_act_in_training_and_are_off_in_evaluation(layers, settings):
    plain = network(layers=layers)
    model, ids = same_weights(plain, layers=layers, **settings), texts()
    before = model.eval()(ids).logits
    torch.testing.assert_close(before, plain.eval()(ids).logits, rtol=0, atol=1e-12)
    model.train()
    first, second = model(ids).logits, model(ids).logits
    assert not torch.equal(first, second)
    assert torch.equal(model.eval()(ids).logits, before)


@pytest.mark.parametrize(
    "settings", [*RANDOM, {"zoneout_cell": 0.5}, {"zoneout_hidden": 0.5}, {"activation_regularization": 3.0}], ids=str
)
def test_a_scale_of_zero_switches_everything_off(settings):
    plain = network(layers=2)
    model = same_weights(plain, layers=2, regularization_scale=0, **settings)
    labels = torch.tensor([0, 1, 2, 0])
    torch.testing.assert_close(
        model.train()(texts(), labels=labels).loss, plain(texts(), labels=labels).loss, rtol=0, atol=1e-12
    )


@READING
@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("name", PER_LAYER)
def test_a_rate_for_one_layer_acts_there_in_both_directions_and_not_below(name, where, bidirectional):
    rates = [0.6 if layer == where else 0.0 for layer in range(3)]
    plain = network(layers=3, bidirectional=bidirectional)
    model = same_weights(plain, layers=3, bidirectional=bidirectional, **{name: rates}).train()
    clean = plain(texts(), output_hidden_states=True).hidden_states[1:]
    states = model(texts(), output_hidden_states=True).hidden_states[1:]
    for layer in range(where):
        torch.testing.assert_close(states[layer], clean[layer], rtol=0, atol=1e-12)
    for ours, theirs in zip(
        states[where].chunk(1 + bidirectional, -1), clean[where].chunk(1 + bidirectional, -1), strict=True
    ):
        assert not torch.allclose(ours, theirs)


@DEPTHS
def test_weight_drop_zeroes_its_share_of_every_recurrent_matrix_and_leaves_the_weights_alone(layers):
    model = network(layers=layers, hidden_size=40, weight_drop=0.3).train()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    model(texts([20] * 8), labels=torch.zeros(8, dtype=torch.long)).loss.backward()
    matrices = [name for name in before if name.endswith("weight_hh")]
    assert len(matrices) == 2 * layers
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name])
        if name in matrices:
            # A dropped weight gets no gradient; every other one does.
            assert (weight.grad == 0).double().mean().item() == pytest.approx(0.3, abs=0.03)


def test_weight_drop_is_one_draw_for_the_batch():
    model = network(weight_drop=0.5, pooling="last").train()
    ids = texts([7]).expand(6, 7)
    logits = model(ids).logits
    torch.testing.assert_close(logits, logits[:1].expand_as(logits), rtol=0, atol=1e-12)


def test_variational_recurrent_dropout_is_constant_in_time_and_differs_between_texts(monkeypatch):
    masks = []
    original = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *shape, **kw: masks.append(original(*shape, **kw)) or masks[-1])
    network(recurrent_dropout=0.5, layers=2).train()(texts())
    assert [mask.shape for mask in masks] == [(1, len(LENGTHS), WIDTH)] * 4  # two layers, two directions
    assert len({tuple(row.tolist()) for mask in masks for row in mask[0]}) == 4 * len(LENGTHS)


def test_zoneout_keeps_old_states_bit_for_bit_at_its_share():
    model = network(zoneout_hidden=0.4, hidden_size=50, bidirectional=False).train()
    states = model(texts([60] * 6), output_hidden_states=True).hidden_states[1]
    kept = (states[:, 1:] == states[:, :-1]).double().mean().item()
    assert kept == pytest.approx(0.4, abs=0.02)


def test_zoneout_of_the_hidden_state_near_one_freezes_it():
    states = network(zoneout_hidden=0.999999).eval()(texts(), output_hidden_states=True).hidden_states[1]
    assert states.abs().max() < 1e-4


def test_word_dropout_replaces_its_share_and_never_a_whole_text():
    torch.manual_seed(0)
    ids = torch.randint(2, 50, (400, 50))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[:200, 1:] = False  # texts of a single word
    ids = ids.masked_fill(~mask, 0)
    dropped = drop_words(ids, mask, 0.4, 1)
    assert torch.equal(dropped[:200], ids[:200])
    assert (dropped[200:] == 1).double().mean().item() == pytest.approx(0.4, abs=0.01)
    kept = dropped != 1
    assert torch.equal(dropped[kept], ids[kept])
    assert (drop_words(ids, mask, 0.99, 1) != 1)[mask].any()
    assert ((drop_words(ids, mask, 0.99, 1) != 1) & mask).any(dim=1).all()


def embedded(ids: torch.Tensor, **settings: Any) -> torch.Tensor:
    """Which positions keep their vectors: 0, or the factor of the rest."""
    model = network(**settings).train()
    vectors = model.embedding(ids, ids > 0)
    return (vectors / model.embedding.table(ids))[..., 0]


def test_type_dropout_has_one_mask_for_a_word_in_a_text_and_another_in_the_next():
    ids = torch.randint(2, 10, (300, 40))
    factors = embedded(ids, type_dropout=0.3)
    for row, factor in zip(ids, factors, strict=True):
        for word in row.unique():
            assert len(factor[row == word].round(decimals=6).unique()) == 1
    assert len(factors[ids == 3].round(decimals=6).unique()) == 2
    assert factors.mean().item() == pytest.approx(1, abs=0.05)


def test_embedding_dropout_has_one_mask_for_a_word_in_the_whole_batch():
    ids = torch.randint(2, VOCABULARY, (200, 40))
    factors = embedded(ids, embedding_dropout=0.5).round(decimals=6)
    assert all(len(factors[ids == word].unique()) == 1 for word in range(2, VOCABULARY))
    assert set(factors.unique().tolist()) == {0.0, 2.0}


# AR and TAR


@READING
def test_ar_and_tar_are_their_closed_forms_over_real_tokens(bidirectional):
    alpha, beta, labels = 2.0, 0.7, torch.tensor([0, 1, 2, 0])
    plain = network(layers=2, bidirectional=bidirectional)
    model = same_weights(
        plain,
        layers=2,
        bidirectional=bidirectional,
        activation_regularization=alpha,
        temporal_activation_regularization=beta,
    )
    states = plain(texts(), output_hidden_states=True).hidden_states[-1].detach().numpy()
    squares = [states[row, t] ** 2 for row, length in enumerate(LENGTHS) for t in range(length)]
    steps = [
        (states[row, t + 1] - states[row, t]) ** 2 for row, length in enumerate(LENGTHS) for t in range(length - 1)
    ]
    expected = alpha * np.mean(squares) + beta * np.mean(steps)
    loss = plain(texts(), labels=labels).loss
    assert (model.train()(texts(), labels=labels).loss - loss).item() == pytest.approx(expected, abs=1e-12)
    assert model.eval()(texts(), labels=labels).loss.item() == pytest.approx(loss.item(), abs=1e-12)
    more = torch.cat([texts(), torch.zeros(4, 5, dtype=torch.long)], dim=1)
    assert model.train()(more).penalty.item() == pytest.approx(expected, abs=1e-12)


# Stack


@pytest.mark.parametrize("connections", ["residual", "highway", "dense"])
def test_connections_join_from_the_second_layer_on(connections):
    model, ids = network(layers=3, connections=connections).eval(), texts()
    states = model(ids, output_hidden_states=True).hidden_states
    mask, lengths = ids > 0, (ids > 0).sum(1)
    from textlstm.model.layer import reversal_index

    index = reversal_index(lengths, ids.size(1))
    for number in (1, 2):
        below = torch.cat(states[1 : number + 1], -1) if connections == "dense" else states[number]
        expected = model.stack.layers[number](below, mask.unsqueeze(-1), index)
        if connections == "residual":
            expected = expected + below
        if connections == "highway":
            gate = model.stack.joins[number].gate
            share = 1 / (1 + torch.exp(-(below @ gate.weight.T + gate.bias)))
            expected = share * expected + (1 - share) * below
        torch.testing.assert_close(states[number + 1], expected, rtol=0, atol=1e-12)


def test_all_layers_side_by_side_are_pooled_as_each_by_itself():
    model, ids = network(layers=3, hidden_size=[6, 4, 2], readout="all", pooling="last").eval(), texts()
    states = model(ids, output_hidden_states=True).hidden_states[1:]
    halves = [state.chunk(2, -1) for state in states]
    ends = [half[0][torch.arange(4), torch.tensor(LENGTHS) - 1] for half in halves] + [half[1][:, 0] for half in halves]
    torch.testing.assert_close(model(ids).logits, model.head(torch.cat(ends, -1)), rtol=0, atol=1e-12)


def test_the_mix_is_a_softmax_of_layers_and_starts_as_their_mean():
    model, ids = network(layers=3, readout="mix", pooling="mean").eval(), texts()
    states = torch.stack(model(ids, output_hidden_states=True).hidden_states[1:])
    torch.testing.assert_close(model.readout(list(states)), states.mean(0), rtol=0, atol=1e-12)
    with torch.no_grad():
        model.readout.layer_weights.copy_(torch.tensor([0.0, math.log(2), math.log(5)], dtype=torch.float64))
        model.readout.gamma.fill_(4.0)
    expected = 4 * (states[0] + 2 * states[1] + 5 * states[2]) / 8
    torch.testing.assert_close(model.readout(list(states)), expected, rtol=0, atol=1e-12)


EVERYWHERE = [
    {},
    {"connections": "residual"},
    {"connections": "highway", "readout": "mix"},
    {"connections": "dense", "readout": "all", "hidden_size": [6, 4, 3]},
    {"layer_norm": True, "zoneout_cell": 0.2, "zoneout_hidden": 0.1},
    {"activation": "relu", "recurrent_activation": "hardsigmoid"},
]


@READING
@pytest.mark.parametrize("settings", EVERYWHERE, ids=str)
def test_more_padding_and_another_order_change_no_logit(settings, bidirectional):
    model, ids = network(layers=3, bidirectional=bidirectional, **settings).eval(), texts()
    padded = torch.cat([ids, torch.zeros(4, 9, dtype=torch.long)], dim=1).flip(0)
    torch.testing.assert_close(model(padded).logits.flip(0), model(ids).logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", [*EVERYWHERE, {"weight_drop": 0.3}, {"recurrent_dropout": 0.2}], ids=str)
def test_every_weight_gets_a_gradient_and_survives_saving(settings, tmp_path):
    model = network(layers=3, **settings).train()
    model(texts(), labels=torch.tensor([0, 1, 2, 0])).loss.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())
    model.save_pretrained(tmp_path)
    again = StackedLSTMForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float64).eval()
    assert torch.equal(again(texts()).logits, model.eval()(texts()).logits)
    assert again.config.to_diff_dict() | {"_name_or_path": ""} == model.config.to_diff_dict() | {"_name_or_path": ""}


# Initialisation


@pytest.mark.parametrize("kind", ["xavier", "orthogonal", "he", "uniform"])
@pytest.mark.parametrize("which", ["input", "recurrent"])
def test_weights_of_every_gate_have_the_spread_of_their_kind(which, kind):
    torch.manual_seed(0)
    config = StackedLSTMConfig(
        vocab_size=9, embedding_size=200, hidden_size=100, layers=2, initialization={which: kind}
    )
    for layer in StackedLSTMForSequenceClassification(config).stack.layers:
        for direction in layer.directions.values():
            weight = direction.weight_ih if which == "input" else direction.weight_hh
            for gate in weight.detach().chunk(4):
                fan_out, fan_in = gate.shape
                if kind == "orthogonal":
                    product = gate @ gate.T
                    torch.testing.assert_close(product, torch.eye(fan_out), rtol=0, atol=1e-4)
                    continue
                bound = {"xavier": math.sqrt(6 / (fan_in + fan_out)), "he": math.sqrt(6 / fan_in), "uniform": 0.1}[kind]
                assert 0.98 * bound < gate.abs().max() <= bound


def test_chrono_biases_are_drawn_for_memories_up_to_its_length():
    torch.manual_seed(0)
    config = StackedLSTMConfig(
        hidden_size=4000, embedding_size=2, vocab_size=9, initialization={"chrono": 100, "recurrent": "uniform"}
    )
    for direction in StackedLSTMForSequenceClassification(config).stack.layers[0].directions.values():
        i, f, g, o = (direction.bias_ih + direction.bias_hh).detach().chunk(4)
        memory = f.exp()
        assert memory.min() >= 1
        assert memory.max() <= 99
        assert memory.mean().item() == pytest.approx(50, abs=2)  # uniform over [1, 99]
        assert torch.equal(i, -f)
        assert not g.any()
        assert not o.any()


@pytest.mark.parametrize("bias", [0.0, 2.5])
def test_the_forget_bias_is_the_sum_of_both_vectors(bias):
    model = StackedLSTMForSequenceClassification(
        StackedLSTMConfig(layers=2, hidden_size=4, initialization={"forget_bias": bias})
    )
    for layer in model.stack.layers:
        for direction in layer.directions.values():
            assert torch.equal((direction.bias_ih + direction.bias_hh).chunk(4)[1], torch.full((4,), bias))


# Refusals

REFUSED = [
    ({"connections": "residual"}, "layers=1"),
    ({"readout": "mix"}, "layers=1"),
    ({"layers": 2, "hidden_size": [3, 4], "connections": "residual"}, "one width"),
    ({"layers": 2, "hidden_size": [3, 4], "connections": "highway"}, "one width"),
    ({"layers": 2, "hidden_size": [3, 4], "readout": "mix"}, "one width"),
    ({"recurrence": "fused", "zoneout_cell": 0.1}, "zoneout_cell"),
    ({"recurrence": "fused", "layer_norm": True}, "layer_norm"),
    ({"dropout": 0.6, "regularization_scale": 2}, "below 1"),
    ({"weight_drop": 1.0}, "below 1"),
    ({"dropout_kind": "elementwise"}, "dropout=0"),
    ({"recurrent_dropout_kind": "candidate"}, "recurrent_dropout=0"),
    ({"initialization": {"chrono": 2}}, "at least 3"),
    ({"initialization": {"chrono": 20, "forget_bias": 0.5}}, "forget_bias"),
    ({"initialization": {"forget": 1}}, "initialization.forget"),
    ({"layer_norm": True, "hidden_size": 1}, "at least 2"),
    ({"layers": 3, "zoneout_cell": [0.1, 0.2]}, "3"),
    ({"word_dropout": 0.1, "unk_token_id": None}, "unknown token"),
    ({"activation": "swish"}, "tanh"),
]


@pytest.mark.parametrize(("settings", "reason"), REFUSED, ids=str)
def test_what_cannot_act_is_refused_with_its_reason(settings, reason):
    with pytest.raises(ValueError, match=reason):
        StackedLSTMConfig(**settings)


def test_unbounded_activations_warn():
    with pytest.warns(UserWarning, match="relu is unbounded"):
        StackedLSTMConfig(activation="relu")


def test_every_setting_of_the_network_is_in_a_test_here_or_of_the_basic_network():
    from textlstm.model.checking import own_fields

    basic = {
        "vocab_size",
        "embedding_size",
        "pad_token_id",
        "unk_token_id",
        "layers",
        "hidden_size",
        "bidirectional",
        "pooling",
    }
    source = Path(__file__).read_text()
    for item in own_fields(StackedLSTMConfig):
        assert item.name in basic or f'"{item.name}"' in source or f"{item.name}=" in source, item.name
