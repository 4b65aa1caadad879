"""The time of a single text."""

import numpy as np
import pytest
import torch

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.data.batches import EncodedTexts
from textlstm.diagnostics.latency import TEXTS, latency


def test_each_chosen_text_is_classified_alone_and_training_mode_comes_back(monkeypatch):
    model = StackedLSTMForSequenceClassification(StackedLSTMConfig(vocab_size=9, hidden_size=4, num_labels=2)).train()
    texts = EncodedTexts([[2] * length for length in range(1, 101)], np.zeros(100, int), 512)
    shapes = []
    model.register_forward_pre_hook(lambda m, args, kwargs: shapes.append(kwargs["input_ids"].shape), with_kwargs=True)
    ticks = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks) ** 2 / 1000)
    milliseconds = latency(model, texts)
    assert model.training
    assert len(shapes) == TEXTS + 1
    assert all(rows == 1 for rows, _ in shapes)
    assert len({length for _, length in shapes}) == TEXTS  # spread over all lengths
    # The n-th call takes ((2n + 1)^2 - (2n)^2) = 4n + 1 milliseconds; the first is not counted.
    assert milliseconds == pytest.approx(np.median([4 * n + 1 for n in range(1, TEXTS + 1)]))


def test_few_texts_are_all_taken():
    model = StackedLSTMForSequenceClassification(StackedLSTMConfig(vocab_size=9, hidden_size=4, num_labels=2))
    with torch.no_grad():
        assert latency(model, EncodedTexts([[2, 3], [4]], np.zeros(2, int), 512)) > 0
