"""The first weights, and the loaded ones: distributions by gate, depth, seeds, checkpoints."""

import json
import math
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.embeddings.source import EmbeddingTable
from textlstm.errors import UserError
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.network import build_network, count_parameters, load_checkpoint, model_folder, save_checkpoint

GATES = ("input", "forget", "cell", "output")


def network(seed: int = 0, **settings) -> StackedLSTMForSequenceClassification:
    torch.manual_seed(seed)
    sizes = {"vocab_size": 500, "embedding_size": 24, "hidden_size": 32, "layers": 3, "pooling": "attention"}
    return StackedLSTMForSequenceClassification(StackedLSTMConfig(**(sizes | settings)))


def directions(model: StackedLSTMForSequenceClassification) -> list:
    return [direction for layer in model.stack.layers for direction in layer.directions.values()]


# Fresh weights


def test_the_two_forget_biases_sum_to_one_and_all_other_biases_are_zero():
    model = network(layers=4)
    assert len(directions(model)) == 8
    for direction in directions(model):
        biases = dict(zip(GATES, (direction.bias_ih + direction.bias_hh).chunk(4), strict=True))
        assert biases.pop("forget").tolist() == [1.0] * 32
        assert all(not bias.any() for bias in biases.values())
    assert not model.head.bias.any()
    assert not model.pooling.projection.bias.any()


def test_recurrent_weights_are_orthogonal_gate_by_gate():
    for direction in directions(network()):
        for gate in direction.weight_hh.double().chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(32).double(), rtol=0, atol=1e-5)


def test_input_weights_are_xavier_uniform_gate_by_gate():
    for direction in directions(network(hidden_size=64)):
        for gate in direction.weight_ih.chunk(4):
            bound = math.sqrt(6 / (gate.size(0) + gate.size(1)))
            assert 0.98 * bound < gate.abs().max() <= bound
            assert gate.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_no_two_gates_directions_or_layers_share_their_first_weights():
    model = network(embedding_size=64)
    drawn = [
        gate.flatten()[:20]
        for direction in directions(model)
        for weight in (direction.weight_ih, direction.weight_hh)
        for gate in weight.chunk(4)
    ]
    assert len({tuple(gate.tolist()) for gate in drawn}) == len(drawn) == 48


def test_head_and_attention_are_xavier_uniform():
    model = network(num_labels=6)
    for weight in (model.head.weight, model.pooling.projection.weight, model.pooling.query.weight):
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.9 * bound < weight.abs().max() <= bound


def test_token_vectors_have_the_spread_of_pretrained_ones_and_padding_is_zero():
    model = network(pad_token_id=7)
    weight = model.embedding.table.weight
    assert not weight[7].any()
    assert (weight != 0).any(dim=1).sum() == 499
    assert weight[8:].std().item() == pytest.approx(0.4, rel=0.05)


def test_without_a_padding_id_every_token_has_a_vector():
    assert (network(pad_token_id=None).embedding.table.weight != 0).any(dim=1).all()


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "concat"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both directions"])
def test_at_depth_8_states_and_gradients_are_of_one_size_in_every_layer(pooling, bidirectional):
    model = network(layers=8, pooling=pooling, bidirectional=bidirectional)
    ids = torch.randint(1, 500, (16, 40))
    outputs = model(ids, labels=torch.arange(16) % 2, output_hidden_states=True)
    outputs.loss.backward()
    spreads = [states.std().item() for states in outputs.hidden_states[1:]]
    norms = [
        math.sqrt(sum(weight.grad.square().sum().item() for weight in layer.parameters()))
        for layer in model.stack.layers
    ]
    assert len(spreads) == len(norms) == 8
    assert max(spreads) < 10 * min(spreads)
    assert max(norms) < 10 * min(norms)
    assert min(spreads) > 0.03


def test_initialising_again_in_place_changes_every_gate():
    direction = directions(network())[0]
    before = [direction.weight_ih.detach().clone(), direction.weight_hh.detach().clone()]
    direction.reset_parameters()
    assert all((old != new).all() for old, new in zip(before, (direction.weight_ih, direction.weight_hh), strict=True))


def test_parameters_are_as_many_as_the_formulas_say():
    sizes, widths, inputs = {"embedding_size": 11, "vocab_size": 50}, [3, 5], [11, 6]
    model = network(**sizes, layers=2, hidden_size=widths, num_labels=4, pooling="concat")
    stack = sum(2 * 4 * h * (i + h + 2) for h, i in zip(widths, inputs, strict=True))
    assert count_parameters(model) == {"embedding": 550, "stack": stack, "readout, pooling and head": 30 * 4 + 4}


# Seeds


def tokenizer():
    return WordsTokenizer(minimum_count=1, max_length=33).train(["the film was good and the play was bad"])


def built(seed: int) -> dict[str, torch.Tensor]:
    settings = {"layers": 2, "hidden_size": 8, "pooling": "attention"}
    model = build_network(settings, tokenizer(), EmbeddingTable(5), trainable=True, label_names=["a", "b"], seed=seed)
    return model.state_dict()


def test_fresh_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = built(3)
    torch.randn(100)
    second, other = built(3), built(4)
    assert all(torch.equal(first[name], second[name]) for name in first)
    drawn = [name for name in first if "bias" not in name]
    assert len(drawn) == 12
    assert all(not torch.equal(first[name], other[name]) for name in drawn)


def test_the_network_fits_its_tokenizer_and_labels():
    words = tokenizer()
    model = build_network({}, words, EmbeddingTable(5), trainable=True, label_names=["neg", "pos", "none"], seed=0)
    assert model.config.vocab_size == len(words)
    assert model.config.pad_token_id == words.pad_token_id
    assert model.config.id2label == {0: "neg", 1: "pos", 2: "none"}
    assert model.config.label2id == {"neg": 0, "pos": 1, "none": 2}


# Loaded weights


def randomized(**settings) -> StackedLSTMForSequenceClassification:
    """Weights that no initialisation would draw, in biases and in the padding row too."""
    model = network(**settings)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(5, 1)
    return model


@pytest.mark.parametrize("loader", [StackedLSTMForSequenceClassification, AutoModelForSequenceClassification])
def test_loading_keeps_every_weight_bit_for_bit(tmp_path, loader):
    model = randomized(hidden_size=[4, 8, 2], dropout=[0.1, 0.2, 0.3])
    model.save_pretrained(tmp_path)
    torch.manual_seed(99)
    again = loader.from_pretrained(tmp_path)
    assert type(again) is StackedLSTMForSequenceClassification
    expected = model.state_dict()
    assert expected["embedding.table.weight"][0].any()
    assert list(again.state_dict()) == list(expected)
    assert all(torch.equal(weight, expected[name]) for name, weight in again.state_dict().items())
    ids = torch.randint(1, 500, (4, 9))
    assert torch.equal(again.eval()(ids).logits, model.eval()(ids).logits)


def test_a_new_head_leaves_the_rest_of_a_checkpoint_as_it_was(tmp_path):
    model = randomized()
    model.save_pretrained(tmp_path)
    again = StackedLSTMForSequenceClassification.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    expected = model.state_dict()
    for name, weight in again.state_dict().items():
        assert name.startswith("head.") or torch.equal(weight, expected[name])
    assert again.head.weight.shape == (5, 64)
    assert again.head.weight.abs().max() <= math.sqrt(6 / 69)
    assert not again.head.bias.any()


@pytest.mark.parametrize("part", ["weight_ih", "weight_hh", "bias_ih", "bias_hh"])
def test_a_weight_that_a_checkpoint_lacks_is_drawn_as_if_fresh_and_its_neighbours_stay(tmp_path, part):
    model = randomized(embedding_size=32)
    model.save_pretrained(tmp_path)
    missing = f"stack.layers.1.directions.reverse_direction.{part}"
    weights = load_file(tmp_path / "model.safetensors")
    del weights[missing]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    again = StackedLSTMForSequenceClassification.from_pretrained(tmp_path).state_dict()
    fresh = network(embedding_size=32).state_dict()[missing]
    found = again.pop(missing)
    if "bias" in part:
        assert torch.equal(found, fresh)
    else:
        assert found.std().item() == pytest.approx(fresh.std().item(), rel=0.05)
    expected = model.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in again.items())


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    settings = {"layers": 2, "hidden_size": 8}
    table = EmbeddingTable(5)
    model = build_network(settings, tokenizer(), table, trainable=True, label_names=["neg", "pos"], seed=0)
    save_checkpoint(model, tokenizer(), tmp_path / "run" / "model")
    return tmp_path / "run" / "model"


def test_a_checkpoint_is_loaded_with_its_tokenizer_and_class_names(checkpoint):
    assert model_folder(str(checkpoint)) == model_folder(str(checkpoint.parent)) == checkpoint
    model, words = load_checkpoint(checkpoint)
    assert not model.training
    assert model.config.id2label == {0: "neg", 1: "pos"}
    assert words.get_vocab() == tokenizer().get_vocab() == AutoTokenizer.from_pretrained(checkpoint).get_vocab()
    assert words.model_max_length == 33


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def without_a_weight(path: Path) -> None:
    weights = load_file(path)
    del weights["head.weight"]
    save_file(weights, path, metadata={"format": "pt"})


def with_another_weight(path: Path) -> None:
    save_file(load_file(path) | {"stack.extra": torch.zeros(3)}, path, metadata={"format": "pt"})


def with_another_shape(path: Path) -> None:
    save_file(load_file(path) | {"head.weight": torch.zeros(3, 3)}, path, metadata={"format": "pt"})


def with_settings(**settings):
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))

    return change


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("model.safetensors", cut),
        ("model.safetensors", Path.unlink),
        ("model.safetensors", without_a_weight),
        ("model.safetensors", with_another_weight),
        ("model.safetensors", with_another_shape),
        ("config.json", cut),
        ("config.json", with_settings(layers=3)),
        ("config.json", with_settings(layers=1)),
        ("config.json", with_settings(hidden_size=9)),
        ("config.json", with_settings(layers="x")),
        ("config.json", with_settings(unknown=1)),
        ("config.json", with_settings(model_type="bert")),
        ("tokenizer.json", cut),
        ("tokenizer.json", Path.unlink),
    ],
)
def test_a_damaged_checkpoint_is_an_error_in_words(checkpoint, file, damage):
    damage(checkpoint / file)
    with pytest.raises(UserError, match=str(checkpoint.name)):
        load_checkpoint(checkpoint)


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        model_folder(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="holds no model"):
        model_folder(str(tmp_path))
