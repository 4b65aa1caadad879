"""What the benchmarks of speed compare are the same networks: with the same weights they give the same losses and gradients."""

import numpy as np
import pytest
import torch

from benchmarks.ways import CLASSES, PackedLSTM, StepLoop, draw_batches, make_batch, ours

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def give_weights(model, way):
    """Ours to the other way's recurrence; token vectors and head are shared."""
    with torch.no_grad():
        for number, layer in enumerate(model.stack.layers):
            for direction, (name, suffix) in enumerate((("forward_direction", ""), ("reverse_direction", "_reverse"))):
                for part in PARTS:
                    weight = getattr(layer.directions[name], part)
                    if isinstance(way, PackedLSTM):
                        getattr(way.lstm, f"{part}_l{number}{suffix}").copy_(weight)
                    else:
                        getattr(way.cells[number][direction], part).copy_(weight)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", [PackedLSTM, StepLoop])
def test_every_way_is_the_same_network(kind, layers):
    model = ours(layers, 8, "reference").eval()
    way = (kind(model) if kind is PackedLSTM else kind(model, 0.3)).eval()
    give_weights(model, way)
    ids, mask, labels = make_batch(np.array([5, 1, 9, 3]), np.random.default_rng(0))
    table = model.embedding.table.weight
    found = []
    for loss in (model(ids, mask, labels=labels).loss, way(ids, mask, labels=labels)):
        (gradient,) = torch.autograd.grad(loss, table)
        found.append((loss.detach(), gradient))
    for ours_, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours_, theirs, rtol=1e-4, atol=1e-6)


def test_batches_hold_the_texts_once_and_are_of_similar_length_where_they_should_be():
    lengths = np.random.default_rng(0).integers(1, 60, 2000)
    found = draw_batches(lengths, 8, seed=1)
    spread = {kind: np.mean([mask.sum(1).float().std() for _, mask, _ in batches]) for kind, batches in found.items()}
    assert spread["bucketed"] < spread["random"] / 4
    for batches in found.values():
        for ids, mask, labels in batches:
            assert ((ids > 0) == mask.bool()).all()
            assert labels.max() < CLASSES
