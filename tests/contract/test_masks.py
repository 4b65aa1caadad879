"""The dropouts of words, vectors and outputs: for what a mask is drawn, its share, its mean."""

import pytest
import torch
from torch import Tensor

from tests.contract.chances import assert_all_independent, assert_independent, assert_mean, assert_share
from tests.contract.networks import VOCABULARY, copies, network, packed, reseed, run, texts
from tests.contract.table import READINGS

RATE = 0.2
"""Its factor, 1.25, is exact in the float32 in which masks are made."""


def embedded(model: torch.nn.Module, ids: Tensor) -> Tensor:
    reseed()
    return model.train().embedding(ids, ids > 0).detach()


def whole_words(vectors: Tensor) -> Tensor:
    """[B, T, E] -> [B, T]: which vectors are zero; none is in part."""
    zero = vectors == 0
    assert torch.equal(zero, zero[..., :1].expand_as(zero))
    return zero[..., 0]


# Words


@pytest.mark.parametrize("rate", [0.2, 0.95])
def test_word_dropout_replaces_its_share_and_never_a_whole_text(rate):
    model, lengths = network(word_dropout=rate), [1, 2, 3, 30]
    ids = texts(lengths * 1000)
    vectors, table = embedded(model, ids), model.embedding.table
    unknown = (vectors == table.weight[1]).all(-1)
    assert torch.equal(vectors[~unknown], table(ids)[~unknown])  # padding too
    for row, length in enumerate(lengths):
        replaced = unknown[row::4, :length]
        assert not replaced.all(1).any()
        # One word stays where chance would take all.
        expected = rate - rate**length / length
        assert replaced.any() if length > 1 else not replaced.any()
        if length > 1:
            assert_share(replaced, expected)
            for place in range(length):  # which one is left to chance as well
                assert_share(replaced[:, place], expected)


def test_word_dropout_draws_every_position_by_itself():
    model = network(word_dropout=RATE)
    unknown = embedded(model, copies(3000, 8)) == model.embedding.table.weight[1]
    assert_all_independent(list(unknown.all(-1).T), RATE)


# Vectors


def test_type_dropout_has_one_mask_for_a_word_in_a_text():
    reseed()
    words = torch.arange(2, 10).repeat(4)
    ids = torch.stack([words[torch.randperm(32)] for _ in range(2000)])
    dropped = whole_words(embedded(network(type_dropout=RATE), ids))
    by_word = [dropped[ids == word].view(2000, 4) for word in range(2, 10)]
    assert all(torch.equal(places, places[:, :1].expand_as(places)) for places in by_word)
    assert_all_independent([places[:, 0] for places in by_word], RATE)  # another word, another mask
    masks = torch.stack([places[:, 0] for places in by_word])
    assert_independent(masks[:, 0::2], masks[:, 1::2], RATE)  # another text, another mask


def test_embedding_dropout_has_one_mask_for_a_word_in_the_whole_batch():
    model = network(embedding_dropout=RATE).train()
    ids = torch.stack([torch.arange(2, VOCABULARY), torch.arange(2, VOCABULARY).flip(0)])
    reseed()
    samples = torch.stack([model.embedding(ids, ids > 0).detach() for _ in range(1500)])
    rows = whole_words(samples)
    assert torch.equal(rows[:, 0], rows[:, 1].flip(1))
    assert_all_independent(list(rows[:, 0].T), RATE)
    assert_mean(samples, model.embedding.table(ids), RATE)


def test_input_dropout_has_one_mask_of_units_for_a_text():
    vectors = embedded(network(input_dropout=RATE), copies(2000))
    masks = vectors == 0
    assert torch.equal(masks, masks[:, :1].expand_as(masks))
    assert_all_independent(list(masks[:, 0].T), RATE)
    assert_independent(masks[0::2, 0], masks[1::2, 0], RATE)


@pytest.mark.parametrize("setting", ["type_dropout", "input_dropout"])
def test_dropped_vectors_have_the_whole_ones_as_their_mean(setting):
    model = network(**{setting: RATE})
    assert_mean(embedded(model, copies(2000)), model.embedding.table(copies(1)[0]), RATE)


def test_the_dropouts_of_vectors_are_drawn_each_by_itself():
    model = network(type_dropout=0.5, embedding_dropout=0.5, input_dropout=0.5).train()
    ids = copies(1)
    reseed()
    samples = torch.cat([model.embedding(ids, ids > 0).detach() for _ in range(1500)])
    for word in range(5):
        assert_share(samples[:, word, 0] != 0, 0.5**3)
    expected = torch.where(samples == 0, 0, 8 * model.embedding.table(ids))
    torch.testing.assert_close(samples, expected, rtol=0, atol=1e-12)


# Outputs


@pytest.mark.parametrize("kind", ["variational", "elementwise"])
@pytest.mark.parametrize("bidirectional", READINGS, ids=["forward", "both"])
@pytest.mark.parametrize("layers", [1, 3])
def test_dropout_draws_for_every_layer_direction_and_text_by_itself(layers, bidirectional, kind):
    model = network(layers=layers, bidirectional=bidirectional, dropout=RATE, dropout_kind=kind)
    ids = copies(1000, 3)
    below, *states = run(model, ids, training=True).hidden_states
    masks = []
    for layer, dropped in zip(model.stack.layers, states, strict=True):
        zero = dropped == 0
        undropped = packed(layer, below, torch.full((1000,), 3))
        torch.testing.assert_close(dropped, torch.where(zero, 0, undropped * 1.25), rtol=0, atol=1e-12)
        if kind == "variational":
            assert torch.equal(zero, zero[:, :1].expand_as(zero))
            zero = zero[:, :1]
        assert_independent(zero[0::2], zero[1::2], RATE)
        masks += [half for step in zero.unbind(1) for half in step.chunk(1 + bidirectional, -1)]
        below = dropped
    assert len(masks) == layers * (1 + bidirectional) * (1 if kind == "variational" else 3)
    assert_all_independent(masks, RATE)


@pytest.mark.parametrize("kind", ["variational", "elementwise"])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_dropped_outputs_have_the_whole_ones_as_their_mean(where, kind):
    rates, kinds = [0.0] * 3, ["variational"] * 3
    rates[where], kinds[where] = RATE, kind
    model = network(layers=3, dropout=rates, dropout_kind=kinds)
    whole = run(model, copies(1), training=False).hidden_states[1 + where][0]
    assert_mean(run(model, copies(2000), training=True).hidden_states[1 + where], whole, RATE)


def test_every_layer_may_have_a_dropout_of_its_own_kind():
    kinds = ["elementwise", "variational", "elementwise"]
    model = network(layers=3, dropout=[0.2, 0.5, 0.75], dropout_kind=kinds)
    for kind, rate, states in zip(
        kinds, [0.2, 0.5, 0.75], run(model, copies(1000, 4), training=True).hidden_states[1:], strict=True
    ):
        zero = states == 0
        if kind == "variational":
            assert torch.equal(zero, zero[:, :1].expand_as(zero))
            assert_share(zero[:, 0], rate)
        else:
            assert_all_independent(list(zero.unbind(1)), rate)
