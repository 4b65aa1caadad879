"""What cannot act is refused, with the reason; what can is not."""

import pytest

from tests.contract.networks import SIZES
from tests.contract.table import PENALTIES, REGULARIZERS, TABLE, UNBOUNDED
from textlstm import StackedLSTMConfig

pytestmark = UNBOUNDED

TWO = {"layers": 2}
KINDS = {"layers": 2, "dropout_kind": ["variational", "elementwise"]}
CANDIDATE = {"layers": 2, "recurrent_dropout_kind": ["candidate", "variational"]}
REFUSED = [
    ({"connections": "residual"}, "layers=1"),
    ({"readout": "mix"}, "layers=1"),
    (TWO | {"hidden_size": [3, 4], "connections": "residual"}, "one width"),
    (TWO | {"hidden_size": [3, 4], "connections": "highway"}, "one width"),
    (TWO | {"hidden_size": [3, 4], "readout": "mix"}, "one width"),
    ({"recurrence": "fused", "zoneout_cell": 0.1}, "zoneout_cell"),
    ({"recurrence": "fused", "layer_norm": True}, "layer_norm"),
    (TWO | {"recurrence": "fused", "activation": ["tanh", "relu"]}, "activation"),
    ({"dropout": 0.6, "regularization_scale": 2}, "below 1"),
    (TWO | {"dropout": [0.1, 0.6], "regularization_scale": 2}, "below 1"),
    ({"weight_drop": 1.0}, "below 1"),
    ({"dropout_kind": "elementwise"}, "dropout=0"),
    ({"recurrent_dropout_kind": "candidate"}, "recurrent_dropout=0"),
    (TWO | {"dropout_kind": "elementwise", "dropout": [0, 0]}, "no effect"),
    (KINDS, "dropout=0"),
    (KINDS | {"dropout": [0.3, 0]}, r"dropout_kind=.* has no effect while dropout=\[0.3, 0\]"),
    (CANDIDATE | {"recurrent_dropout": [0, 0.3]}, r"has no effect while recurrent_dropout=\[0, 0.3\]"),
    (TWO | {"dropout": 0.3, "dropout_kind": ["elementwise"]}, "1 values for layers=2"),
    ({"initialization": {"chrono": 2}}, "at least 3"),
    ({"initialization": {"chrono": 20, "forget_bias": 0.5}}, "forget_bias"),
    ({"initialization": {"forget": 1}}, "initialization.forget"),
    ({"initialization": {"input": "glorot"}}, "xavier"),
    ({"layer_norm": True, "hidden_size": 1}, "at least 2"),
    (TWO | {"layer_norm": [False, True], "hidden_size": [4, 1]}, "at least 2"),
    ({"layers": 3, "zoneout_cell": [0.1, 0.2]}, "3"),
    ({"word_dropout": 0.1, "unk_token_id": None}, "unknown token"),
    ({"activation": "swish"}, "tanh"),
]
ALLOWED = [
    KINDS | {"dropout": [0.3, 0.3]},
    KINDS | {"dropout": [0, 0.3]},
    KINDS | {"dropout": 0.3},
    KINDS | {"dropout": [0.3, 0.3], "regularization_scale": 0},
    TWO | {"dropout_kind": "elementwise", "dropout": [0.3, 0]},
    CANDIDATE | {"recurrent_dropout": [0.3, 0]},
    TWO | {"hidden_size": [3, 4], "connections": "dense", "readout": "all"},
    TWO | {"layer_norm": [False, True], "hidden_size": [1, 4]},
    {"recurrence": "fused", "zoneout_cell": 0.1, "regularization_scale": 0},
    {"initialization": {"chrono": 3}},
    {"unk_token_id": None},
]


@pytest.mark.parametrize(("settings", "reason"), REFUSED, ids=str)
def test_what_cannot_act_is_refused_with_its_reason(settings, reason):
    with pytest.raises(ValueError, match=reason):
        StackedLSTMConfig(**settings)


@pytest.mark.parametrize("settings", ALLOWED, ids=str)
def test_what_can_act_is_allowed(settings):
    config = StackedLSTMConfig(**settings)
    assert all(getattr(config, name) == value for name, value in settings.items() if name != "initialization")


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_list_is_taken_where_the_table_says_and_of_the_right_length_only(row):
    layers = row.values.get("layers", 3)
    lists = {name: [value] * layers for name, value in row.values.items()}
    if row.per_layer:
        StackedLSTMConfig(**SIZES | {"layers": layers} | lists)
        wrong, reason = {row.setting: lists[row.setting][1:]}, f"{layers - 1} values for layers={layers}"
    else:
        wrong, reason = {row.setting: lists[row.setting]}, "is a list|is not allowed"
    with pytest.raises(ValueError, match=reason):
        StackedLSTMConfig(**SIZES | {"layers": layers} | row.values | wrong)


@pytest.mark.parametrize("setting", sorted(REGULARIZERS))
def test_a_rate_is_a_number_of_at_least_0_and_a_probability_below_1(setting):
    for value in (-0.1, float("nan"), "0.3", True, None):
        with pytest.raises(ValueError, match=f"{setting}="):
            StackedLSTMConfig(**{setting: value})
    if setting in PENALTIES:
        assert StackedLSTMConfig(**{setting: 1.5}).effective(setting) == 1.5
        return
    for values in ({setting: 1}, {setting: 0.5, "regularization_scale": 2}):
        with pytest.raises(ValueError, match=rf"{setting}=.*below 1"):
            StackedLSTMConfig(**values)


def test_unbounded_activations_warn():
    for name in ("relu", "elu", "gelu", "identity"):
        with pytest.warns(UserWarning, match=f"{name} is unbounded"):
            StackedLSTMConfig(layers=2, activation=["tanh", name])
