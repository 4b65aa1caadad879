"""`explain=true`: what each setting comes to, read off the network itself."""

import io

import pytest
from rich.console import Console

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.reports.explain import explain_recurrence, layer_columns, print_explanation

TRAINING = {
    "weight_decay": 0.2,
    "label_smoothing": 0.1,
    "max_grad_norm": 1.0,
    "learning_rate": 0.004,
    "embedding_learning_rate": None,
    "decay_embeddings": False,
}


def network(**settings: object) -> StackedLSTMForSequenceClassification:
    return StackedLSTMForSequenceClassification(StackedLSTMConfig(vocab_size=20, embedding_size=5, **settings))


def test_every_layer_and_direction_has_its_effective_values():
    model = network(
        layers=2,
        hidden_size=[8, 4],
        dropout=[0.2, 0.4],
        zoneout_cell=[0.0, 0.3],
        regularization_scale=0.5,
        connections="dense",
        initialization={"chrono": 30},
    )
    columns = dict(layer_columns(model))
    assert list(columns) == ["1 forward", "1 reverse", "2 forward", "2 reverse"]
    for direction in ("forward", "reverse"):
        first, second = columns[f"1 {direction}"], columns[f"2 {direction}"]
        assert (first["reads"], second["reads"]) == (5, 5 + 16)
        assert (first["dropout"], second["dropout"]) == ("0.1", "0.2")
        assert (first["zoneout_cell"], second["zoneout_cell"]) == ("0", "0.15")
        assert (first["connections"], second["connections"]) == ("none", "dense")
        assert first["forget bias"] == "chrono 30"
        assert second["parameters"] == 4 * 4 * (21 + 4 + 2)
        assert second["operations a token"] == 2 * 4 * 4 * (21 + 4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "fused: torch"),
        ({"zoneout_hidden": 0.1, "layer_norm": True}, "zoneout_hidden=0.1, layer_norm=True"),
        ({"recurrence": "reference"}, "as asked"),
    ],
    ids=str,
)
def test_the_recurrence_is_named_with_its_reason(monkeypatch, settings, words):
    monkeypatch.setattr("textlstm.model.stack.kernel", lambda: None)
    model = network(layers=2, hidden_size=4, **settings)
    assert words in explain_recurrence(model.config, model.stack.recurrence)


def test_the_page_fits_a_terminal_and_scales_what_training_adds():
    page = io.StringIO()
    print_explanation(
        Console(file=page, width=80), network(layers=3, hidden_size=4, regularization_scale=0.5), TRAINING
    )
    lines = page.getvalue().splitlines()
    assert not any("…" in line for line in lines)
    assert any("training.weight_decay" in line and "0.1 " in line for line in lines)
    assert any("training.label_smoothing" in line and "0.05" in line for line in lines)
    assert any("training.embedding_learning_rate" in line and "0.004 " in line for line in lines)
