"""Scores and evidence about answers, against loops and scikit-learn; predictions whatever the batches."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix, f1_score, log_loss

from textlstm.data.batches import EncodedTexts
from textlstm.diagnostics.predictions import calibration, confident_mistakes, diagnose, per_class
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.training.scores import generalization_gap, predict_logits, predict_splits, score

NAMES = ["a", "b", "c", "d"]


def answers(seed: int, count: int = 300, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of a classifier that is right about half the time."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(size=(count, classes))
    logits[np.arange(count), labels] += 1
    return logits.astype(np.float32), labels


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def scores_by_loop(labels: np.ndarray, predicted: np.ndarray, label: int) -> tuple[float, float, float, int]:
    """Precision, recall, F1 and support of one class; 0 where a share of nothing is asked for."""
    pairs = list(zip(labels.tolist(), predicted.tolist(), strict=True))
    hits = sum(true == guess == label for true, guess in pairs)
    guessed, support = sum(guess == label for _, guess in pairs), sum(true == label for true, _ in pairs)
    precision, recall = hits / guessed if guessed else 0.0, hits / support if support else 0.0
    return precision, recall, 2 * hits / (guessed + support) if guessed + support else 0.0, support


# Scores


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn_and_of_a_loop(seed):
    logits, labels = answers(seed)
    predicted, found = logits.argmax(axis=1), score(logits, labels)
    assert found["loss"] == pytest.approx(log_loss(labels, softmax(logits), labels=range(4)), abs=1e-9)
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert found["macro_f1"] == pytest.approx(np.mean([scores_by_loop(labels, predicted, c)[2] for c in range(4)]))
    assert found["examples"] == 300
    assert 0.3 < found["accuracy"] < 0.8


def test_a_class_that_is_never_guessed_counts_as_zero_in_macro_f1():
    logits = np.eye(3)[[0, 0, 1, 1]]
    assert score(logits, np.array([0, 0, 1, 2]))["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_very_large_logits_give_a_finite_loss():
    found = score(np.array([[2e4, -2e4], [2e4, -2e4]], np.float32), np.array([0, 1]))
    assert found["loss"] == pytest.approx(2e4)


def test_the_gap_is_positive_where_training_is_better():
    better = {"loss": 0.25, "accuracy": 0.9, "macro_f1": 0.8, "examples": 100}
    worse = {"loss": 0.75, "accuracy": 0.7, "macro_f1": 0.5, "examples": 20}
    gap = generalization_gap({"train": better, "validation": worse})
    assert gap == pytest.approx({"loss": 0.5, "accuracy": 0.2, "macro_f1": 0.3})
    assert generalization_gap({"train": worse, "validation": better}) == pytest.approx({k: -v for k, v in gap.items()})


# Predictions


def network(**settings) -> StackedLSTMForSequenceClassification:
    torch.manual_seed(0)
    sizes = {"vocab_size": 30, "embedding_size": 6, "hidden_size": 8, "layers": 2, "num_labels": 3}
    return StackedLSTMForSequenceClassification(StackedLSTMConfig(**(sizes | settings)))


def texts(count: int) -> EncodedTexts:
    rng = np.random.default_rng(0)
    ids = [rng.integers(1, 30, rng.integers(1, 40)).tolist() for _ in range(count)]
    return EncodedTexts(ids, rng.integers(0, 3, count), 30)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "concat"])
def test_logits_are_those_of_each_text_alone_in_the_order_of_the_texts(pooling):
    model, data = network(pooling=pooling, dropout=0.5, input_dropout=0.5), texts(150)
    logits = predict_logits(model, data)
    assert logits.dtype == np.float32
    assert logits.shape == (150, 3)
    with torch.no_grad():
        alone = torch.cat([model.double().eval()(torch.tensor([ids])).logits for ids in data.ids]).numpy()
    np.testing.assert_allclose(logits, alone, rtol=0, atol=1e-5)


def test_predictions_do_not_depend_on_the_order_or_company_of_the_texts():
    model, data = network(), texts(150)
    logits = predict_logits(model, data)
    order = np.random.default_rng(1).permutation(150)
    np.testing.assert_allclose(predict_logits(model, data.subset(order)), logits[order], rtol=0, atol=1e-6)
    np.testing.assert_allclose(predict_logits(model, data.subset(order[:7])), logits[order[:7]], rtol=0, atol=1e-6)


def test_predicting_twice_gives_the_same_bits_and_leaves_the_mode_alone():
    model, data = network(dropout=0.5), texts(100)
    first = predict_logits(model.train(), data)
    assert model.training
    assert np.array_equal(first, predict_logits(model.eval(), data))
    assert not model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_mixed_precision_stays_near_to_full():
    model, data = network(), texts(80)
    full, mixed = predict_logits(model, data), predict_logits(model, data, "bf16")
    assert mixed.dtype == np.float32
    assert 0 < np.abs(full - mixed).max() < 0.05


def test_every_split_is_predicted():
    model, data = network(), {"train": texts(20), "test": texts(5)}
    found = predict_splits(model, data, "fp32")
    assert {name: len(logits) for name, logits in found.items()} == {"train": 20, "test": 5}
    np.testing.assert_array_equal(found["test"], predict_logits(model, data["test"]))


# Evidence


@pytest.mark.parametrize("classes", [4, 6], ids=["all classes occur", "two classes never occur"])
def test_precision_recall_and_f1_of_each_class_are_those_of_a_loop(classes):
    logits, labels = answers(1)
    predicted, names = logits.argmax(axis=1), [f"class {i}" for i in range(classes)]
    rows = per_class(labels, predicted, names)
    report = classification_report(
        labels, predicted, labels=range(classes), target_names=names, output_dict=True, zero_division=0
    )
    for label, row in enumerate(rows):
        expected = scores_by_loop(labels, predicted, label)
        assert (row["precision"], row["recall"], row["f1"], row["support"]) == pytest.approx(expected)
        assert row["f1"] == pytest.approx(report[row["label"]]["f1-score"])
    assert [row["label"] for row in rows] == names


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("seed", range(3))
def test_calibration_is_that_of_a_loop(seed, bins):
    logits, labels = answers(seed)
    probabilities = softmax(logits)
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for row, label in zip(probabilities, labels, strict=True):
        confidence = max(row)
        place = next(i for i in range(bins) if confidence < (i + 1) / bins or i == bins - 1)
        members[place].append((confidence, row[label] == confidence))
    error = sum(abs(sum(right for _, right in m) - sum(c for c, _ in m)) for m in members if m) / len(labels)
    found = calibration(probabilities, labels, bins)
    assert found["error"] == pytest.approx(error, abs=1e-12)
    filled = [(i, m) for i, m in enumerate(members) if m]
    assert [row["examples"] for row in found["bins"]] == [len(m) for _, m in filled]
    assert [(row["low"], row["high"]) for row in found["bins"]] == [(i / bins, (i + 1) / bins) for i, _ in filled]
    for row, (_, m) in zip(found["bins"], filled, strict=True):
        assert row["confidence"] == pytest.approx(np.mean([c for c, _ in m]))
        assert row["accuracy"] == pytest.approx(np.mean([right for _, right in m]))


def test_certain_answers_are_perfectly_calibrated_if_right_and_not_at_all_if_wrong():
    certain = np.eye(3)[[0, 1, 2]]
    assert calibration(certain, np.array([0, 1, 2]))["error"] == 0
    assert calibration(certain, np.array([1, 2, 0]))["error"] == 1
    assert calibration(certain, np.array([0, 1, 2]))["bins"][-1]["high"] == 1


def test_the_most_confident_mistakes_come_first():
    logits, labels = answers(2)
    probabilities, texts_ = softmax(logits), [f"text {i}" for i in range(300)]
    wrong = []
    for number, (row, label) in enumerate(zip(probabilities, labels, strict=True)):
        guess = list(row).index(max(row))
        if guess != label:
            wrong.append((max(row), number, NAMES[label], NAMES[guess]))
    wrong.sort(reverse=True)
    assert len(wrong) > 30
    found = confident_mistakes(probabilities, labels, texts_, NAMES, 20)
    assert [(row["index"], row["text"], row["label"], row["prediction"]) for row in found] == [
        (number, f"text {number}", label, guess) for _, number, label, guess in wrong[:20]
    ]
    assert [row["probability"] for row in found] == pytest.approx([confidence for confidence, *_ in wrong[:20]])
    assert len(confident_mistakes(probabilities, labels, texts_, NAMES, 1000)) == len(wrong)


def test_equally_confident_mistakes_keep_the_order_of_the_texts():
    probabilities = np.tile([0.9, 0.1], (5, 1))
    found = confident_mistakes(probabilities, np.array([1, 0, 1, 1, 0]), list("vwxyz"), ["a", "b"], 5)
    assert [row["text"] for row in found] == ["v", "x", "y"]


def test_a_diagnosis_holds_the_confusions_of_every_class():
    logits, labels = answers(3)
    labels = np.where(labels == 3, 0, labels)  # class d never occurs
    found = diagnose(logits, labels, [""] * 300, NAMES, mistakes=3)
    expected = np.zeros((4, 4), int)
    for label, row in zip(labels, logits, strict=True):
        expected[label, row.argmax()] += 1
    assert found["confusion"] == expected.tolist()
    assert found["confusion"] == confusion_matrix(labels, logits.argmax(axis=1), labels=range(4)).tolist()
    assert sum(row["examples"] for row in found["calibration"]["bins"]) == 300
    assert [row["support"] for row in found["per_class"]] == expected.sum(axis=1).tolist()
    assert len(found["mistakes"]) == 3
