"""The linear baseline: fitted on train, chosen on validation, scored once on test."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

from textlstm.diagnostics.linear_baseline import MINIMUM_COUNTS, STRENGTHS, linear_baseline

Rows = list[tuple[str, int]]


def make_rows(count: int, seed: int) -> Rows:
    """Texts of Zipfian words, a third of them chosen by the class; some labels are wrong."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = number % 3
        words = [f"w{min(rng.zipf(1.5), 400)}" for _ in range(10)]
        words += [f"c{(label + (rng.random() < 0.45)) % 3}x{rng.integers(30)}" for _ in range(5)]
        rows.append((" ".join(rng.permutation(words)), int(label if rng.random() < 0.9 else rng.integers(3))))
    return rows


def splits(**changes: Rows) -> DatasetDict:
    rows = {"train": make_rows(200, 0), "validation": make_rows(90, 1), "test": make_rows(90, 2)} | changes
    return DatasetDict(
        {
            name: Dataset.from_dict({"text": [text for text, _ in part], "label": [label for _, label in part]})
            for name, part in rows.items()
        }
    )


def without_time(found: dict) -> dict:
    return {name: value for name, value in found.items() if name != "seconds"}


def reference(data: DatasetDict, strength: float, minimum_count: int) -> dict:
    """One cell of the grid by scikit-learn's own parts; accuracy by hand."""
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=minimum_count, sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]"
    )
    features = vectorizer.fit_transform(data["train"]["text"])
    model = LinearSVC(C=strength, random_state=0).fit(features, data["train"]["label"])
    found = {"features": features.shape[1]}
    for split in ("validation", "test"):
        predicted = model.predict(vectorizer.transform(data[split]["text"]))
        labels = np.array(data[split]["label"])
        found[split] = {
            "accuracy": float(np.mean(predicted == labels)),
            "macro_f1": float(f1_score(labels, predicted, average="macro")),
        }
    return found


@pytest.fixture(scope="module")
def found() -> dict:
    return linear_baseline(splits())


def test_its_scores_are_those_of_its_choice(found):
    expected = reference(splits(), found["strength"], found["minimum_count"])
    for name, value in expected.items():
        assert found[name] == pytest.approx(value)
    assert found["seconds"] > 0


def test_its_choice_is_the_best_on_validation(found):
    grid = {(c, m): reference(splits(), c, m)["validation"]["accuracy"] for c in STRENGTHS for m in MINIMUM_COUNTS}
    assert found["validation"]["accuracy"] == pytest.approx(max(grid.values()))
    assert min(grid.values()) < max(grid.values())


def test_it_learns_what_there_is_to_learn(found):
    labels = splits()["test"]["label"]
    assert found["test"]["accuracy"] > np.bincount(labels).max() / len(labels) + 0.1


def test_other_labels_in_test_change_nothing_but_the_scores_on_test(found):
    turned = [(text, (label + 1) % 3) for text, label in make_rows(90, 2)]
    other = linear_baseline(splits(test=turned))
    assert other["test"] != found["test"]
    assert without_time(other) | {"test": None} == without_time(found) | {"test": None}


def test_other_texts_in_test_and_validation_change_no_feature(found):
    long = [(f"{text} unseen{i} unseen{i}", label) for i, (text, label) in enumerate(make_rows(90, 2))]
    other = linear_baseline(splits(test=long))
    assert other["features"] == found["features"]
    assert other["validation"] == found["validation"]


def test_other_labels_in_validation_can_change_the_choice():
    choices = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        noisy = [(text, int(rng.integers(3))) for text, _ in make_rows(90, 1)]
        choice = linear_baseline(splits(validation=noisy))
        choices.add((choice["strength"], choice["minimum_count"]))
    assert len(choices) > 1


def test_running_twice_gives_the_same(found):
    assert without_time(linear_baseline(splits())) == without_time(found)


def test_texts_that_share_no_word_leave_the_minimum_count_at_one():
    rows = [(f"word{i}", i % 2) for i in range(10)]
    assert linear_baseline(splits(train=rows, validation=rows, test=rows))["minimum_count"] == 1


def test_texts_of_single_letters_and_marks_have_features():
    rows = [("a !", 0), ("b ?", 1)] * 5
    found = linear_baseline(splits(train=rows, validation=rows, test=rows))
    assert found["test"] == {"accuracy": 1.0, "macro_f1": 1.0}


def test_on_real_questions_it_is_far_above_guessing(shared_data):
    train, test = (pd.read_csv(shared_data(f"trec6/{name}.csv")) for name in ("train", "test"))
    names = sorted(train["label"].unique())
    parts = {"train": train[:1500], "validation": train[1500:2000], "test": test}
    data = splits(
        **{name: [(t, names.index(lab)) for t, lab in zip(f.text, f.label, strict=True)] for name, f in parts.items()}
    )
    found = linear_baseline(data)
    assert found["test"]["accuracy"] > test["label"].value_counts(normalize=True).max() + 0.3
