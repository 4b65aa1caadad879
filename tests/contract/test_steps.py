"""Whatever is set: training and evaluation leave each other alone, gradients are right, padding and files change nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.contract.networks import equal, everything, run, same, texts
from tests.contract.table import TABLE, TOGETHER, UNBOUNDED, cases, pair
from textlstm import StackedLSTMConfig
from textlstm.model.checking import own_fields

pytestmark = UNBOUNDED

WHATEVER_IS_SET = cases(TABLE + TOGETHER)


def step(model: Any) -> tuple[list[Tensor], list[Tensor]]:
    model.zero_grad()
    output = run(model, texts(), training=True)
    output.loss.backward()
    return everything(output), [weight.grad for weight in model.parameters()]


@WHATEVER_IS_SET
def test_an_evaluation_between_two_steps_changes_neither_them_nor_a_weight(row, layers, bidirectional):
    plain, model = pair(row, layers, bidirectional)
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    outputs, gradients = step(model)
    assert all(gradient is not None and gradient.any() for gradient in gradients)
    run(model, texts(), training=False)
    again = step(model)
    assert all(map(torch.equal, outputs + gradients, again[0] + again[1]))
    assert all(torch.equal(weight, weights[name]) for name, weight in model.named_parameters())
    assert {name for name, _ in model.named_parameters()} == set(weights)
    if row.rates and row in TABLE:
        assert set(weights) == set(plain.state_dict())


@WHATEVER_IS_SET
def test_gradients_are_the_slopes_of_the_loss(row, layers, bidirectional):
    _, model = pair(row, layers, bidirectional)
    ids, weighting = texts([3, 1, 2]), torch.randn(3, 3, dtype=torch.float64)

    def value() -> Tensor:
        output = run(model, ids, training=True)
        return output.loss + (output.logits * weighting).sum()

    value().backward()
    for name, module in model.named_modules():
        if weights := list(module.parameters(recurse=False)):
            line = [torch.randn_like(weight) for weight in weights]
            expected = sum((weight.grad * way).sum().item() for weight, way in zip(weights, line, strict=True))
            assert slope(value, weights, line) == pytest.approx(expected, rel=1e-5, abs=1e-7), name


@torch.no_grad()
def slope(value: Callable[[], Tensor], weights: list[Tensor], line: list[Tensor], step: float = 1e-6) -> float:
    """How fast a value changes when all weights move along a line."""
    ends = []
    for shift in (step, -step):
        for move in (shift, -shift):  # there, and back
            for weight, way in zip(weights, line, strict=True):
                weight.add_(way, alpha=move)
            if move == shift:
                ends.append(value().item())
    return (ends[0] - ends[1]) / (2 * step)


# Padding, order, files


@WHATEVER_IS_SET
def test_more_padding_and_another_order_change_no_logit(row, layers, bidirectional):
    _, model = pair(row, layers, bidirectional)
    # Words behind the texts, which the mask calls padding.
    padded, mask = texts(padding=9), texts(padding=9) > 0
    padded[~mask] = 3
    for training in (False, True):
        # Masks drawn for steps, or for the texts of a batch in turn, have another shape or order then.
        before = run(model, texts(), training)
        if not training or row.drawn != "step":
            after = run(model, padded, training, mask)
            assert same(after.logits, before.logits)
            assert same(after.loss, before.loss)
        if not training or row.drawn in ("", "batch"):
            turned = run(model, padded.flip(0), training, mask.flip(0))
            assert same(turned.logits.flip(0), before.logits)


@WHATEVER_IS_SET
def test_saved_and_loaded_it_is_the_same_network(row, layers, bidirectional, tmp_path, monkeypatch):
    _, model = pair(row, layers, bidirectional)
    # Weights and settings alone, which is ten times faster: that the code travels with them has its own test.
    monkeypatch.setattr(type(model), "_auto_class", None)
    monkeypatch.setattr(StackedLSTMConfig, "_auto_class", None)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path, dtype=torch.float64)
    for item in own_fields(StackedLSTMConfig):
        ours, theirs = getattr(again.config, item.name), getattr(model.config, item.name)
        assert (ours, type(ours)) == (theirs, type(theirs)), item.name
    for training in (False, True):
        assert equal(run(again, texts(), training), run(model, texts(), training))
