"""Several labels a text: reading, splitting, thresholds and scores, against loops and scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from scipy.special import expit
from sklearn.metrics import accuracy_score, f1_score

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.data.batches import encode_splits
from textlstm.data.files import FilesSource
from textlstm.data.hub import HubSource
from textlstm.data.label_sets import OTHERS, label_array, rows_that_stay, strata
from textlstm.data.load import load_data, load_evaluation_data
from textlstm.data.splits import take_share
from textlstm.diagnostics.label_sets import diagnose_sets
from textlstm.diagnostics.linear_baseline import linear_baseline
from textlstm.errors import UserError
from textlstm.reports.report import write_predictions
from textlstm.study.intervals import macro_f1_by_example
from textlstm.study.predictions import read_predictions
from textlstm.training.scores import score
from textlstm.training.thresholds import find_threshold, find_thresholds
from textlstm.use.classify import describe


def jsonl(path: Path, rows: list[tuple[str, object]]) -> str:
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    return str(path)


def source(train: str, **settings: object) -> FilesSource:
    return FilesSource(name="tags", train=train, **settings)


def many(number: int = 120) -> list[tuple[str, object]]:
    sets: list[list[str]] = [["a"], ["b"], ["a", "b"], [], ["c", "a"], ["a"]]
    return [(f"text number {i} of them", sets[i % 6]) for i in range(number)]


# ---------------------------------------------------------------- reading


def test_lists_and_separated_texts_give_the_same(tmp_path):
    lists = load_data(source(jsonl(tmp_path / "lists.jsonl", many())))
    joined = [(text, " ; ".join(labels)) for text, labels in many()]
    texts = load_data(source(jsonl(tmp_path / "texts.jsonl", joined), label_separator=";"))
    pd.DataFrame(many(), columns=["text", "label"]).to_parquet(tmp_path / "lists.parquet")
    parquet = load_data(source(str(tmp_path / "lists.parquet")))
    assert lists.multi_label
    assert lists.label_names == ["a", "b", "c"]
    assert lists.fingerprint == texts.fingerprint == parquet.fingerprint
    row = next(i for i, text in enumerate(lists.splits["train"]["text"]) if int(text.split()[2]) % 6 == 4)
    assert label_array(lists.splits["train"])[row].tolist() == [1, 0, 1]


def test_numbers_are_labels_and_sort_as_numbers(tmp_path):
    rows = [(f"text {i}", [i % 11, 2]) for i in range(80)]
    assert load_data(source(jsonl(tmp_path / "n.jsonl", rows))).label_names == [str(i) for i in range(11)]


@pytest.mark.parametrize(
    ("rows", "settings", "says"),
    [
        ([*many(), ("one", ["a", 3])], {}, r"row 121.*mixes numbers and texts"),
        ([*many(), ("one", [0.5])], {}, r"row 121.*neither a text nor a whole number: 0\.5"),
        ([*many(), ("one", [""])], {}, "an empty text"),
        ([*many(), ("one", [["a"]])], {}, "neither a text"),
        ([*many(), ("one", "a")], {}, r"row 121.*is no list"),
        ([*many(), ("one", None)], {}, "is no list"),
        (many(), {"label_separator": ";"}, "is a list already"),
        ([(f"text {i}", "ab"[i % 2]) for i in range(40)], {"label_separator": ";"}, "label_separator=; has no effect"),
        ([(f"text {i}", []) for i in range(40)], {}, "No training text has a label"),
        ([(f"text {i}", ["a"] if i % 2 else []) for i in range(40)], {}, "'a' is the only label"),
    ],
)
def test_what_is_no_set_of_labels_is_refused(tmp_path, rows, settings, says):
    with pytest.raises(UserError, match=says):
        load_data(source(jsonl(tmp_path / "bad.jsonl", rows), **settings))


def test_an_empty_separator_is_refused():
    with pytest.raises(ValueError, match="label_separator"):
        source("rows.jsonl", label_separator="")


def test_files_of_two_kinds_and_unknown_labels_are_refused(tmp_path):
    train = jsonl(tmp_path / "train.jsonl", many())
    single = jsonl(tmp_path / "single.jsonl", [("another", "a"), ("one more", "b")])
    with pytest.raises(UserError, match="lists in train, and single ones in test"):
        load_data(source(train, test=single))
    unknown = jsonl(tmp_path / "unknown.jsonl", [("another", ["a", "z"])])
    with pytest.raises(UserError, match=r"test split has labels that are not among the training split: z\."):
        load_data(source(train, test=unknown))
    with pytest.raises(UserError, match="give one label a text, and the checkpoint was trained with lists"):
        load_evaluation_data(
            source(train, test=single), "test", label_names=["a", "b"], as_in_training=False, multi_label=True
        )


def test_sequences_of_the_hub_have_names():
    features = Features({"text": Value("string"), "label": List(ClassLabel(names=["sad", "glad"]))})
    rows = Dataset.from_dict({"text": ["one", "two"], "label": [[1, 0], []]}, features=features)
    assert HubSource(name="hub", path="x")._frame(rows, "train")["label"].tolist() == [("glad", "sad"), ()]


# ---------------------------------------------------------------- splits


def test_splits_keep_frequent_combinations_and_leave_every_class_in_train(tmp_path):
    rows = [*many(600), *((f"rare {i}", [f"r{i}", "a"]) for i in range(5))]
    data = load_data(source(jsonl(tmp_path / "rows.jsonl", rows)))
    shares = {
        name: pd.Series([tuple(row) for row in split["label"]]).value_counts(normalize=True)
        for name, split in data.splits.items()
    }
    for combination in ((0,), (1,), (0, 1), ()):
        assert shares["test"][combination] == pytest.approx(shares["train"][combination], abs=0.02)
    assert label_array(data.splits["train"]).sum(axis=0).min() >= 1
    assert any("too few rows" in warning and "r0" in warning for warning in data.warnings)
    assert any(warning.startswith("no test text has the label r0") for warning in data.warnings)


def test_strata_are_the_combinations_that_a_split_gets_a_row_of():
    labels = pd.Series([("a",)] * 20 + [("b",)] * 10 + [("a", "b")] * 3 + [("c",)] * 2)
    found = strata(labels, 0.1)
    assert [found[0], found[20], found[30], found[34]] == [0, 1, OTHERS, OTHERS]
    alone = strata(labels[:31], 0.1)  # one row cannot be a stratum of its own
    assert alone[30] == 0


def test_rows_that_stay_hold_every_class_and_whole_groups():
    train = pd.DataFrame({"label": [("a",), ("a", "b"), (), ("c",)] * 10, "group": np.arange(40) // 4})
    stay = rows_that_stay(train.drop(columns="group"), 0)
    assert set(train["label"][stay].explode()) == {"a", "b", "c"}
    assert 1 <= stay.sum() <= 3
    grouped = rows_that_stay(train, 0)
    assert set(train["group"][grouped]).isdisjoint(train["group"][~grouped])


def test_a_smaller_share_is_part_of_a_larger_one():
    train = pd.DataFrame({"text": [f"t{i}" for i in range(100)], "label": [("a",), ("b", "a"), ()] * 33 + [("z",)]})
    small, large = (set(take_share(train, share, 3)["text"]) for share in (0.1, 0.5))
    assert small < large
    assert "t99" in small
    assert 10 <= len(small) <= 13


def test_groups_stay_whole(tmp_path):
    rows = [{"text": f"text {i}", "label": labels, "doc": i // 5} for i, (_, labels) in enumerate(many(300))]
    path = tmp_path / "groups.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = load_data(source(str(path), group_column="doc", train_share=0.5))
    docs = {name: {int(t.split()[1]) // 5 for t in split["text"]} for name, split in data.splits.items()}
    assert docs["train"].isdisjoint(docs["test"] | docs["validation"])


def test_real_texts_with_tags(shared_data, tmp_path):
    frame = pd.read_csv(shared_data("reuters_r8/train.csv")).head(1000)
    tags = ["oil", "bank", "pct", "trade", "stock"]
    frame["label"] = [[tag for tag in tags if tag in text.split()] for text in frame["text"]]
    frame.to_parquet(tmp_path / "tags.parquet")
    data = load_data(source(str(tmp_path / "tags.parquet")))
    assert data.label_names == sorted(tags)
    again = load_evaluation_data(
        source(str(tmp_path / "tags.parquet")),
        "test",
        label_names=data.label_names,
        as_in_training=True,
        multi_label=True,
    )
    assert again.splits["test"]["label"] == data.splits["test"]["label"]
    # The words are the labels: a linear classifier finds nearly all.
    found = linear_baseline(data.splits)
    assert found["test"]["micro_f1"] > 0.7
    assert set(found["test"]) == {"accuracy", "macro_f1", "micro_f1"}


# ---------------------------------------------------------------- thresholds and scores


def f1_at(threshold: float, probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(f1_score(labels, probabilities >= threshold, zero_division=0))


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_has_a_higher_f1_and_none_as_high_is_nearer_to_a_half(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random(40) < 0.3).astype(int)
    labels[0] = 1
    probabilities = np.round(expit(rng.normal(2 * labels - 1 + seed % 3 - 1, 1)), 2)
    found = find_threshold(probabilities, labels)
    # Every interval of thresholds with the same answers, by its middle and its nearest point to a half.
    edges = [0.0, *np.unique(probabilities)]
    scores = [f1_at(high, probabilities, labels) for high in edges[1:]]
    best = [i for i, value in enumerate(scores) if value == pytest.approx(max(scores), abs=1e-12)]
    assert f1_at(found, probabilities, labels) == pytest.approx(max(scores))
    distances = [max(edges[i] - 0.5, 0.5 - edges[i + 1], 0.0) for i in best]
    chosen = best[int(np.argmin(distances))]
    assert edges[chosen] < found <= edges[chosen + 1]


def test_thresholds_by_hand():
    assert find_threshold(np.array([0.2, 0.9]), np.array([0, 0])) == 0.5  # no positives
    assert find_threshold(np.array([0.1, 0.3, 0.8]), np.array([0, 0, 1])) == 0.5  # 0.5 is among the best
    assert find_threshold(np.array([0.1, 0.2, 0.4]), np.array([0, 0, 1])) == pytest.approx(0.3)
    assert find_threshold(np.array([0.3, 0.4]), np.array([1, 1])) == pytest.approx(0.15)
    table = np.array([[0.1, 0.9], [0.4, 0.2]])
    assert find_thresholds(table, np.array([[0, 0], [1, 0]])) == [pytest.approx(0.25), 0.5]


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(50, 4)).astype(np.float32), (rng.random((50, 4)) < 0.4).astype(int)
    labels[:, 3] = 0
    thresholds = [0.3, 0.5, 0.7, 0.99]
    answers = (expit(logits.astype(float)) >= thresholds).astype(int)
    found = score(logits, labels, thresholds)
    assert found["accuracy"] == accuracy_score(labels, answers)
    assert found["micro_f1"] == f1_score(labels, answers, average="micro")
    assert found["macro_f1"] == f1_score(labels, answers, average="macro", zero_division=0)
    loop = [
        -np.log(p if y else 1 - p) for p, y in zip(expit(logits.astype(float)).ravel(), labels.ravel(), strict=True)
    ]
    assert found["loss"] == pytest.approx(np.mean(loop))
    assert found["examples"] == 50


def test_the_network_s_loss_is_the_mean_over_texts_and_classes():
    config = StackedLSTMConfig(
        vocab_size=9, embedding_size=4, hidden_size=3, num_labels=3, problem_type="multi_label_classification"
    )
    model = StackedLSTMForSequenceClassification(config).eval()
    labels = torch.tensor([[1, 0, 1], [0, 0, 0]])
    output = model(torch.tensor([[2, 3], [4, 5]]), labels=labels)
    chances = output.logits.sigmoid()
    expected = -torch.where(labels == 1, chances, 1 - chances).log().mean()
    assert output.loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"thresholds": [0.5, 0.5]}, "multi_label_classification"),
        ({"problem_type": "multi_label_classification", "thresholds": [0.5]}, "a list of 2 numbers"),
        ({"problem_type": "multi_label_classification", "thresholds": [0.5, 1.5]}, "from 0 to 1"),
    ],
)
def test_thresholds_of_a_configuration_are_checked(settings, says):
    with pytest.raises(ValueError, match=says):
        StackedLSTMConfig(num_labels=2, **settings)


def test_diagnostics_by_hand():
    logits = np.array([[2.0, -2.0], [2.0, 2.0], [-1.5, -1.0]])
    labels = np.array([[1, 0], [0, 1], [1, 0]])
    found = diagnose_sets(logits, labels, ["one", "two", "three"], ["a", "b"], [0.5, 0.5])
    assert [row["support"] for row in found["per_class"]] == [2, 1]
    assert (found["per_class"][0]["precision"], found["per_class"][0]["recall"]) == (0.5, 0.5)
    assert found["wrong"] == 2
    first, second = found["mistakes"]
    assert (first["text"], first["label"], first["prediction"]) == ("two", ["b"], ["a", "b"])
    assert first["probability"] == pytest.approx(expit(2.0))
    assert (second["label"], second["prediction"]) == (["a"], [])
    assert sum(row["examples"] for row in found["calibration"]["bins"]) == 6


def test_answers_may_be_none_or_many():
    logits = np.array([2.0, -2.0, 0.5])
    found = describe(logits, ["a", "b", "c"], [0.5, 0.5, 0.5])
    assert found["labels"] == ["a", "c"]
    assert found["probabilities"]["b"] == pytest.approx(expit(-2.0))
    assert describe(logits, ["a", "b", "c"], [0.9, 0.9, 0.9])["labels"] == []


def test_stored_predictions_are_read_as_sets(tmp_path):
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(size=(30, 3)).astype(np.float32), (rng.random((30, 3)) < 0.5).astype(int)
    write_predictions(tmp_path / "predictions.parquet", logits, labels, ["a", "b", "c"], thresholds=[0.4, 0.5, 0.6])
    found = read_predictions(tmp_path / "predictions.parquet", ["a", "b", "c"])
    expected = score(logits, labels, [0.4, 0.5, 0.6])
    assert found.right.mean() == pytest.approx(expected["accuracy"])
    assert found.losses.mean() == pytest.approx(expected["loss"], rel=1e-6)
    assert macro_f1_by_example(found, 3).mean() == pytest.approx(expected["macro_f1"])


def test_sets_reach_the_batches(tmp_path):
    from textlstm.data.batches import Collator
    from textlstm.data.tokenizers.words import WordsTokenizer

    data = load_data(source(jsonl(tmp_path / "rows.jsonl", many())))
    tokenizer = WordsTokenizer().train(data.splits["train"]["text"])
    texts = encode_splits(data.splits, tokenizer)["train"]
    batch = Collator(0)([texts[i] for i in range(4)])
    assert batch["labels"].shape == (4, 3)
    assert torch.equal(batch["labels"], torch.from_numpy(label_array(data.splits["train"])[:4]))
