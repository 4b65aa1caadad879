"""Copies inside of splits and across them: counts against loops and pandas, what is removed, label conflicts."""

import random
from itertools import combinations

import pandas as pd
import pytest

from tests.test_data import content, evaluation, source, texts_of
from textlstm.data.duplicates import Copies, count_copies, normalise, number_copies
from textlstm.data.files import FilesSource
from textlstm.data.load import LoadedData, load_data
from textlstm.data.near_duplicates import near_pairs
from textlstm.errors import UserError
from textlstm.reports.copies import copies_lines, copies_rows

LONG = "the quick brown fox jumps over the lazy dog and then runs home to sleep for a while"
"""17 words."""


def counted(kind: str = "given", **settings) -> dict:
    return load_data(source(**settings)).duplicates[kind]


def across(counts: dict, split: str, other: str) -> dict:
    return next(row for row in counts["across"] if (row["split"], row["other"]) == (split, other))


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("Some text", "some  TEXT\n", True),
        ("ﬁne", "fine", True),
        ("Straße", "STRASSE", True),
        ("cafe\u0301", "caf\u00e9", True),
        ("a\u00a0b", "a b", True),
        ("some text", "some text.", False),
        ("ab", "a b", False),
    ],
)
def test_what_is_equal(left, right, equal):
    assert (normalise(left) == normalise(right)) == equal


def random_frames(seed: int) -> dict[str, list[tuple[str, str]]]:
    """Short texts with many copies: some exact, some with other case or spaces, some with other labels."""
    draw = random.Random(seed)
    base = [f"text {i}" for i in range(30)]

    def rows(count: int) -> list[tuple[str, str]]:
        forms = (str, str.upper, lambda text: f"  {text} ", lambda text: text.replace(" ", "\n"))
        return [(draw.choice(forms)(draw.choice(base)), draw.choice("ab")) for _ in range(count)]

    # Both classes stay in train whatever is removed.
    kept = [("only here 1", "a"), ("only here 2", "b")]
    return {"train": rows(40) + kept, "validation": rows(12), "test": rows(15)}


@pytest.mark.parametrize("seed", range(5))
def test_exact_counts_are_those_of_a_loop(seed):
    frames = random_frames(seed)
    counts = counted(**frames)
    for split, rows in frames.items():
        seen: dict[str, set[str]] = {}
        repeats = 0
        for text, label in rows:
            key = " ".join(text.lower().split())
            repeats += key in seen
            seen.setdefault(key, set()).add(label)
        conflicts = sum(len(labels) > 1 for labels in seen.values())
        assert counts["inside"][split] == {
            "texts": len(rows),
            "exact": repeats,
            "near": 0,
            "label_conflicts": conflicts,
        }
    for split, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        found, conflicts = [], 0
        for number, (text, label) in enumerate(frames[split]):
            same = [b for a, b in frames[other] if " ".join(a.lower().split()) == " ".join(text.lower().split())]
            if same:
                found.append(number)
            conflicts += any(b != label for b in same)
        row = across(counts, split, other)
        assert row["rows"]["exact"] == found
        assert (row["exact"], row["near"], row["label_conflicts"]) == (len(found), 0, conflicts)


def near_versions(count: int, seed: int = 0) -> list[str]:
    """Different versions of one long text, each near all others."""
    words = [f"w{seed}x{i}" for i in range(100)]
    return [" ".join([*words[:i], "changed", *words[i + 1 :]]) for i in range(0, 3 * count, 3)]


def test_near_counts_by_hand():
    one, two = near_versions(4, 1), near_versions(3, 2)
    rest = texts_of({"a": 30, "b": 30})
    counts = counted(
        train=[(one[0], "a"), (one[1], "a"), (one[0].upper(), "a"), (two[0], "b"), *rest],
        validation=[(one[2], "a"), (one[0], "a"), ("x", "b")],
        test=[("y", "a"), (two[1], "b"), (two[2], "b"), (one[3], "b")],
    )
    inside = {split: (row["exact"], row["near"]) for split, row in counts["inside"].items()}
    assert inside == {"train": (1, 1), "validation": (0, 1), "test": (0, 1)}
    assert across(counts, "validation", "train")["rows"] == {"exact": [1], "near": [0]}
    assert across(counts, "test", "train")["rows"] == {"exact": [], "near": [1, 2, 3]}
    assert across(counts, "test", "validation")["rows"] == {"exact": [], "near": [3]}
    assert all(row["label_conflicts"] == 0 for row in counts["across"]), "near duplicates are other texts"


@pytest.mark.parametrize("kind", ["exact", "near"])
def test_the_order_of_rows_changes_no_count(kind):
    frames = random_frames(7)
    frames["train"] += [(text, "a") for text in near_versions(6)]
    frames["test"] += [(text, "b") for text in near_versions(9)[6:]]
    expected = load_data(source(**frames, deduplicate=kind))
    for seed in range(3):
        mixed = {split: random.Random(seed).sample(rows, len(rows)) for split, rows in frames.items()}
        found = load_data(source(**mixed, deduplicate=kind))
        assert without_rows(found.duplicates) == without_rows(expected.duplicates)
        assert found.duplicates_removed == expected.duplicates_removed


def without_rows(duplicates: dict) -> dict:
    return {
        state: {
            "inside": duplicates[state]["inside"],
            "across": [{key: row[key] for key in row if key != "rows"} for row in duplicates[state]["across"]],
        }
        for state in ("given", "used")
    }


@pytest.mark.parametrize("kind", ["exact", "near", "none"])
def test_given_splits_are_never_changed(kind):
    frames = random_frames(3)
    frames["test"] += [(text, "a") for text in near_versions(3)]
    data = load_data(source(**frames, deduplicate=kind))
    for split in ("validation", "test"):
        assert content(data, split) == frames[split]
    if kind == "none":
        assert content(data, "train") == frames["train"]


@pytest.mark.parametrize(("kind", "across_left"), [("none", True), ("exact", False), ("near", False)])
def test_no_copy_falls_on_both_sides_of_a_split_that_is_made(kind, across_left):
    rows = texts_of({"a": 60, "b": 60})
    counts = load_data(source(train=rows + rows, deduplicate=kind)).duplicates
    assert counts["given"]["inside"]["train"]["exact"] == 120
    assert counts["given"]["across"] == []
    assert any(row["exact"] for row in counts["used"]["across"]) == across_left


def test_near_removes_the_rest_of_a_family_and_what_is_near_to_test():
    one, two = near_versions(5, 1), near_versions(2, 2)
    rest = texts_of({"a": 40, "b": 40})
    train = [(one[0], "a"), (two[0], "a"), (one[1], "b"), (one[2], "a"), (one[2] + " ", "a"), *rest]
    test = [(two[1], "a"), ("z", "b")]
    data = load_data(source(train=train, test=test, validation=[("v", "a")], deduplicate="near"))
    assert content(data, "train") == [train[0], *rest]
    assert data.duplicates_removed == 4
    assert not any(row["near"] + row["exact"] for row in data.duplicates["used"]["across"])
    exact = load_data(source(train=train, test=test, validation=[("v", "a")]))
    assert exact.duplicates_removed == 1
    assert exact.in_train.tolist() == ["near", ""]
    assert (
        load_data(source(train=[*train, test[0]], test=test, validation=[("v", "a")], deduplicate="none")).in_train[0]
        == "exact"
    )


def test_too_few_rows_after_the_removal_are_an_error_that_says_so():
    rows = [("same text", "ab"[i % 2]) for i in range(20)]
    with pytest.raises(
        UserError, match=r"1 training rows in 1 classes, after 19 copies were removed, are too few"
    ) as error:
        load_data(source(train=rows))
    assert "dataset.deduplicate=none" in str(error.value)
    assert load_data(source(train=rows, deduplicate="none")).label_names == ["a", "b"]


def test_near_is_refused_for_nested_phrases():
    draw = random.Random(0)
    sentences = [[f"w{draw.randrange(500)}" for _ in range(12)] for _ in range(60)]
    rows = [(" ".join(words[: 12 - cut]), "ab"[i % 2]) for i, words in enumerate(sentences) for cut in range(3)]
    with pytest.raises(UserError, match=r"67% .* contiguous parts .*20%(.|\n)*deduplicate=exact.*group_column"):
        load_data(source(train=rows, deduplicate="near"))
    assert load_data(source(train=rows)).duplicates_removed == 0


def test_label_conflicts_are_counted_and_shown():
    rest = texts_of({"a": 40, "b": 40})
    train = [
        ("One Text", "a"),
        ("one text", "b"),
        ("two", "a"),
        ("two", "a"),
        (LONG * 10, "a"),
        (LONG * 10, "b"),
        *rest,
    ]
    test = [("one text ", "a"), ("two", "b"), ("two", "a"), ("fresh", "b")]
    data = load_data(source(train=train, test=test))
    counts = data.duplicates["given"]
    assert counts["inside"]["train"]["label_conflicts"] == 2
    assert counts["inside"]["test"]["label_conflicts"] == 1
    assert across(counts, "test", "train")["label_conflicts"] == 2
    examples = data.duplicates["conflict_examples"]
    assert examples[0] == {"text": "One Text", "labels": {"test": {"a": 1}, "train": {"a": 1, "b": 1}}}
    assert [len(example["text"]) for example in examples] == [8, 200, 3]
    assert data.warnings == ["2 training texts stand there with several labels: the first row is kept"]


def test_at_most_three_conflicts_and_a_hundred_rows_are_listed():
    rows = [(f"text {i}", label) for i in range(120) for label in "ab"]
    duplicates = load_data(source(train=rows, test=rows, deduplicate="none")).duplicates
    assert len(duplicates["conflict_examples"]) == 3
    row = across(duplicates["given"], "test", "train")
    assert (row["exact"], row["label_conflicts"], len(row["rows"]["exact"])) == (240, 240, 100)


def test_without_counting_the_splits_are_the_same():
    frames = {"train": random_frames(1)["train"] + texts_of({"a": 60, "b": 60})}
    for kind in ("none", "exact", "near"):
        origin = source(**frames, deduplicate=kind)
        assert load_data(origin, count=False).fingerprint == load_data(origin).fingerprint
        assert load_data(origin, count=False).duplicates is None
        again = evaluation(origin, "test", ["a", "b"], as_in_training=True)
        assert content(again, "test") == content(load_data(origin), "test")


# Words for people


def test_lines_say_what_there_is():
    frames = random_frames(0)
    data = load_data(source(**frames))
    read, used = copies_lines(data.duplicates)
    given = data.duplicates["given"]
    assert read.startswith(f"as read: train {given['inside']['train']['exact']} exact, ")
    assert f"test in train {across(given, 'test', 'train')['exact']} exact" in read
    assert used.startswith("as used: ")
    assert "in train" not in used
    clean = load_data(source(train=texts_of({"a": 40, "b": 40})))
    assert copies_lines(clean.duplicates) == ["none, exact or near, inside of a split or across splits"]
    assert copies_lines(None) == []


def test_rows_of_the_page_cover_all_splits_before_and_after():
    rows = {
        row["name"]: row["counts"]
        for row in copies_rows(load_data(source(train=texts_of({"a": 40, "b": 40}))).duplicates)
    }
    assert rows["inside train"] == [0] * 6
    assert rows["inside test"] == rows["test texts in train"] == [None] * 3 + [0] * 3
    assert len(rows) == 6


# Real texts


def load_files(locate, **settings) -> LoadedData:
    paths = {key: str(locate(value)) for key, value in settings.items() if key != "deduplicate"}
    others = {key: value for key, value in settings.items() if key == "deduplicate"}
    return load_data(FilesSource(name="x", **paths, **others))


@pytest.mark.parametrize("name", ["reuters_r8", "trec6"])
def test_exact_counts_of_real_texts_are_those_of_pandas(shared_data, name):
    data = load_files(shared_data, train=f"{name}/train.csv", test=f"{name}/test.csv")
    frames = {s: pd.read_csv(shared_data(f"{name}/{s}.csv"), keep_default_na=False) for s in ("train", "test")}
    keys = {s: frame["text"].str.casefold().str.split().str.join(" ") for s, frame in frames.items()}
    given = data.duplicates["given"]
    for split in frames:
        assert given["inside"][split]["exact"] == keys[split].duplicated().sum()
        labels = frames[split]["label"].groupby(keys[split]).nunique()
        assert given["inside"][split]["label_conflicts"] == (labels > 1).sum()
    assert across(given, "test", "train")["exact"] == keys["test"].isin(set(keys["train"])).sum()
    assert not any(row["exact"] for row in data.duplicates["used"]["across"])
    lost = (keys["train"].duplicated() | keys["train"].isin(set(keys["test"]))).sum()
    assert data.duplicates_removed == lost


def test_counts_of_nested_phrases_are_those_of_pandas(shared_data):
    frame = pd.read_csv(shared_data("sst2/train_phrases.csv"), keep_default_na=False)
    frames, texts = number_copies({"train": frame})
    (inside,) = count_copies(frames, Copies(texts, near_pairs(texts)))["inside"].values()
    assert inside["exact"] == frame["text"].str.casefold().str.split().str.join(" ").duplicated().sum() > 0
    assert inside["near"] > 10_000


def test_exact_copies_of_imdb_are_the_known_ones(shared_data):
    """96 repeats in train, 199 in test, 123 test texts that stand in train: plain equality gives the same."""
    frames = {s: pd.read_parquet(shared_data(f"imdb/{s}.parquet")) for s in ("train", "test")}
    plain = {s: frame["text"] for s, frame in frames.items()}
    alike = {s: frame["text"].map(normalise) for s, frame in frames.items()}
    for texts in (plain, alike):
        assert (texts["train"].duplicated().sum(), texts["test"].duplicated().sum()) == (96, 199)
        assert texts["test"].isin(set(texts["train"])).sum() == 123


@pytest.mark.slow
def test_imdb_whole(shared_data):
    data = load_files(shared_data, train="imdb/train.parquet", test="imdb/test.parquet")
    given = data.duplicates["given"]
    assert {split: row["exact"] for split, row in given["inside"].items()} == {"train": 96, "test": 199}
    row = across(given, "test", "train")
    assert (row["exact"], row["label_conflicts"]) == (123, 0)
    assert row["near"] >= 1
    assert given["inside"]["train"]["near"] >= 15
    assert len(data.splits["test"]) == 25_000
    assert data.duplicates_removed == 96 + 123
    texts = pd.read_parquet(shared_data("imdb/test.parquet"))["text"]
    train = set(pd.read_parquet(shared_data("imdb/train.parquet"))["text"])
    assert row["rows"]["exact"] == [i for i, text in enumerate(texts) if text in train][:100]
    assert (data.in_train == "exact").sum() == 0


def test_pairs_are_all_pairs_of_splits():
    frames = random_frames(0)
    pairs = {(row["other"], row["split"]) for row in counted(**frames)["across"]}
    assert pairs == set(combinations(("train", "validation", "test"), 2))
