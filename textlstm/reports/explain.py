"""`explain=true`: what each setting comes to at every layer and direction, before anything is trained."""

from typing import Any

from rich.console import Console
from rich.table import Table

from textlstm.diagnostics.budget import encoder_operations, operations_per_token
from textlstm.model import StackedLSTMForSequenceClassification
from textlstm.model.checking import own_fields
from textlstm.model.configuration import SCALED, StackedLSTMConfig
from textlstm.model.encoder import PretrainedEncoder
from textlstm.model.fused import why_not_fused
from textlstm.model.layer import LSTMDirection, LSTMLayer
from textlstm.network import count_parameters

COLUMNS = 4
"""Layer directions side by side; more would not fit a terminal."""

NOT_PER_LAYER = ("initialization", "vocab_size", "pad_token_id", "unk_token_id", "encoder", "layers", "bidirectional")


def print_explanation(console: Console, model: StackedLSTMForSequenceClassification, training: dict[str, Any]) -> None:
    """Print the settings of every layer and direction, those of the whole network, and which recurrence runs, and why."""
    config = model.config
    columns = list(layer_columns(model))
    for start in range(0, len(columns), COLUMNS):
        console.print(_layers_table(columns[start : start + COLUMNS]), soft_wrap=False)
    console.print(_network_table(config, training), soft_wrap=False)
    parts = count_parameters(model)
    console.print(
        "parameters  "
        + ", ".join(f"{name} {count:,}" for name, count in parts.items())
        + f"; {sum(parts.values()):,} in all"
    )
    console.print(
        f"operations  {operations_per_token(model) / 1e6:,.2f} million a token forward in the stack, about three times as many in training"
    )
    if config.encoder is not None:
        console.print(f"encoder     {explain_encoder(model, training)}")
    console.print(f"recurrence  {explain_recurrence(config, model.stack.recurrence)}")


def explain_encoder(model: StackedLSTMForSequenceClassification, training: dict[str, Any]) -> str:
    """Which encoder makes the token vectors, of which layers, whether it is trained, and what it costs."""
    encoder = model.embedding.encoder
    assert isinstance(encoder, PretrainedEncoder)
    states = "the states of its last layer" if encoder.features == "last" else "a learned mix of all its layers"
    how = (
        f"fine-tuned with training.encoder_learning_rate={training['encoder_learning_rate']:g}"
        if encoder.trainable
        else "frozen, its states computed once and kept"
    )
    one = encoder_operations(model, 100) / 100
    return (
        f"{encoder.model.config.model_type}, {encoder.layers} layers of {encoder.size}, {states}; {how}; "
        f"{one / 1e6:,.2f} million operations a token in a text of 100"
    )


def explain_recurrence(config: StackedLSTMConfig, chosen: str) -> str:
    """Which recurrence runs, and why."""
    if chosen == "native":
        return "native: the C++ kernel runs all of these settings on a CPU, in training and in evaluation"
    if chosen == "fused":
        return "fused: torch's own kernels can run all of these settings"
    if reasons := why_not_fused(config):
        return f"reference: the fast path (fused) is lost to {', '.join(reasons)}, which torch's kernels cannot run"
    return "reference: as asked; fused could run these settings and is faster"


def layer_columns(model: StackedLSTMForSequenceClassification) -> list[tuple[str, dict[str, Any]]]:
    """For every layer and direction its title and what acts in it, read off the network itself."""
    columns = []
    for number, layer in enumerate(model.stack.layers):
        assert isinstance(layer, LSTMLayer)
        for name, direction in layer.directions.items():
            assert isinstance(direction, LSTMDirection)
            arrow = "forward" if name == "forward_direction" else "reverse"
            columns.append((f"{number + 1} {arrow}", _direction_values(model, number, direction)))
    return columns


def _direction_values(
    model: StackedLSTMForSequenceClassification, number: int, direction: LSTMDirection
) -> dict[str, Any]:
    inputs, hidden = direction.weight_ih.size(1), direction.weight_hh.size(1)
    cell, initialization = direction.settings, direction.initialization
    dropout = model.stack.dropouts[number]
    bias = f"chrono {initialization['chrono']}" if initialization["chrono"] else f"{initialization['forget_bias']:g}"
    return {
        "reads": inputs,
        "hidden_size": hidden,
        "activation": cell.activation,
        "recurrent_activation": cell.recurrent_activation,
        "layer_norm": direction.norms is not None,
        # The first layer reads the token vectors: nothing is joined to it.
        "connections": model.config.connections if number else "none",
        "dropout": f"{dropout.p:g}",
        "dropout_kind": _short(str(dropout.kind)),
        "recurrent_dropout": f"{cell.recurrent_dropout:g}",
        "recurrent_dropout_kind": _short(cell.recurrent_dropout_kind),
        "weight_drop": f"{direction.weight_drop:g}",
        "zoneout_cell": f"{cell.zoneout_cell:g}",
        "zoneout_hidden": f"{cell.zoneout_hidden:g}",
        "initialization.input": initialization["input"],
        "initialization.recurrent": initialization["recurrent"],
        "forget bias": bias,
        "parameters": sum(weight.numel() for weight in direction.parameters()),
        # A multiplication and an addition count as two.
        "operations a token": 8 * hidden * (inputs + hidden),
    }


def _layers_table(columns: list[tuple[str, dict[str, Any]]]) -> Table:
    table = Table(title="Layer and direction", title_justify="left")
    table.add_column("setting", no_wrap=True)
    for title, _ in columns:
        table.add_column(title, justify="right")
    for name in columns[0][1]:
        table.add_row(name, *(_shown(values[name]) for _, values in columns))
    return table


def _network_table(config: StackedLSTMConfig, training: dict[str, Any]) -> Table:
    table = Table(title="The whole network", title_justify="left")
    table.add_column("setting")
    table.add_column("effective value", justify="right")
    for item in own_fields(type(config)):
        if not item.metadata.get("per_layer") and item.name not in NOT_PER_LAYER and not item.name.endswith("_kind"):
            scaled = item.name in SCALED
            value = config.effective(item.name)
            table.add_row(f"model.{item.name}", f"{value:g}" if scaled else _shown(value))
    for name in ("weight_decay", "label_smoothing"):
        table.add_row(f"training.{name}", f"{training[name] * config.regularization_scale:g}")
    for name in ("class_weight", "sampling"):
        table.add_row(f"training.{name}", training.get(name))
    if config.encoder is None:
        rate = training["embedding_learning_rate"] or training["learning_rate"]
        table.add_row("training.embedding_learning_rate", f"{rate:g}")
    table.add_row("training.decay_embeddings", _shown(training["decay_embeddings"]))
    table.add_row("training.max_grad_norm", f"{training['max_grad_norm']:g}")
    return table


def _short(kind: str) -> str:
    """A kind of dropout in the width of a column."""
    return {"variational": "variat.", "elementwise": "elementw.", "candidate_elementwise": "cand. elem."}.get(
        kind, kind
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value)
