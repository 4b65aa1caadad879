"""`dataset.group_column`: groups never come apart, labels keep their balance, refusals in words."""

import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from textlstm.data.bbc_news import BBCNews
from textlstm.data.files import FilesSource
from textlstm.data.folder import FolderSource
from textlstm.data.groups import choose_groups
from textlstm.data.load import LoadedData, load_data
from textlstm.errors import UserError

Row = tuple[str, str, str]


@pytest.fixture
def load(tmp_path):
    """Load rows of (text, label, doc) as files, split by `doc`."""

    def loaded(train: list[Row], *, others: dict[str, list[Row]] | None = None, **settings) -> LoadedData:
        paths = {}
        for split, rows in {"train": train, **(others or {})}.items():
            paths[split] = str(tmp_path / f"{split}.parquet")
            pd.DataFrame(rows, columns=["text", "label", "doc"]).to_parquet(paths[split])
        return load_data(FilesSource(**{"name": "x", "group_column": "doc", **paths, **settings}))

    return loaded


def documents(seed: int, count: int, largest: int = 12, classes: str = "aab") -> list[Row]:
    """Texts in groups of random sizes; a group leans to one class."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        leaning = draw.choice(classes)
        for line in range(draw.randint(1, largest)):
            label = leaning if draw.random() < 0.7 else draw.choice(classes)
            rows.append((f"text {line} of document {number}", label, f"d{number}"))
    draw.shuffle(rows)
    return rows


def groups_of(data: LoadedData, rows: list[Row]) -> dict[str, set[str]]:
    of = {text: group for text, _, group in rows}
    return {split: {of[text] for text in part["text"]} for split, part in data.splits.items()}


@pytest.mark.parametrize("seed", range(8))
def test_groups_never_come_apart(load, seed):
    draw = random.Random(seed)
    rows = documents(seed, draw.randint(15, 150), draw.choice([1, 3, 12, 40]))
    shares = {"validation_share": draw.choice([0.1, 0.15]), "test_share": draw.choice([0.1, 0.2, 0.33])}
    data = load(rows, split_seed=seed, **shares)
    parts = groups_of(data, rows)
    assert sum(map(len, parts.values())) == len({group for _, _, group in rows})
    assert sum(len(part) for part in data.splits.values()) == len(rows)
    assert all(parts.values())
    told = data.groups["splits"]
    assert {split: part["groups"] for split, part in told.items()} == {s: len(p) for s, p in parts.items()}
    for split, part in data.splits.items():
        assert told[split]["share"] == pytest.approx(len(part) / len(rows))


def test_shares_and_labels_are_met_where_groups_allow_it(load):
    rows = documents(0, 400)
    data = load(rows)
    counts = Counter(label for _, label, _ in rows)
    for split, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        found = Counter(data.label_names[label] for label in data.splits[split]["label"])
        assert all(abs(found[label] - share * counts[label]) <= 2 for label in counts), (split, found)


@pytest.mark.parametrize("seed", range(3))
def test_the_balance_is_no_worse_than_scikit_learns(seed):
    rows = pd.DataFrame(documents(seed, 60), columns=["text", "label", "group"])
    wanted = rows["label"].value_counts() / 5

    def distance(places: np.ndarray) -> float:
        return float((rows["label"].iloc[places].value_counts() - wanted).abs().sum())

    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(rows, rows["label"], rows["group"])
    assert distance(choose_groups(rows, 0.2, seed)) <= np.mean([distance(test) for _, test in folds])


def test_the_same_seed_gives_the_same_split_and_another_one_another(load):
    rows = documents(1, 60)
    prints = [load(rows, split_seed=seed).fingerprint for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


def test_every_group_can_be_drawn():
    """Large groups are not preferred, nor small ones left in train."""
    rows = pd.DataFrame(documents(2, 30, 20), columns=["text", "label", "group"])
    sizes, drawn = rows["group"].value_counts(), Counter()
    for seed in range(60):
        drawn.update(rows["group"].iloc[choose_groups(rows, 0.2, seed)].unique())
    assert set(drawn) == set(sizes.index)
    large = set(sizes.index[sizes > 10])
    share = sum(drawn[group] for group in large) / sum(drawn.values())
    assert abs(share - len(large) / len(sizes)) < 0.15


def test_rows_without_a_group_are_groups_of_their_own_and_counted(load):
    rows = documents(3, 40)
    alone = [(f"alone {i}", "ab"[i % 2], value) for i, value in enumerate(["", "  ", None] * 20)]
    data = load(rows + alone)
    assert data.groups["rows_without"] == 60
    assert any("rows without a value in 'doc'" in warning and "60" in warning for warning in data.warnings)
    split_of = {text: split for split, part in data.splits.items() for text in part["text"]}
    assert len({split_of[text] for text, _, _ in alone}) == 3


def test_a_group_in_two_given_splits_is_a_warning_with_its_count(load):
    rows, test = documents(4, 40), documents(5, 20)
    test = [(f"test {text}", label, group) for text, label, group in test]
    validation = [("v1", "a", "d3"), ("v2", "b", "elsewhere")]
    data = load(rows, others={"validation": validation, "test": test})
    assert data.groups["in_two_given_splits"] == [
        {"split": "test", "other": "validation", "groups": 1},
        {"split": "test", "other": "train", "groups": 20},
        {"split": "validation", "other": "train", "groups": 1},
    ]
    assert "groups of 'doc' that stand in both test and train, as they were given: 20" in data.warnings
    assert len(data.splits["test"]) == len(test)


def test_a_class_of_one_group_stays_in_train_with_a_warning(load):
    rows = [*documents(6, 50), *((f"rare {i}", "rare", "one") for i in range(30)), ("with it", "a", "one")]
    data = load(rows)
    parts = groups_of(data, rows)
    assert "one" in parts["train"]
    assert any("too few groups" in warning and "rare" in warning for warning in data.warnings)
    assert "rare" in data.label_names


def test_too_few_groups_are_an_error(load):
    rows = [(f"text {i}", "ab"[i % 2], "d" + str(i % 2)) for i in range(40)]
    with pytest.raises(UserError, match=r"40 training rows in 2 groups .* too few to take a test split") as error:
        load(rows)
    assert "dataset.test=FILE" in str(error.value)


def test_a_share_of_train_takes_whole_groups(load):
    rows = documents(7, 150)
    whole = load(rows)
    before = set(whole.splits["train"]["text"])
    group_of = {text: group for text, _, group in rows}
    of_group = Counter(group_of[text] for text in before)
    for share in (0.5, 0.2, 0.001):
        data = load(rows, train_share=share)
        part = list(data.splits["train"]["text"])
        assert all(Counter(group_of[text] for text in part)[g] == of_group[g] for g in {group_of[t] for t in part})
        assert set(part) <= before, "a smaller share is part of a larger one"
        assert data.label_names == whole.label_names
        assert list(data.splits["test"]["text"]) == list(whole.splits["test"]["text"])
        if share > 0.1:
            assert len(part) / sum(of_group.values()) == pytest.approx(share, abs=0.02)
        before = set(part)


def test_copies_are_removed_before_the_groups_are_divided(load):
    rows = documents(8, 60)
    data = load(rows + [(text.upper(), label, "copies") for text, label, _ in rows[:50]])
    assert data.duplicates_removed == 50
    assert not any(row["exact"] for row in data.duplicates["used"]["across"])


@pytest.mark.parametrize(("column", "setting"), [("text", "text_column"), ("label", "label_column")])
def test_the_groups_are_neither_text_nor_label(load, column, setting):
    with pytest.raises(UserError, match=rf"dataset.group_column and dataset.{setting} are both '{column}'"):
        load(documents(0, 10), group_column=column)


def test_a_column_that_is_absent_is_an_error_that_lists_the_columns(load):
    with pytest.raises(UserError, match=r"no column 'author'.\nIt has: text, label, doc.\nSet dataset.group_column"):
        load(documents(0, 10), group_column="author")


def test_sources_without_columns_refuse_groups(tmp_path):
    for origin in (
        BBCNews(name="b", group_column="doc"),
        FolderSource(name="f", path=str(tmp_path), group_column="doc"),
    ):
        with pytest.raises(UserError, match=r"dataset.group_column=doc cannot act"):
            load_data(origin)


def test_without_groups_nothing_is_said_of_them(load):
    assert load(documents(0, 40), group_column=None).groups is None


def test_groups_of_real_texts_stay_together(shared_data, tmp_path):
    """The first words of R8's texts as groups: many, of very different sizes."""
    frame = pd.read_csv(shared_data("reuters_r8/train.csv"), keep_default_na=False)
    frame["first"] = frame["text"].str.split().str[0]
    frame.to_parquet(tmp_path / "r8.parquet")
    data = load_data(FilesSource(name="x", train=str(tmp_path / "r8.parquet"), group_column="first"))
    firsts = {split: {text.split()[0] for text in part["text"]} for split, part in data.splits.items()}
    assert not firsts["train"] & firsts["test"]
    assert not firsts["train"] & firsts["validation"]
    assert not firsts["test"] & firsts["validation"]
    assert data.groups["splits"]["test"]["share"] == pytest.approx(0.2, abs=0.01)
    assert data.groups["splits"]["validation"]["share"] == pytest.approx(0.1, abs=0.01)
