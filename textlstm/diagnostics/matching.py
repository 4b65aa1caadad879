"""`model.match`: the hidden size that gives a network the budget of another depth.

Without it "deeper" is confused with "bigger": at equal width each layer adds weights. Tai, Socher and
Manning 2015 ("Improved Semantic Representations From Tree-Structured Long Short-Term Memory
Networks") matched their depths by hand: 168 units at depth 1 against 120 at depth 2.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from textlstm.data.batches import EncodedTexts
from textlstm.diagnostics.budget import build_on_meta, operations_per_text, operations_per_token
from textlstm.diagnostics.latency import latency
from textlstm.errors import UserError
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.network import count_parameters
from textlstm.section import Section

Budget = Literal["parameters", "flops", "latency"]
Width = int | list[int]
"""The hidden size of all layers, or of each."""

TOLERANCE = {"parameters": 0.02, "flops": 0.02, "latency": 0.1}
"""Largest difference to the reference, as a share of it."""

SMALLEST, LARGEST = 2, 65_536
"""Hidden sizes beyond these are not looked for; of a single unit there is nothing to normalise."""

REPEATS = 5
"""Measurements of a latency, each beside one of the reference: their median ratio counts."""


class Reference(Section):
    """The network whose budget is to be met."""

    layers: int = Field(1, ge=1, description="depth of the network whose budget is met")
    hidden_size: int | None = Field(
        None, ge=1, description="hidden size of the network whose budget is met; null takes model.hidden_size"
    )
    part: Literal["stack", "network"] = Field(
        "stack",
        description="what is counted: the LSTM stack alone, or the whole network with token vectors and head (latency is always of the whole)",
    )


class MatchSettings(Section):
    """`model.match` and `model.match_to`."""

    match: Budget | None = Field(
        None,
        description="choose the hidden size of every layer so that this is equal to that of model.match_to: within 2%, latency within 10%",
    )
    match_to: Reference = Field(Reference(), description="the network whose budget is met")


@dataclass(frozen=True)
class Matched:
    """The hidden size found, and that of the reference. ratio: the network's budget by the reference's.

    hidden_size: of every layer; a list where layers of equal size do not come near enough and some are
    one unit wider than the others.
    """

    hidden_size: Width
    reference_hidden_size: int
    ratio: float
    sentence: str


def match_hidden_size(
    settings: dict[str, Any],
    wanted: MatchSettings,
    *,
    vocab_size: int,
    embedding_size: int,
    classes: int,
    texts: EncodedTexts,
    encoder: dict[str, Any] | None = None,
) -> Matched:
    """The hidden size for `settings`, those of the network, whose `layers` it is found for.

    vocab_size, embedding_size: of the token vectors. encoder: a pretrained one that makes them, as in the configuration. texts: their lengths alone matter, to `flops` of a
    whole network and to `latency`. Raises `UserError` where no hidden size comes near enough.
    """
    assert wanted.match is not None
    reference, budget, part = wanted.match_to, wanted.match, wanted.match_to.part
    width = reference.hidden_size or settings["hidden_size"]

    def network_config(layers: int, hidden_size: Width) -> StackedLSTMConfig:
        sizes = {"vocab_size": vocab_size, "embedding_size": embedding_size, "num_labels": classes, "encoder": encoder}
        return counted_config(settings | sizes, layers, hidden_size)

    layers = settings["layers"]
    found: Width = width
    ratio = 1.0
    if layers != reference.layers and budget == "latency":
        found, ratio = _match_latency(network_config, layers, (reference.layers, width), texts)
    elif layers != reference.layers:
        found, ratio = _match_count(network_config, layers, (reference.layers, width), budget, part, texts)
    names = f"{_stack(layers, found)}: {_share(ratio, budget)} {_stack(reference.layers, width)}"
    if abs(ratio - 1) > TOLERANCE[budget]:
        raise UserError(
            f"model.match={budget} is to come within {100 * TOLERANCE[budget]:.0f}%. The nearest is {names}.\n"
            f"Give a {'smaller' if found == LARGEST else 'larger'} model.match_to.hidden_size"
            + (f", or match to the deepest network: model.match_to.layers={layers}." if budget == "latency" else ".")
        )
    return Matched(found, width, ratio, names)


STRUCTURE = (
    *("vocab_size", "embedding_size", "encoder", "num_labels", "bidirectional", "pooling", "connections", "readout"),
    *("activation", "recurrent_activation", "layer_norm", "recurrence"),
)
"""Settings that decide shapes, or how long a text takes. The others act in training alone."""


def counted_config(settings: dict[str, Any], layers: int, hidden_size: Width) -> StackedLSTMConfig:
    """The network at another depth and width, as far as its budget goes.

    Settings given layer by layer are, at another depth, those of the first at every layer. What a single
    layer cannot have (joined layers, several to read out) is left out of it.
    """
    same = {
        name: value[0] if isinstance(value, list) and len(value) != layers else value
        for name, value in settings.items()
    }
    alone = {"connections": "none", "readout": "top"} if layers == 1 else {}
    structure = {name: value for name, value in same.items() if name in STRUCTURE}
    return StackedLSTMConfig(**{**structure, **alone, "layers": layers, "hidden_size": hidden_size})


def _match_count(
    config: Callable[[int, Width], StackedLSTMConfig],
    layers: int,
    reference: tuple[int, int],
    budget: str,
    part: str,
    texts: EncodedTexts,
) -> tuple[Width, float]:
    """A hidden size and its count as a multiple of the reference's."""
    tokens = statistics.mean(map(len, texts.ids)) if len(texts.ids) else 1.0

    def count(depth: int, width: Width) -> float:
        model = build_on_meta(config(depth, width))
        if budget == "flops":
            return operations_per_token(model) if part == "stack" else operations_per_text(model, tokens)
        counts = count_parameters(model)
        return counts["stack"] if part == "stack" else sum(counts.values())

    target = count(*reference)

    def off(width: Width) -> float:
        return abs(count(layers, width) / target - 1)

    below, above = _bracket(lambda width: count(layers, width) / target)
    found: Width = min((below, above), key=off)
    same = config(layers, found)
    if off(found) > TOLERANCE[budget] and same.connections in ("none", "dense") and same.readout != "mix":
        wider_first = [[above] * wider + [below] * (layers - wider) for wider in range(1, layers)]
        found = min([*wider_first, *(sizes[::-1] for sizes in wider_first)], key=off, default=found)
    return found, count(layers, found) / target


def _match_latency(
    config: Callable[[int, Width], StackedLSTMConfig], layers: int, reference: tuple[int, int], texts: EncodedTexts
) -> tuple[Width, float]:
    """The same for the time of one text, measured here and now."""
    model = StackedLSTMForSequenceClassification(config(*reference)).eval()
    measured: dict[int, float] = {}

    def ratio(width: int) -> float:
        if width not in measured:
            other = StackedLSTMForSequenceClassification(config(layers, width)).eval()
            measured[width] = statistics.median(latency(other, texts) / latency(model, texts) for _ in range(REPEATS))
        return measured[width]

    _bracket(ratio)
    found = min(measured, key=lambda width: abs(measured[width] - 1))
    return found, measured[found]


def _bracket(ratio: Callable[[int], float]) -> tuple[int, int]:
    """Two neighbouring hidden sizes between which `ratio`, which grows with the size, passes 1."""
    below, above = SMALLEST, 2 * SMALLEST
    if ratio(below) >= 1:
        return below, below
    while ratio(above) < 1:
        if above >= LARGEST:
            return above, above
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if ratio(middle) < 1 else (below, middle)
    return below, above


def _stack(layers: int, hidden_size: Width) -> str:
    sizes = ", ".join(map(str, hidden_size)) if isinstance(hidden_size, list) else hidden_size
    return f"{layers} layer{'s' * (layers != 1)} of {sizes} unit{'s' * (hidden_size != 1)}"


def _share(ratio: float, budget: str) -> str:
    """In words: 1.2% fewer parameters than."""
    if ratio == 1:
        return f"as many {budget} as" if budget == "parameters" else "the same as"
    size = f"{100 * abs(ratio - 1):.1f}%"
    if budget == "latency":
        return f"{size} {'slower' if ratio > 1 else 'faster'} on a text than"
    what = "operations" if budget == "flops" else "parameters"
    return f"{size} {'more' if ratio > 1 else 'fewer'} {what} than"
