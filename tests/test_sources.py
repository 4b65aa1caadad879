"""What sources read: tables, folders named after classes, the hub without a network; and what they refuse."""

import csv
import json
from pathlib import Path

import datasets
import pandas as pd
import pytest

from textlstm.data.files import FilesSource, read_table
from textlstm.data.folder import FolderSource
from textlstm.data.hub import HubSource
from textlstm.data.load import load_data
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
