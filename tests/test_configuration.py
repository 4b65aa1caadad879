"""The settings of the network: defaults, ranges, per-layer lists, unknown names, and the way to a file and back."""

import json
from dataclasses import fields

import pytest
from transformers import AutoConfig

from tests.encoders import encoder_settings
from textlstm.model import StackedLSTMConfig
from textlstm.model.configuration import own_fields

NAN, INFINITY = float("nan"), float("inf")


def test_the_default_regularizes_nothing_and_reads_both_directions():
    config = StackedLSTMConfig()
    assert config.bidirectional is True
    assert config.directions == 2
    assert config.dropout == config.input_dropout == 0
    assert config.per_layer("dropout") == [0]
    assert StackedLSTMConfig(bidirectional=False).directions == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 0},
        {"layers": -1},
        {"layers": 2.0},
        {"layers": "2"},
        {"layers": True},
        {"layers": None},
        {"layers": [1]},
        {"num_hidden_layers": 0},
        {"hidden_size": 0},
        {"hidden_size": 1.5},
        {"hidden_size": "128"},
        {"hidden_size": None},
        {"hidden_size": False},
        {"layers": 2, "hidden_size": [8, 0]},
        {"layers": 2, "hidden_size": [8, 4.0]},
        {"layers": 2, "hidden_size": [8, None]},
        {"layers": 2, "hidden_size": [[8], [8]]},
        {"vocab_size": 0},
        {"vocab_size": 1e4},
        {"embedding_size": 0},
        {"embedding_size": [4]},
        {"dropout": 1},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": NAN},
        {"dropout": INFINITY},
        {"dropout": "0.5"},
        {"dropout": True},
        {"dropout": None},
        {"layers": 2, "dropout": [0.1, 1.0]},
        {"layers": 2, "dropout": [0.1, NAN]},
        {"input_dropout": 1},
        {"input_dropout": -1e-9},
        {"input_dropout": [0.1]},
        {"pooling": "avg"},
        {"pooling": "Max"},
        {"pooling": ""},
        {"pooling": None},
        {"pooling": ["max"]},
        {"bidirectional": 1},
        {"bidirectional": "true"},
        {"bidirectional": None},
        {"pad_token_id": -1},
        {"pad_token_id": 0.0},
        {"pad_token_id": True},
        {"vocab_size": 5, "pad_token_id": 5},
        {"num_labels": 1},
        {"num_labels": 0},
        {"num_labels": 2.0},
        {"num_labels": "2"},
        {"num_labels": True},
    ],
    ids=str,
)
def test_a_wrong_value_is_an_error(settings):
    with pytest.raises(ValueError):  # noqa: PT011 - the next test looks at the message
        StackedLSTMConfig(**settings)


def test_names_of_one_class_are_as_wrong_as_their_number():
    with pytest.raises(ValueError, match="at least 2"):
        StackedLSTMConfig(id2label={0: "only"})


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"layers": 0}, ["layers=0", "whole number of at least 1"]),
        ({"dropout": 1.5}, ["dropout=1.5", "at least 0 and below 1"]),
        ({"pooling": "avg"}, ["pooling='avg'", "last, mean, max, attention, concat"]),
        ({"bidirectional": "yes"}, ["bidirectional='yes'", "true or false"]),
        ({"num_labels": 1}, ["num_labels=1", "at least 2"]),
        ({"vocab_size": 5, "pad_token_id": 7}, ["pad_token_id=7", "vocab_size=5"]),
    ],
    ids=str,
)
def test_the_message_names_the_value_and_what_is_allowed(settings, parts):
    with pytest.raises(ValueError, match="=") as error:
        StackedLSTMConfig(**settings)
    assert all(part in str(error.value) for part in parts)


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 1},
        {"layers": 64},
        {"dropout": 0},
        {"dropout": 0.999},
        {"layers": 2, "dropout": (0.1, 0)},
        {"layers": 2, "hidden_size": [1, 300]},
        {"pad_token_id": None},
        {"vocab_size": 5, "pad_token_id": 4},
        {"num_labels": 7},
    ],
    ids=str,
)
def test_values_at_the_edge_of_their_range_are_allowed(settings):
    config = StackedLSTMConfig(**settings)
    for name, value in settings.items():
        assert getattr(config, name) == value


@pytest.mark.parametrize("name", ["hidden_size", "dropout"])
@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_a_list_of_another_length_than_the_stack_is_an_error(name, length):
    with pytest.raises(ValueError, match=rf"{name}.*{length} values for layers=3"):
        StackedLSTMConfig(layers=3, **{name: [0 if name == "dropout" else 8] * length})


def test_a_scalar_holds_for_every_layer_and_a_list_for_one_layer_each():
    config = StackedLSTMConfig(layers=3, hidden_size=[8, 16, 4], dropout=0.2)
    assert config.per_layer("hidden_size") == [8, 16, 4]
    assert config.per_layer("dropout") == [0.2] * 3


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("layer", "layers"),
        ("n_layers", "layers"),
        ("hiden_size", "hidden_size"),
        ("poling", "pooling"),
        ("input_drop", "input_dropout"),
        ("bidirectionnal", "bidirectional"),
        ("num_label", "num_labels"),
    ],
)
def test_an_unknown_name_is_an_error_that_guesses_what_was_meant(name, near):
    with pytest.raises(ValueError, match=f"'{name}' is not a setting.*Did you mean '{near}'"):
        StackedLSTMConfig(**{name: 1})


def test_an_unknown_name_near_to_nothing_is_an_error_without_a_guess():
    with pytest.raises(ValueError, match="'xyzzy' is not a setting") as error:
        StackedLSTMConfig(xyzzy=1)
    assert "Did you mean" not in str(error.value)


def test_depth_has_transformers_name_too():
    config = StackedLSTMConfig(num_hidden_layers=3, hidden_size=[1, 2, 3])
    assert config.layers == config.num_hidden_layers == 3


EVERYTHING = {
    "vocab_size": 77,
    "embedding_size": 9,
    "layers": 3,
    "hidden_size": [8, 16, 4],
    "bidirectional": False,
    "pooling": "attention",
    "dropout": [0.1, 0.0, 0.5],
    "input_dropout": 0.25,
    "pad_token_id": 3,
    "unk_token_id": 4,
    "connections": "dense",
    "readout": "all",
    "activation": ["relu", "tanh", "gelu"],
    "recurrent_activation": "hardsigmoid",
    "layer_norm": [True, False, True],
    "initialization": {"input": "he", "recurrent": "uniform", "forget_bias": 1.0, "chrono": 30},
    "word_dropout": 0.1,
    "type_dropout": 0.2,
    "embedding_dropout": 0.3,
    "dropout_kind": "elementwise",
    "recurrent_dropout": [0.1, 0.2, 0.0],
    "recurrent_dropout_kind": "candidate",
    "weight_drop": 0.4,
    "zoneout_cell": 0.15,
    "zoneout_hidden": [0.0, 0.05, 0.1],
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 1.5,
    "regularization_scale": 0.5,
    "recurrence": "reference",
    "encoder": encoder_settings("roberta", "mix"),
}


def test_the_example_here_sets_every_field_to_another_value_than_its_default():
    names = {item.name for item in own_fields(StackedLSTMConfig)}
    assert names == set(EVERYTHING)
    assert all(EVERYTHING[name] != getattr(StackedLSTMConfig(), name) for name in names)


@pytest.mark.parametrize("loader", [StackedLSTMConfig, AutoConfig], ids=["own class", "AutoConfig"])
def test_every_setting_survives_the_way_through_a_file(tmp_path, loader):
    labels = {0: "neg", 1: "neutral", 2: "pos"}
    config = StackedLSTMConfig(**EVERYTHING, num_labels=3, id2label=labels, label2id={v: k for k, v in labels.items()})
    config.save_pretrained(tmp_path)
    again = loader.from_pretrained(tmp_path)
    assert type(again) is StackedLSTMConfig
    for name, value in EVERYTHING.items():
        assert getattr(again, name) == value
        assert type(getattr(again, name)) is type(value)
    assert (again.num_labels, again.id2label, again.label2id) == (3, labels, {"neg": 0, "neutral": 1, "pos": 2})
    assert {**again.to_dict(), "_name_or_path": ""} == {**config.to_dict(), "_name_or_path": ""}


@pytest.mark.parametrize("change", [{"layers": 0}, {"dropout": [0.1]}, {"poling": "max"}], ids=str)
def test_a_file_with_a_wrong_setting_is_an_error(tmp_path, change):
    StackedLSTMConfig(**EVERYTHING).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=next(iter(change))):
        StackedLSTMConfig.from_pretrained(tmp_path)


def test_every_setting_says_what_it_means():
    own = own_fields(StackedLSTMConfig)
    assert all(len(item.metadata["description"]) > 10 for item in own)
    inherited = {item.name for item in fields(StackedLSTMConfig)} - {item.name for item in own}
    assert "id2label" in inherited
