"""Class weights and balanced drawing, against scikit-learn, torch and counts."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from textlstm.data.batches import SimilarLengthSampler
from textlstm.errors import UserError
from textlstm.training.imbalance import check_metric, class_weights, sampling_chances
from textlstm.training.objective import training_loss
from textlstm.training.settings import TrainingSettings

LABELS = np.array([0] * 70 + [1] * 20 + [2] * 10)
WEIGHTED = TrainingSettings(class_weight="balanced")
DRAWN = TrainingSettings(sampling="balanced")


def test_weights_are_those_of_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    assert class_weights(WEIGHTED, LABELS, 3) == pytest.approx(expected)
    assert class_weights(WEIGHTED, LABELS, 3) == pytest.approx([100 / (3 * 70), 100 / (3 * 20), 100 / (3 * 10)])
    assert class_weights(TrainingSettings(), LABELS, 3) is None


def test_weights_of_sets_are_negatives_by_positives():
    labels = np.array([[1, 0, 1]] * 2 + [[0, 1, 1]] * 6)
    assert class_weights(WEIGHTED, labels, 3) == pytest.approx([6 / 2, 2 / 6, 1.0])


def test_weights_that_a_batch_of_one_text_would_cancel_are_refused():
    alone = TrainingSettings(class_weight="balanced", batch_size=1)
    with pytest.raises(UserError, match=r"no effect with training\.batch_size=1"):
        class_weights(alone, LABELS, 3)
    assert class_weights(alone, np.array([[1, 0], [0, 1], [0, 1]]), 2) == pytest.approx([2, 0.5])


def test_balanced_classes_and_sets_are_refused():
    even = np.array([0, 1] * 20)
    with pytest.raises(UserError, match="class_weight=balanced has no effect"):
        class_weights(WEIGHTED, even, 2)
    with pytest.raises(UserError, match="sampling=balanced has no effect"):
        sampling_chances(DRAWN, even)
    with pytest.raises(UserError, match="cannot act where a text has several labels"):
        sampling_chances(DRAWN, np.eye(3, dtype=int))
    with pytest.raises(ValueError, match="together twice"):
        TrainingSettings(class_weight="balanced", sampling="balanced")
    with pytest.raises(UserError, match="micro_f1 is the accuracy"):
        check_metric(TrainingSettings(metric="micro_f1"), even)


def test_each_class_is_drawn_equally_often_and_batches_stay_of_similar_length():
    rng = np.random.default_rng(0)
    labels = np.repeat(LABELS, 20)
    lengths = rng.integers(1, 100, len(labels))
    sampler = SimilarLengthSampler(lengths, 10, 0, sampling_chances(DRAWN, labels))
    counts = np.zeros(3)
    for epoch in range(10):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert len(order) == len(labels) == len(sampler)
        counts += np.bincount(labels[order], minlength=3)
    assert counts / counts.sum() == pytest.approx([1 / 3] * 3, abs=0.012)  # three standard errors of 20,000 draws
    spread = np.ptp(lengths[order].reshape(-1, 10), axis=1).mean()
    assert spread < 15  # at random it is 80
    assert list(sampler) == order
    sampler.set_epoch(10)
    assert list(sampler) != order


def test_every_text_still_comes_once_without_chances():
    assert sorted(SimilarLengthSampler(np.arange(37), 5, 0)) == list(range(37))


def test_the_training_loss_by_loops():
    rng = torch.Generator().manual_seed(0)
    logits, weights = torch.randn(6, 3, generator=rng), torch.tensor([0.5, 1.0, 4.0])
    labels = torch.tensor([0, 1, 2, 0, 2, 1])
    losses = [-logits[i].log_softmax(0)[y] * weights[y] for i, y in enumerate(labels)]
    expected = torch.stack(losses).sum() / weights[labels].sum()
    assert training_loss(logits, labels, weights=weights).item() == pytest.approx(expected.item())
    sets = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]])
    terms = []
    for i in range(6):
        for c in range(3):
            p, target = logits[i, c].sigmoid(), sets[i, c] * 0.8 + 0.1
            terms.append(-(weights[c] * target * p.log() + (1 - target) * (1 - p).log()))
    found = training_loss(logits, sets, smoothing=0.2, weights=weights)
    assert found.item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)
    plain = functional.binary_cross_entropy_with_logits(logits, sets.float())
    assert training_loss(logits, sets).item() == pytest.approx(plain.item())
