"""What is drawn inside the recurrence: replayed by hand with the program's own draws, then shares and means."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.contract.chances import ERRORS, assert_all_independent, assert_independent
from tests.contract.loops import Cell, assert_states, stack_by_hand
from tests.contract.networks import LENGTHS, WIDTH, copies, network, reseed, run, texts
from tests.contract.table import READINGS
from textlstm.model.layer import reversal_index

RATE = 0.2
"""Its factor, 1.25, is exact in the float32 in which masks are made."""

DEPTH = pytest.mark.parametrize("layers", [1, 3])
READING = pytest.mark.parametrize("bidirectional", READINGS, ids=["forward", "both"])
KINDS = ("variational", "candidate", "candidate_elementwise")
ZONES = ({"zoneout_cell": 0.3}, {"zoneout_hidden": 0.4}, {"zoneout_cell": 0.3, "zoneout_hidden": 0.4})
DROPS = tuple({"recurrent_dropout": RATE, "recurrent_dropout_kind": kind} for kind in KINDS)


@pytest.fixture
def draws(monkeypatch) -> list[Tensor]:
    """All that `torch.rand` gives while a test runs."""
    drawn: list[Tensor] = []
    rand = torch.rand

    def recording(*shape: Any, **options: Any) -> Tensor:
        drawn.append(rand(*shape, **options))
        return drawn[-1]

    monkeypatch.setattr(torch, "rand", recording)
    return drawn


def places(model: Any) -> list[tuple[int, str]]:
    """Every layer and direction, in the order of a forward pass."""
    return [(number, name) for number, layer in enumerate(model.stack.layers) for name in layer.directions]


def masks_of(model: Any, draws: list[Tensor], batch: int, time: int) -> dict[tuple[int, str], dict[str, np.ndarray]]:
    """For every layer and direction: `dropped` [1 or T, B, H], `cell` and `hidden` [T, B, H] where zoneout keeps."""
    queue: Iterator[Tensor] = iter(draws)
    config, found = model.config, {}
    for place in places(model):
        masks = found[place] = {}
        if config.recurrent_dropout:
            masks["dropped"] = next(queue).numpy() < config.recurrent_dropout
            count = time if config.recurrent_dropout_kind == "candidate_elementwise" else 1
            assert masks["dropped"].shape == (count, batch, WIDTH)
        rates = {name: getattr(config, f"zoneout_{name}") for name in ("cell", "hidden")}
        zoned = [name for name, rate in rates.items() if rate]
        kept = next(queue).numpy() if zoned else np.zeros(0)
        assert not zoned or kept.shape == (time, len(zoned), batch, WIDTH)
        masks |= {name: kept[:, number] < rates[name] for number, name in enumerate(zoned)}
    assert next(queue, None) is None
    return found


def drawn_cell(masks: dict[str, np.ndarray], kind: str, row: int, time: int) -> Cell:
    given = {f"keep_{name}": masks[name][:, row] for name in ("cell", "hidden") if name in masks}
    if "dropped" in masks:
        factors = np.where(masks["dropped"][:, row], 0, 1 / (1 - RATE))
        name, value = ("state_mask", factors[0]) if kind == "variational" else ("candidate_masks", factors)
        given[name] = np.broadcast_to(value, (time, WIDTH)) if name == "candidate_masks" else value
    return Cell(**given)


@DEPTH
@READING
@pytest.mark.parametrize("settings", [*ZONES, *DROPS, *(drop | ZONES[2] for drop in DROPS)], ids=str)
def test_training_follows_its_equations_with_the_masks_that_it_draws(draws, settings, layers, bidirectional):
    model = network(layers=layers, bidirectional=bidirectional, **settings)
    states = run(model, texts(), training=True).hidden_states[1:]
    time, kind = max(LENGTHS), model.config.recurrent_dropout_kind
    masks = masks_of(model, draws, len(LENGTHS), time)
    expected = stack_by_hand(model, texts(), lambda layer, name, row: drawn_cell(masks[layer, name], kind, row, time))
    assert_states(states, expected)


@DEPTH
@READING
@pytest.mark.parametrize("settings", [ZONES[2], *DROPS], ids=str)
def test_masks_of_texts_layers_directions_and_steps_are_independent(draws, settings, layers, bidirectional):
    model = network(layers=layers, bidirectional=bidirectional, **settings)
    run(model, copies(1000, 3), training=True)
    found = masks_of(model, draws, 1000, 3)
    for name in found[0, "forward_direction"]:
        rate = RATE if name == "dropped" else settings[f"zoneout_{name}"]
        masks = [torch.from_numpy(mask) for place in places(model) for mask in found[place][name]]
        assert_all_independent(masks, rate)
        for mask in masks:
            assert_independent(mask[0::2], mask[1::2], rate)


def test_every_layer_may_have_a_kind_of_its_own(draws):
    model = network(layers=3, recurrent_dropout=RATE, recurrent_dropout_kind=list(KINDS))
    states = run(model, texts(), training=True).hidden_states[1:]
    assert [len(draw) for draw in draws] == [1, 1, 1, 1, 7, 7]
    masks = {place: {"dropped": draw.numpy() < RATE} for place, draw in zip(places(model), draws, strict=True)}
    expected = stack_by_hand(
        model, texts(), lambda layer, name, row: drawn_cell(masks[layer, name], KINDS[layer], row, 7)
    )
    assert_states(states, expected)


# Weight drop


@DEPTH
@READING
def test_weight_drop_zeroes_recurrent_weights_of_every_layer_and_direction(layers, bidirectional):
    model = network(layers=layers, bidirectional=bidirectional, weight_drop=RATE, hidden_size=20)
    output = run(model, texts(), training=True)
    output.loss.backward()
    masks = {}
    for number, name in places(model):
        direction = model.stack.layers[number].directions[name]
        # A dropped weight gets no gradient; every other one does, and those of the input too.
        masks[number, name] = direction.weight_hh.grad == 0
        assert direction.weight_ih.grad.all()
    assert_all_independent(list(masks.values()), RATE)
    expected = stack_by_hand(
        model, texts(), lambda layer, name, _: Cell(weight_mask=np.where(masks[layer, name], 0, 1 / (1 - RATE)))
    )
    assert_states(output.hidden_states[1:], expected)


# Means


@pytest.mark.parametrize("settings", [*DROPS, {"weight_drop": RATE}], ids=str)
@pytest.mark.filterwarnings("ignore:activation=.* is unbounded:UserWarning")
def test_what_is_dropped_is_scaled_so_that_its_mean_is_the_whole(settings):
    # Linear in the mask: no activation, and of the recurrent weights those of the candidate alone, or none.
    model = network(layers=3, activation="identity", recurrence="reference", **settings)
    batch, calls = (1, 500) if "weight_drop" in settings else (2000, 2)  # of a batch, weight drop makes one draw
    mask, reversal = torch.ones(batch, 2, 1, dtype=torch.bool), reversal_index(torch.full((batch,), 2), 2)
    unused = slice(None) if "candidate" in model.config.recurrent_dropout_kind else [0, 1, 3]
    reseed()
    for layer in model.stack.layers:
        for direction in layer.directions.values():
            direction.weight_hh.data.view(4, WIDTH, WIDTH)[unused] = 0
        inputs = torch.randn(1, 2, direction.weight_ih.size(1), dtype=torch.float64).expand(batch, -1, -1)
        with torch.no_grad():
            whole = layer.eval()(inputs, mask, reversal)[0]
            layer.train()
            samples = torch.cat([layer(inputs, mask, reversal) for _ in range(calls)])
        error = samples.std(0) / len(samples) ** 0.5
        assert (error > 0).any(0).all()  # in the second step of every unit of both directions
        assert ((samples.mean(0) - whole).abs() <= ERRORS * error + 1e-12).all()
