"""The network against torch's packed LSTM and per-text loops; padding, dropout, devices, number formats."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.model.configuration import POOLING_NAMES
from textlstm.model.dropout import SequenceDropout
from textlstm.model.pooling import POOLINGS

VOCABULARY, EMBEDDING, WIDTH = 30, 6, 5
EACH_POOLING = pytest.mark.parametrize("pooling", list(POOLINGS))
EACH_READING = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both directions"])


def network(**settings: Any) -> StackedLSTMForSequenceClassification:
    """A float64 network in evaluation mode, all of whose weights are random, biases too."""
    sizes = {"vocab_size": VOCABULARY, "embedding_size": EMBEDDING, "hidden_size": WIDTH, "num_labels": 3}
    torch.manual_seed(0)
    model = StackedLSTMForSequenceClassification(StackedLSTMConfig(**(sizes | settings))).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)
    return model


def texts(lengths: list[int], time: int | None = None, garbage: bool = False) -> tuple[Tensor, Tensor]:
    """Ids [B, T] and mask [B, T] of random texts; with `garbage` the padding holds ordinary ids."""
    generator = torch.Generator().manual_seed(sum(lengths))
    rows = [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]
    time = time or max(lengths)
    mask = torch.tensor([[int(step < length) for step in range(time)] for length in lengths])
    ids = torch.randint(1, VOCABULARY, (len(lengths), time)) if garbage else torch.zeros(len(lengths), time).long()
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    return ids, mask


def random_lengths(seed: int, count: int = 9, longest: int = 60) -> list[int]:
    return np.random.default_rng(seed).integers(1, longest + 1, count).tolist()


# The stack against nn.LSTM


def torch_stack(model: StackedLSTMForSequenceClassification, layers: range) -> nn.LSTM:
    """Torch's own LSTM with copies of the weights of `layers`, which must be equally wide."""
    first = model.stack.layers[layers[0]].directions
    inputs, width = first["forward_direction"].weight_ih.size(1), first["forward_direction"].weight_hh.size(1)
    lstm = nn.LSTM(inputs, width, len(layers), batch_first=True, bidirectional=len(first) == 2).double()
    with torch.no_grad():
        for number, layer in enumerate(layers):
            for name, direction in model.stack.layers[layer].directions.items():
                suffix = f"_l{number}" + ("_reverse" if name == "reverse_direction" else "")
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(lstm, part + suffix).copy_(getattr(direction, part))
    return lstm


def run_packed(lstm: nn.LSTM, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    states, (last, _) = lstm(packed)
    return pad_packed_sequence(states, batch_first=True, total_length=inputs.size(1))[0], last


@EACH_READING
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_states_and_gradients_are_those_of_torchs_packed_lstm(layers, bidirectional):
    for seed in range(3):
        model = network(layers=layers, bidirectional=bidirectional)
        lengths = torch.tensor(random_lengths(seed))
        mask = torch.arange(62) < lengths.unsqueeze(1)
        inputs = torch.randn(len(lengths), 62, EMBEDDING, dtype=torch.float64)
        ours, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
        lstm = torch_stack(model, range(layers))
        states = model.stack(ours, lengths, mask)[0][-1]
        expected, _ = run_packed(lstm, theirs, lengths)
        torch.testing.assert_close(states, expected, rtol=0, atol=1e-10)

        weights = torch.randn_like(states)
        (states * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10)
        for number in range(layers):
            for name, direction in model.stack.layers[number].directions.items():
                suffix = f"_l{number}" + ("_reverse" if name == "reverse_direction" else "")
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    gradient = getattr(direction, part).grad
                    assert gradient.abs().max() > 1e-3
                    torch.testing.assert_close(gradient, getattr(lstm, part + suffix).grad, rtol=0, atol=1e-10)


@EACH_READING
def test_every_layer_may_have_its_own_width(bidirectional):
    widths = [3, 7, 2]
    model = network(layers=3, hidden_size=widths, bidirectional=bidirectional)
    ids, mask = texts(random_lengths(0))
    states = model(ids, mask, output_hidden_states=True).hidden_states
    expected = model.embedding.table(ids)
    for number, width in enumerate(widths):
        expected, _ = run_packed(torch_stack(model, range(number, number + 1)), expected, mask.sum(1))
        assert states[number + 1].shape == (*ids.shape, width * (1 + bidirectional))
        torch.testing.assert_close(states[number + 1], expected, rtol=0, atol=1e-10)


def lstm_by_hand(weights: Any, inputs: np.ndarray) -> np.ndarray:
    """Hochreiter and Schmidhuber with a forget gate, one step at a time, for one text [T, I]."""
    w_ih, w_hh, b_ih, b_hh = (
        getattr(weights, part).detach().numpy() for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    hidden = cell = np.zeros(w_hh.shape[1])
    states = []
    for step in inputs:
        gates = w_ih @ step + b_ih + w_hh @ hidden + b_hh
        i, f, g, o = np.split(gates, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        cell = f * cell + i * np.tanh(g)
        hidden = o * np.tanh(cell)
        states.append(hidden)
    return np.array(states)


@EACH_READING
def test_states_are_those_of_the_equations(bidirectional):
    model = network(layers=2, bidirectional=bidirectional)
    lengths = [4, 1, 7]
    ids, mask = texts(lengths)
    states = model(ids, mask, output_hidden_states=True).hidden_states[-1].detach().numpy()
    for row, length in enumerate(lengths):
        below = model.embedding.table(ids[row, :length]).detach().numpy()
        for layer in model.stack.layers:
            parts = [lstm_by_hand(layer.directions["forward_direction"], below)]
            if bidirectional:
                parts.append(lstm_by_hand(layer.directions["reverse_direction"], below[::-1])[::-1])
            below = np.concatenate(parts, axis=1)
        np.testing.assert_allclose(states[row, :length], below, rtol=0, atol=1e-12)


# Pooling against per-text references


def last_of(states: np.ndarray, directions: int, _: Any) -> np.ndarray:
    half = states.shape[1] // directions
    return np.concatenate([states[-1, :half], states[0, half:]]) if directions == 2 else states[-1]


def mean_of(states: np.ndarray, directions: int, _: Any) -> np.ndarray:
    return sum(states) / len(states)


def max_of(states: np.ndarray, directions: int, _: Any) -> np.ndarray:
    return np.array([max(unit) for unit in states.T])


def attention_of(states: np.ndarray, directions: int, pooling: Any) -> np.ndarray:
    weight, bias, query = (
        tensor.detach().numpy()
        for tensor in (pooling.projection.weight, pooling.projection.bias, pooling.query.weight[0])
    )
    scores = np.exp([query @ np.tanh(weight @ state + bias) for state in states])
    return sum(score * state for score, state in zip(scores, states, strict=True)) / scores.sum()


def concat_of(states: np.ndarray, directions: int, _: Any) -> np.ndarray:
    return np.concatenate([part(states, directions, None) for part in (last_of, max_of, mean_of)])


REFERENCES: dict[str, Callable[[np.ndarray, int, Any], np.ndarray]] = {
    "last": last_of,
    "mean": mean_of,
    "max": max_of,
    "attention": attention_of,
    "concat": concat_of,
}


def test_every_pooling_has_a_reference_here():
    assert set(REFERENCES) == set(POOLINGS) == set(POOLING_NAMES)


def pooling_of(name: str, bidirectional: bool, size: int = 8) -> nn.Module:
    torch.manual_seed(0)
    pooling = POOLINGS[name](size, 1 + bidirectional).double()
    for weight in pooling.parameters():
        nn.init.normal_(weight, std=0.5)
    return pooling


@EACH_POOLING
@EACH_READING
def test_a_pooling_of_a_batch_is_that_of_each_text_without_padding(pooling, bidirectional):
    module = pooling_of(pooling, bidirectional)
    lengths = torch.tensor(random_lengths(1))
    states = torch.randn(len(lengths), 64, 8, dtype=torch.float64) - 1  # so that a zero would be a maximum
    mask = torch.arange(64) < lengths.unsqueeze(1)
    pooled = module(states, mask, lengths)
    assert pooled.shape == (len(lengths), module.output_size)
    for row, length in enumerate(lengths):
        expected = REFERENCES[pooling](states[row, :length].numpy(), 1 + bidirectional, module)
        np.testing.assert_allclose(pooled[row].detach().numpy(), expected, rtol=0, atol=1e-12)


@EACH_POOLING
@EACH_READING
def test_no_pooling_sees_a_nan_in_padding(pooling, bidirectional):
    module = pooling_of(pooling, bidirectional)
    lengths = torch.tensor([3, 1, 5])
    mask = torch.arange(5) < lengths.unsqueeze(1)
    states = torch.randn(3, 5, 8, dtype=torch.float64)
    clean = module(states.masked_fill(~mask.unsqueeze(-1), 0.0), mask, lengths)
    torch.testing.assert_close(module(states.masked_fill(~mask.unsqueeze(-1), torch.nan), mask, lengths), clean)


@EACH_POOLING
@EACH_READING
def test_a_text_of_no_tokens_is_pooled_to_zeros(pooling, bidirectional):
    module = pooling_of(pooling, bidirectional)
    states = torch.randn(2, 4, 8, dtype=torch.float64)
    lengths = torch.tensor([0, 4])
    pooled = module(states, torch.arange(4) < lengths.unsqueeze(1), lengths)
    assert not pooled[0].any()
    assert pooled[1].all()


@EACH_READING
def test_last_pooling_is_torchs_final_hidden_state(bidirectional):
    model = network(layers=3, bidirectional=bidirectional, pooling="last")
    ids, mask = texts(random_lengths(2))
    _, last = run_packed(torch_stack(model, range(3)), model.embedding.table(ids), mask.sum(1))
    expected = model.head(torch.cat([*last[-2:]], dim=-1) if bidirectional else last[-1])
    torch.testing.assert_close(model(ids, mask).logits, expected, rtol=0, atol=1e-10)


# Padding


@EACH_POOLING
@EACH_READING
def test_more_padding_and_another_order_change_no_logit(pooling, bidirectional):
    model = network(layers=3, bidirectional=bidirectional, pooling=pooling)
    lengths = random_lengths(3)
    ids, mask = texts(lengths)
    logits = model(ids, mask).logits
    alone = torch.cat([model(ids[row : row + 1, :length]).logits for row, length in enumerate(lengths)])
    torch.testing.assert_close(logits, alone, rtol=0, atol=1e-12)
    wide_ids, wide_mask = texts(lengths, time=97, garbage=True)
    torch.testing.assert_close(model(wide_ids, wide_mask).logits, logits, rtol=0, atol=1e-12)
    order = torch.randperm(len(lengths))
    torch.testing.assert_close(model(ids[order], mask[order]).logits, logits[order], rtol=0, atol=1e-12)


@EACH_POOLING
@EACH_READING
def test_more_padding_changes_no_gradient(pooling, bidirectional):
    lengths = random_lengths(4)
    gradients = []
    for time, garbage in ((None, False), (97, True)):
        model = network(layers=2, bidirectional=bidirectional, pooling=pooling, pad_token_id=None)
        ids, mask = texts(lengths, time, garbage)
        model(ids, mask, labels=torch.arange(len(lengths)) % 3).loss.backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=0, atol=1e-12)


@EACH_POOLING
@EACH_READING
def test_no_nan_in_padding_reaches_a_logit(pooling, bidirectional):
    model = network(layers=2, bidirectional=bidirectional, pooling=pooling)
    ids, mask = texts([5, 2, 9])
    with torch.no_grad():
        model.embedding.table.weight[VOCABULARY - 1] = torch.nan
    ids = torch.where(ids == VOCABULARY - 1, 1, ids)
    clean = model(ids, mask).logits
    dirty = model(ids.masked_fill(mask == 0, VOCABULARY - 1), mask).logits
    assert clean.isfinite().all()
    torch.testing.assert_close(dirty, clean, rtol=0, atol=1e-12)


def test_without_a_mask_the_padding_is_what_equals_its_id():
    model = network(layers=2, pad_token_id=4)
    ids, mask = texts([5, 2, 9])
    ids = torch.where(ids == 4, 1, ids).masked_fill(mask == 0, 4)
    torch.testing.assert_close(model(ids).logits, model(ids, mask).logits, rtol=0, atol=0)
    assert not torch.equal(model(ids).logits, model(ids, torch.ones_like(ids)).logits)


def test_without_mask_and_padding_id_every_position_is_a_token():
    model = network(layers=2, pad_token_id=None)
    ids, _ = texts([5, 2, 9])
    torch.testing.assert_close(model(ids).logits, model(ids, torch.ones_like(ids)).logits, rtol=0, atol=0)


@pytest.mark.parametrize("mask", [[[0, 1, 1]], [[1, 0, 1]], [[1, 1, 1], [0, 0, 1]]])
def test_padding_before_a_token_is_refused(mask):
    model = network()
    mask = torch.tensor(mask)
    with pytest.raises(ValueError, match="Pad on the right"):
        model(torch.ones_like(mask), mask)
    with pytest.raises(ValueError, match="Pad on the right"):
        model(mask)


def test_a_boolean_mask_is_as_good_as_one_of_numbers():
    model = network()
    ids, mask = texts([5, 2, 9])
    torch.testing.assert_close(model(ids, mask.bool()).logits, model(ids, mask.float()).logits, rtol=0, atol=0)


@EACH_POOLING
@EACH_READING
def test_a_row_without_tokens_gives_the_heads_bias_and_finite_gradients(pooling, bidirectional):
    model = network(layers=2, bidirectional=bidirectional, pooling=pooling)
    ids, mask = texts([3, 0, 6])
    outputs = model(ids, mask, labels=torch.tensor([0, 1, 2]))
    torch.testing.assert_close(outputs.logits[1], model.head.bias, rtol=0, atol=1e-12)
    outputs.loss.backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


# What forward gives


def test_the_loss_is_the_mean_cross_entropy():
    model = network()
    ids, mask = texts([3, 4, 6])
    labels = [2, 0, 1]
    outputs = model(ids, mask, labels=torch.tensor(labels))
    logits = outputs.logits.detach().numpy()
    expected = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, labels, strict=True)])
    assert outputs.loss.item() == pytest.approx(expected, abs=1e-6)
    assert model(ids, mask).loss is None


@EACH_READING
def test_hidden_states_are_the_vectors_and_the_states_of_every_layer_on_request(bidirectional):
    model = network(layers=3, bidirectional=bidirectional)
    ids, mask = texts([3, 4, 6])
    assert model(ids, mask).hidden_states is None
    states = model(ids, mask, output_hidden_states=True).hidden_states
    assert [tuple(state.shape) for state in states] == [(3, 6, EMBEDDING)] + [(3, 6, WIDTH * (1 + bidirectional))] * 3
    assert torch.equal(states[0], model.embedding.table(ids))
    assert all(not state[mask == 0].any() for state in states[1:])
    model.config.output_hidden_states = True
    assert len(model(ids, mask).hidden_states) == 4
    assert model(ids, mask, output_hidden_states=False).hidden_states is None


# Dropout


def test_dropout_is_the_identity_in_evaluation_and_at_zero():
    states = torch.randn(2, 3, 4)
    assert torch.equal(SequenceDropout(0.9).eval()(states), states)
    assert torch.equal(SequenceDropout(0.0).train()(states), states)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_draws_one_mask_a_sequence_and_keeps_the_expectation(rate):
    torch.manual_seed(0)
    dropped = SequenceDropout(rate).train()(torch.ones(200, 7, 500, dtype=torch.float64))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))  # constant in time
    masks = dropped[:, 0]
    assert sorted(masks.unique().tolist()) == pytest.approx([0, 1 / (1 - rate)])
    error = (rate / (1 - rate) / masks.numel()) ** 0.5  # of the mean of independent draws
    assert abs(masks.mean().item() - 1) < 5 * error
    # Independent masks of two sequences agree in p^2 + (1 - p)^2 of their units.
    agreement = (masks[0::2] == masks[1::2]).double().mean().item()
    assert agreement == pytest.approx(rate**2 + (1 - rate) ** 2, abs=0.02)


def test_dropout_draws_new_masks_at_every_call():
    torch.manual_seed(0)
    module, states = SequenceDropout(0.5).train(), torch.ones(2, 3, 50)
    assert not torch.equal(module(states), module(states))


def dropped_shares(model: StackedLSTMForSequenceClassification) -> list[list[float]]:
    """Share of zeroed units of the vectors and of each layer, by direction; checks that time shares masks."""
    ids, mask = torch.randint(1, VOCABULARY, (40, 6)), torch.ones(40, 6)
    shares = []
    for number, state in enumerate(model.train()(ids, mask, output_hidden_states=True).hidden_states):
        zero = state == 0
        assert torch.equal(zero, zero[:, :1].expand_as(zero))
        parts = zero.chunk(model.config.directions if number else 1, dim=-1)
        shares.append([part.double().mean().item() for part in parts])
    return shares


@EACH_READING
@pytest.mark.parametrize("layers", [1, 3])
def test_dropout_acts_on_the_output_of_every_layer_and_direction(layers, bidirectional):
    model = network(layers=layers, bidirectional=bidirectional, hidden_size=100, dropout=0.4)
    vectors, *states = dropped_shares(model)
    assert vectors == [0]
    assert len(states) == layers
    for shares in states:
        assert shares == pytest.approx([0.4] * (1 + bidirectional), abs=0.05)


@EACH_READING
@pytest.mark.parametrize("named", [0, 1, 2])
def test_a_list_of_rates_acts_on_the_layers_that_it_names(named, bidirectional):
    rates = [0.0, 0.0, 0.0]
    rates[named] = 0.6
    model = network(layers=3, bidirectional=bidirectional, hidden_size=100, dropout=rates)
    for rate, shares in zip([0.0, *rates], dropped_shares(model), strict=True):
        assert shares == pytest.approx([rate] * len(shares), abs=0.05 * (rate > 0))


def test_input_dropout_acts_on_the_token_vectors_alone():
    model = network(layers=2, embedding_size=100, input_dropout=0.3)
    vectors, *states = dropped_shares(model)
    assert vectors == pytest.approx([0.3], abs=0.05)
    assert states == [[0, 0]] * 2


def test_units_that_dropout_keeps_are_scaled_up():
    model = network(layers=1, dropout=0.75)
    ids, mask = texts([4, 6])
    whole = model.eval()(ids, mask, output_hidden_states=True).hidden_states[1]
    dropped = model.train()(ids, mask, output_hidden_states=True).hidden_states[1]
    kept = dropped != 0
    assert 0 < kept.sum() < whole.count_nonzero()
    torch.testing.assert_close(dropped[kept], whole[kept] * 4, rtol=1e-12, atol=0)


def test_the_layer_above_reads_what_dropout_left():
    model = network(layers=2, dropout=[0.5, 0.0])
    ids, mask = texts([4, 6])
    _, first, second = model.train()(ids, mask, output_hidden_states=True).hidden_states
    expected, _ = run_packed(torch_stack(model, range(1, 2)), first, mask.sum(1))
    torch.testing.assert_close(second, expected, rtol=0, atol=1e-10)


def test_evaluation_draws_nothing_at_random():
    model = network(layers=2, dropout=0.9, input_dropout=0.9)
    ids, mask = texts([4, 6])
    state = torch.get_rng_state()
    assert torch.equal(model(ids, mask).logits, model(ids, mask).logits)
    assert torch.equal(torch.get_rng_state(), state)


# Devices and number formats


class OnMetaAlone(TorchDispatchMode):
    """Fails at an operation that meets a tensor of another device; bare numbers may live anywhere."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, result)):
            if isinstance(tensor, Tensor) and tensor.ndim:
                assert tensor.device.type == "meta", f"{func} met a tensor on {tensor.device}"
        return result


@EACH_POOLING
@EACH_READING
@pytest.mark.parametrize("with_mask", [True, False])
def test_forward_leaves_no_tensor_on_the_cpu(pooling, bidirectional, with_mask):
    model = network(layers=2, bidirectional=bidirectional, pooling=pooling, dropout=0.1, input_dropout=0.1)
    model = model.to("meta").train()
    ids = torch.zeros(3, 7, dtype=torch.long, device="meta")
    labels = torch.zeros(3, dtype=torch.long, device="meta")
    with OnMetaAlone():
        outputs = model(ids, torch.ones_like(ids) if with_mask else None, labels=labels, output_hidden_states=True)
    assert outputs.logits.device.type == outputs.loss.device.type == "meta"
    assert outputs.logits.shape == (3, 3)


@EACH_POOLING
def test_bf16_trains_with_finite_numbers_near_those_of_fp32(pooling):
    model = network(layers=2, pooling=pooling, dropout=0.0).float().train()
    ids, mask = texts(random_lengths(6))
    labels = torch.arange(len(ids)) % 3
    expected = model(ids, mask, labels=labels).loss.item()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(ids, mask, labels=labels)
    outputs.loss.backward()
    assert outputs.loss.dtype == torch.float32
    assert outputs.loss.item() == pytest.approx(expected, abs=0.05)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    assert all(weight.grad.any() for weight in model.parameters())
