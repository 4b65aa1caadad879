"""`model.match`: hidden sizes at which depths cost the same, against sizes counted by hand and against torch's own counter."""

import itertools

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.data.batches import EncodedTexts
from textlstm.diagnostics import matching
from textlstm.diagnostics.budget import build_on_meta, operations_per_text, operations_per_token
from textlstm.diagnostics.matching import MatchSettings, Reference, counted_config, match_hidden_size
from textlstm.errors import UserError

WORDS, VECTORS, CLASSES = 500, 20, 3
LENGTHS = (3, 9, 30)
TEXTS = EncodedTexts([[2] * length for length in LENGTHS], np.zeros(len(LENGTHS), dtype=int), max_length=100)


def match(layers: int, wanted: MatchSettings, **settings):
    return match_hidden_size(
        {"layers": layers, "hidden_size": 60, **settings},
        wanted,
        vocab_size=WORDS,
        embedding_size=VECTORS,
        classes=CLASSES,
        texts=TEXTS,
    )


def network(layers: int, hidden_size: int, **settings) -> StackedLSTMForSequenceClassification:
    sizes = {"vocab_size": WORDS, "embedding_size": VECTORS, "num_labels": CLASSES}
    return StackedLSTMForSequenceClassification(
        StackedLSTMConfig(layers=layers, hidden_size=hidden_size, **sizes, **settings)
    )


def stack_weights(layers: int, sizes: list[int], directions: int) -> int:
    """By hand: four gates, two matrices and two bias vectors a layer and direction."""
    inputs = [VECTORS, *(directions * size for size in sizes[:-1])]
    assert len(sizes) == layers
    return directions * sum(4 * mine * (size + mine + 2) for size, mine in zip(inputs, sizes, strict=True))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [2, 3, 4])
@pytest.mark.parametrize("reference", [40, 60, 111])
def test_the_stacks_have_as_many_parameters(reference, layers, bidirectional):
    directions = 1 + bidirectional
    wanted = MatchSettings(match="parameters", match_to=Reference(hidden_size=reference))
    found = match(layers, wanted, bidirectional=bidirectional)
    target = stack_weights(1, [reference], directions)

    def off(width):
        return abs(stack_weights(layers, [width] * layers, directions) / target - 1)

    best = min(range(1, reference), key=off)
    sizes = found.hidden_size
    if off(best) <= 0.02:
        assert sizes == best
    else:
        assert max(sizes) - min(sizes) == 1
        assert best in sizes
    each = sizes if isinstance(sizes, list) else [sizes] * layers
    assert found.ratio == pytest.approx(stack_weights(layers, each, directions) / target)
    assert abs(found.ratio - 1) <= 0.02


@pytest.mark.parametrize("pooling", ["concat", "attention"])
def test_the_whole_networks_have_as_many_parameters(pooling):
    wanted = MatchSettings(match="parameters", match_to=Reference(part="network"))
    found = match(3, wanted, pooling=pooling)

    def size(layers, width):
        return sum(weight.numel() for weight in network(layers, width, pooling=pooling).parameters())

    target = size(1, 60)
    assert found.hidden_size == min(range(15, 60), key=lambda width: abs(size(3, width) - target))


@pytest.mark.parametrize("connections", ["none", "highway", "dense", "residual"])
@pytest.mark.parametrize(("pooling", "readout"), [("concat", "all"), ("attention", "top"), ("mean", "mix")])
def test_operations_are_those_that_torch_counts(connections, pooling, readout):
    model = network(3, 7, connections=connections, pooling=pooling, readout=readout, recurrence="reference").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.full((1, 11), 2))
    counts = counter.get_flop_counts()
    mixing = 2 * 3 * 11 * 14 if readout == "mix" else 0  # a weighted sum of three numbers, no matrix
    assert operations_per_text(model, 11) == sum(counts["Global"].values()) - mixing
    stack = next(name for name in counts if name.endswith(".stack"))
    assert 11 * operations_per_token(model) == sum(counts[stack].values())


@pytest.mark.parametrize("part", ["stack", "network"])
@pytest.mark.parametrize("layers", [2, 4])
def test_as_many_operations(part, layers):
    found = match(layers, MatchSettings(match="flops", match_to=Reference(part=part)), pooling="attention")
    tokens = np.mean(LENGTHS)

    def operations(depth, width):
        model = network(depth, width, pooling="attention")
        return operations_per_token(model) if part == "stack" else operations_per_text(model, tokens)

    assert operations(layers, found.hidden_size) / operations(1, 60) == pytest.approx(found.ratio)
    nearest = [abs(operations(layers, found.hidden_size + step) / operations(1, 60) - 1) for step in (-1, 0, 1)]
    assert min(nearest) == nearest[1] == pytest.approx(abs(found.ratio - 1))
    assert nearest[1] < 0.02


def test_a_latency_is_measured_beside_that_of_the_reference(monkeypatch):
    """With a clock that says (layers + width / 20) ms, and twice as much at every second look: both are slowed alike."""
    slow = itertools.cycle([1, 1, 2, 2])

    def clock(model, texts):
        return next(slow) * (model.config.layers + model.config.hidden_size / 20)

    monkeypatch.setattr(matching, "latency", clock)
    found = match(2, MatchSettings(match="latency"))
    assert found.hidden_size == 40
    assert found.ratio == 1
    with pytest.raises(UserError, match=r"The nearest is 6 layers of 2 units.*\n.*layers=6"):
        match(6, MatchSettings(match="latency"))


def test_a_real_latency_is_matched():
    wanted = MatchSettings(match="latency", match_to=Reference(layers=3, hidden_size=8))
    assert abs(match(1, wanted).ratio - 1) <= 0.1


def test_the_reference_depth_keeps_its_own_width():
    for budget in ("parameters", "flops", "latency"):
        found = match(2, MatchSettings(match=budget, match_to=Reference(layers=2, hidden_size=33)))
        assert (found.hidden_size, found.ratio) == (33, 1)


def test_one_depth_may_be_matched_to_any_other():
    wanted = MatchSettings(match="parameters", match_to=Reference(layers=4, hidden_size=49))
    shallow = match(1, wanted)
    back = match(4, MatchSettings(match="parameters", match_to=Reference(hidden_size=shallow.hidden_size)))
    assert back.hidden_size == 49


def test_what_only_several_layers_can_have_does_not_stop_a_single_one():
    wanted = MatchSettings(match="parameters", match_to=Reference(hidden_size=120))
    found = match(2, wanted, connections="highway", readout="mix")
    assert network(2, found.hidden_size, connections="highway").stack is not None
    gates = sum(
        weight.numel() for weight in build_on_meta(counted_config({"connections": "highway"}, 2, 10)).stack.parameters()
    )
    plain = sum(
        weight.numel() for weight in build_on_meta(counted_config({"connections": "none"}, 2, 10)).stack.parameters()
    )
    assert gates - plain == 20 * 20 + 20


def test_rates_and_lists_of_another_length_change_nothing():
    plain = match(3, MatchSettings(match="parameters"))
    listed = match(
        3, MatchSettings(match="parameters"), dropout=[0.1, 0.2, 0.3], word_dropout=0.3, layer_norm=[False] * 3
    )
    assert plain == listed


def test_a_setting_of_some_layers_counts_at_those():
    found = match(3, MatchSettings(match="parameters"), layer_norm=[True, False, False])
    parts = [
        network(*shape, layer_norm=norm)
        for shape, norm in (((3, found.hidden_size), [True, False, False]), ((1, 60), True))
    ]
    sizes = [sum(weight.numel() for weight in model.stack.parameters()) for model in parts]
    assert sizes[0] / sizes[1] == pytest.approx(found.ratio)


def test_no_hidden_size_near_enough_is_refused_with_the_nearest():
    wanted = MatchSettings(match="parameters", match_to=Reference(hidden_size=2))
    with pytest.raises(
        UserError, match=r"(?s)within 2%. The nearest is 4 layers of .* units: .*larger model.match_to.hidden_size"
    ):
        match(4, wanted)
