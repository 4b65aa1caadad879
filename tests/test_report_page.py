"""The page of a report: complete, self-contained, escaped, and silent about what a report lacks."""

import math
import random
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from textlstm.reports.page import (
    describe_baseline,
    duration,
    percent,
    render_page,
    setting,
    settings_groups,
    signed,
    wilson_interval,
)
from textlstm.reports.pictures import learning_curve, reliability_diagram

TOPICS = ["business", "entertainment", "politics", "sport", "tech"]
PARTS = ("confusion-1", "classes-1", "calibration-1", "mistakes-1")
VOID = {"meta", "link", "br", "img", "hr", "input"}
WORDS = ("the", "company", "said", "its", "new", "network", "would", "carry", "more", "games", "after", "the", "vote")


class Page(HTMLParser):
    """The elements of a page; raises where tags are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self._open):
            self.text += re.sub(r"\s+", " ", data)

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]

    def count(self, name: str) -> int:
        return sum(tag == name for tag, _ in self.tags)


def make_diagnostics(labels: list[str], examples: int) -> dict[str, Any]:
    """A confusion matrix with some mistakes, and what follows from it."""
    draw = random.Random(len(labels))
    size = len(labels)
    confusion = [[0] * size for _ in labels]
    for number in range(examples):
        true = number % size
        wrong = draw.random() < 0.04 + 0.02 * (true % 4)
        confusion[true][(true + draw.choice([1, 1, 2, 3]) % size) % size if wrong else true] += 1
    mistakes = [
        {
            "index": draw.randrange(examples),
            "text": " ".join(draw.choices(WORDS, k=draw.choice([6, 30, 150]))),
            "label": labels[i],
            "prediction": labels[j],
            "probability": 0.999 - 0.03 * i,
        }
        for i, row in enumerate(confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    per_class = []
    for i, row in enumerate(confusion):
        precision, recall = row[i] / max(sum(other[i] for other in confusion), 1), row[i] / sum(row)
        f1 = 2 * precision * recall / (precision + recall)
        per_class.append({"label": labels[i], "precision": precision, "recall": recall, "f1": f1, "support": sum(row)})
    bins = [
        {"low": 0.4, "high": 0.5, "confidence": 0.46, "accuracy": 1 / 3, "examples": 3},
        {"low": 0.6, "high": 0.7, "confidence": 0.66, "accuracy": 0.5, "examples": 8},
        {"low": 0.8, "high": 0.9, "confidence": 0.86, "accuracy": 0.8, "examples": 15},
        {
            "low": 0.9,
            "high": 1.0,
            "confidence": 0.9934,
            "accuracy": (examples - 32) / (examples - 26),
            "examples": examples - 26,
        },
    ]
    calibration = {"error": 0.0123, "bins": bins}
    return {"confusion": confusion, "per_class": per_class, "calibration": calibration, "mistakes": mistakes[:20]}


def make_report(labels: list[str] = TOPICS, examples: int = 426) -> dict[str, Any]:
    """A report of a run as `train.py` writes it."""
    history = []
    for epoch in range(1, 9):
        train, validation = 1.5 * 0.45**epoch, 0.13 + 1.1 * 0.4**epoch + 0.012 * max(0, epoch - 5)
        history.append(
            {
                "step": 47 * epoch,
                "epoch": float(epoch),
                "seconds": 10.02 * epoch,
                "training_loss": train * 1.5,
                "learning_rate": 0.002 * (1 - epoch / 8),
                "grad_norm": 0.8 / epoch,
                "train": {"loss": train, "accuracy": 1 - 0.5 * 0.4**epoch, "macro_f1": 1 - 0.52 * 0.4**epoch},
                "validation": {
                    "loss": validation,
                    "accuracy": 0.962 - 0.5 * 0.35**epoch,
                    "macro_f1": 0.96 - 0.5 * 0.35**epoch,
                },
            }
        )
    diagnostics = make_diagnostics(labels, examples)
    accuracy = sum(row[i] for i, row in enumerate(diagnostics["confusion"])) / examples
    split = {
        "truncated_share": 0.8312,
        "truncated_tokens_share": 0.4567,
        "unknown_rate": 0.0213,
        "tokens_per_text": 432.123,
    }
    return {
        "textlstm_version": "0.1.0",
        "run": "runs/bbc_news/2026-11-22_12-00-00-1a2b3c4d",
        "dataset": "bbc_news",
        "created": "2026-11-22T12:00:00+00:00",
        "labels": labels,
        "splits": {
            "train": {"loss": 0.0101, "accuracy": 0.99933, "macro_f1": 0.99931, "examples": 1489},
            "validation": {"loss": 0.1511, "accuracy": 0.96244, "macro_f1": 0.9611, "examples": 213},
            "test": {"loss": 0.1733, "accuracy": accuracy, "macro_f1": accuracy - 0.0031, "examples": examples},
        },
        "generalization_gap": {"loss": 0.141, "accuracy": 0.03689, "macro_f1": 0.03821},
        "baseline": {
            "linear": {
                "validation": {"accuracy": 0.97653, "macro_f1": 0.9761},
                "test": {"accuracy": round(0.979 * examples) / examples, "macro_f1": 0.9785},
                "strength": 1.0,
                "minimum_count": 2,
                "features": 51234,
                "seconds": 3.14159,
            }
        },
        "model": {
            "layers": 2,
            "hidden_size": 128,
            "parameters": 3_906_485,
            "parameters_by_part": {"embedding": 3_171_600, "stack": 731_136, "pooling and head": 3_749},
            "recurrence": "fused",
        },
        "training": {
            "seconds": 80.16,
            "epochs": 8.0,
            "best_epoch": 6.0,
            "tokens_per_second": 21034.5678,
            "precision": "fp32",
            "device": "cpu",
            "threads": 2,
        },
        "data": {
            "fingerprint": "4ee3f1a09b2c7d58",
            "duplicates_removed": 98,
            "empty_texts_dropped": 0,
            "truncated_share": 0.8312,
            "truncated_tokens_share": 0.4567,
            "unknown_rate": 0.0213,
            "vocabulary_size": 15858,
            "embedding_size": 200,
            "coverage": {"vocabulary": 1.0, "running_tokens": 0.9787},
            "warnings": ["too few rows to take test texts from: weather (all stay in train)"],
            "duplicates": make_duplicates(),
            "groups": {
                "column": "document",
                "rows_without": 3,
                "in_two_given_splits": [],
                "splits": {"train": {"groups": 1234, "share": 0.7012}, "test": {"groups": 321, "share": 0.1988}},
            },
            "splits": {name: dict(split) for name in ("train", "validation", "test")},
        },
        "seed": 0,
        "config": {
            "dataset": {
                "_target_": "textlstm.data.bbc_news.BBCNews",
                "name": "bbc_news",
                "validation_share": 0.1,
                "test_share": 0.2,
            },
            "tokenizer": {
                "_target_": "textlstm.data.tokenizers.words.WordsTokenizer",
                "vocabulary_size": 30000,
                "lowercase": True,
                "max_length": 256,
            },
            "embedding": {
                "_target_": "textlstm.embeddings.corpus.CorpusEmbedding",
                "name": "corpus",
                "embedding_size": 200,
            },
            "model": {
                "layers": 2,
                "hidden_size": [128, 64],
                "bidirectional": True,
                "pooling": "concat",
                "dropout": 0.5,
            },
            "training": {
                "epochs": 8,
                "max_steps": None,
                "batch_size": 32,
                "learning_rate": 0.002,
                "metric": "accuracy",
            },
            "seed": 0,
            "output_dir": "runs",
            "baseline": "linear",
        },
        "history": history,
        "diagnostics": {"test": diagnostics},
    }


def make_duplicates() -> dict[str, Any]:
    """Copies of a data set whose train and test are given and whose validation is made."""
    none = {"exact": 0, "near": 0, "label_conflicts": 0}
    given = {
        "inside": {
            "train": {"texts": 25000, "exact": 96, "near": 21, "label_conflicts": 7},
            "test": {"texts": 25000, "exact": 1990, "near": 16, "label_conflicts": 0},
        },
        "across": [
            {"split": "test", "other": "train", "exact": 123, "near": 1, "label_conflicts": 5}
            | {"rows": {"exact": [4, 8], "near": [15]}}
        ],
    }
    used = {
        "inside": {split: {"texts": 100} | none for split in ("train", "validation", "test")},
        "across": [
            {"split": split, "other": other, "rows": {"exact": [], "near": []}} | none
            for split, other in (("test", "validation"), ("test", "train"), ("validation", "train"))
        ],
    }
    return {
        "normalisation": "NFKC, case folded, white space collapsed",
        "near": {"similarity": 0.8, "shingle_words": 3, "minimum_words": 10},
        "removed": "exact",
        "given": given,
        "used": used,
        "conflict_examples": [
            {"text": "an <odd> text", "labels": {"test": {"sport": 1}, "train": {"tech": 1200, "sport": 2}}}
        ],
    }


def make_evaluation(split: str = "test") -> dict[str, Any]:
    """A report of a stored checkpoint as `evaluate.py` writes it."""
    report = make_report()
    del report["generalization_gap"], report["baseline"], report["history"]
    return report | {
        "splits": {split: report["splits"]["test"]},
        "diagnostics": {split: report["diagnostics"]["test"]},
    }


LONG_NAMES = [f"comp.sys.a_name_without_any_break_{'x' * number}" for number in range(19)] + ["talk religion and more"]
REPORTS = {
    "5 classes": make_report(),
    "2 classes": make_report(["negative", "positive"], examples=1067),
    "20 classes": make_report(LONG_NAMES, examples=7532),
    "evaluation": make_evaluation(),
    "evaluation of validation": make_evaluation("validation"),
    "no baseline": make_report() | {"baseline": {"linear": None}},
}


@pytest.fixture(params=REPORTS, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str]:
    report = REPORTS[request.param]
    return report, render_page(report)


def test_page_is_self_contained_and_well_formed(case):
    page = Page(case[1])
    assert case[1].startswith("<!DOCTYPE html>")
    assert len(page.ids) == len(set(page.ids))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "xlink:href", "src"):
                assert value[1:] in page.ids, value
    assert set(re.findall(r"url\(#?([^)]*)\)", case[1])) <= set(page.ids)
    assert "@import" not in case[1]


def test_page_can_be_used_by_everyone(case):
    page = Page(case[1])
    assert page.tags[0] == ("html", {"lang": "en"})
    assert any(found.get("name") == "viewport" for tag, found in page.tags if tag == "meta")
    assert page.count("title") == page.count("h1") == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for tag, found in page.tags:
        if tag == "svg":
            assert found["role"] == "img"
            assert found["aria-label"]
    assert page.count("caption") + page.count("thead") >= page.count("table")


def test_sections_follow_the_report(case):
    report, html = case
    ids = set(Page(html).ids)
    assert {"result", "cost", "data", "settings", *PARTS} <= ids
    assert ("learning-curves" in ids) == bool(report.get("history"))
    assert ("gap" in ids) == ("generalization_gap" in report)
    assert ("Linear baseline" in html) == bool((report.get("baseline") or {}).get("linear"))
    assert ("was switched off" in html) == ("baseline" in report and report["baseline"]["linear"] is None)
    assert html.count('<tr class="headline">') == 1


def test_equal_reports_give_equal_pages(case):
    assert render_page(case[0]) == case[1]


def test_every_count_of_the_confusion_matrix_is_shown(case):
    report, html = case
    (diagnostics,) = report["diagnostics"].values()
    table = re.search(r'<table class="confusion.*?</table>', html, re.S).group()
    shown = re.findall(r"<td [^>]*>([^<]*)</td>", table)
    assert shown == [f"{count:,}" if count else "·" for row in diagnostics["confusion"] for count in row]


def test_result_is_told_in_plain_words():
    report = make_report()
    report["splits"]["test"]["accuracy"] = 402 / 426
    text = Page(render_page(report)).text
    assert "402 of 426 test texts correctly: accuracy 94.37%, 95% interval 91.8% to 96.2%." in text
    assert "The linear baseline does better: 97.89%, 15 texts (3.52 percentage points) more." in text
    assert "+3.69 points" in text
    assert "every fitted model has a gap" in text


def test_interval_is_wilsons():
    right, examples, z = 402, 426, 1.959964
    share = right / examples
    middle = share + z**2 / (2 * examples)
    half = z * math.sqrt(share * (1 - share) / examples + z**2 / (4 * examples**2))
    expected = [(middle + sign * half) / (1 + z**2 / examples) for sign in (-1, 1)]
    assert wilson_interval(right, examples) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (90, ("does better", "1 text (1.00 percentage points) more", "inside", "may be chance")),
        (89, ("does as well", "just as many")),
        (80, ("does worse", "9 texts (9.00 percentage points) fewer", "outside")),
    ],
)
def test_baseline_is_compared_honestly(right, words):
    sentence = describe_baseline("test", {"accuracy": 0.89, "examples": 100}, {"test": {"accuracy": right / 100}})
    assert all(word in sentence for word in words)


def test_baseline_is_silent_about_a_split_it_has_not_seen():
    assert describe_baseline("train", {"accuracy": 0.89, "examples": 100}, {"test": {"accuracy": 0.9}}) is None


def test_copies_stand_in_a_table_before_and_after_their_removal():
    html = render_page(make_report())
    table = html.split("<h3>Copies and label conflicts</h3>")[1].split("</section>")[0]
    rows = {
        name: re.findall(r"<td>([^<]*)</td>", cells)
        for name, cells in re.findall(r'<tr><th scope="row">([^<]*)</th>(.*?)</tr>', table)
    }
    assert rows == {
        "inside train": ["96", "21", "7", "0", "0", "0"],
        "inside validation": ["–", "–", "–", "0", "0", "0"],
        "inside test": ["1,990", "16", "0", "0", "0", "0"],
        "test texts in validation": ["–", "–", "–", "0", "0", "0"],
        "test texts in train": ["123", "1", "5", "0", "0", "0"],
        "validation texts in train": ["–", "–", "–", "0", "0", "0"],
    }
    text = Page(html).text
    assert "“an <odd> text”: test sport (1); train tech (1,200), sport (2)" in text
    assert "share 80% of their runs of 3 words" in text
    assert "Groups (document): train 1,234 with 70.1% of the texts, test 321 with 19.9% of the texts." in text


@pytest.mark.parametrize("change", [{"duplicates": None, "groups": None}, None])
def test_a_page_without_copies_or_groups_says_nothing_of_them(change):
    report = make_report()
    for name in ("duplicates", "groups"):
        if change is None:
            del report["data"][name]  # a report of an earlier version
        else:
            report["data"][name] = None
    html = render_page(report)
    assert "Copies and label conflicts" not in html
    assert "Groups (" not in html


def test_words_of_the_user_are_text_and_nothing_else():
    attack = "<script>alert('x')</script>\"&"
    report = make_report([attack, *TOPICS[1:]])
    report |= {"dataset": attack, "run": attack}
    report["data"]["warnings"] = [attack]
    report["config"]["dataset"]["name"] = attack
    report["diagnostics"]["test"]["mistakes"][0]["text"] = attack
    html = render_page(report)
    assert "<script" not in html
    assert Page(html).text.count(attack) > 10


def test_long_texts_are_cut_in_the_view():
    report = make_report()
    report["diagnostics"]["test"]["mistakes"][0]["text"] = "x" * 1000
    assert max(map(len, re.findall("x+", render_page(report)))) == 299


def test_no_mistakes_are_good_news():
    report = make_evaluation()
    report["diagnostics"]["test"]["mistakes"] = []
    assert "No mistakes" in render_page(report)


def test_history_without_train_scores_or_gradients_is_shown():
    report = make_report()
    report["history"] = [{"step": 1, "epoch": 0.5, "validation": report["history"][0]["validation"]}]
    report["training"]["best_epoch"] = 0.5
    assert "best epoch (0.5)" in render_page(report)


def test_a_class_without_texts_has_no_scores_and_comes_last():
    report = make_evaluation()
    report["diagnostics"]["test"]["per_class"][0] |= {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    rows = re.findall(
        r"<tr><th scope=\"row\">(\w+)</th><td>([^<]*)</td>", render_page(report).split('id="classes-1"')[1]
    )
    assert rows[len(TOPICS) - 1] == (TOPICS[0], "–")


def test_pictures_are_xml_with_ids_of_their_own():
    history = make_report()["history"]
    bins = [row | {"interval": (0.0, 1.0)} for row in make_diagnostics(TOPICS, 426)["calibration"]["bins"]]
    pictures = [
        learning_curve(history, metric="accuracy", name="one", best_epoch=6.0, baseline=0.9),
        learning_curve(history, metric="accuracy", name="two"),
        learning_curve(history[:1], metric="loss", name="three"),
        reliability_diagram(bins, name="four"),
        reliability_diagram(bins[:1], name="five"),
    ]
    ids = [element.get("id") for svg in pictures for element in ElementTree.fromstring(svg).iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(svg.startswith("<svg ") and svg.endswith("</svg>") for svg in pictures)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.97306, "97.31%"), (1, "100.00%"), (0, "0.00%"), (0.999999, ">99.99%"), (0.000001, "<0.01%"), (None, "–")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_numbers_are_short():
    assert [signed(value, 2) for value in (1.204, -1.204, 0.001, -0.001)] == ["+1.20", "−1.20", "0.00", "0.00"]
    assert [duration(value) for value in (9.14, 59.96, 80.2, 7384)] == ["9.1 s", "1 min 0 s", "1 min 20 s", "2 h 3 min"]


def test_settings_are_grouped_under_dotted_names():
    groups = settings_groups(
        {"model": {"layers": 2, "inner": {"sizes": [1, 2]}, "empty": {}}, "seed": 0, "run": {"x": None}}
    )
    assert groups == {
        "run": [("seed", 0), ("run.x", None)],
        "model": [("model.layers", 2), ("model.inner.sizes", [1, 2]), ("model.empty", {})],
    }
    assert [setting(value) for value in (None, True, 2e-3, "a", ["é"])] == ["null", "true", "0.002", "a", '["é"]']
