"""The page and the terminal table of a study: the answer first, every depth and seed there, nothing from elsewhere."""

import copy
import functools
import io
import json
import math
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console
from scipy.stats import t as student

from tests.test_report_page import Page
from textlstm.reports.study_page import render_study
from textlstm.reports.study_pictures import LevelAxis, cost_picture, curve_picture, gap_picture, score_picture
from textlstm.reports.study_terminal import print_study
from textlstm.reports.study_wording import headline, name_all, noun

ONE_RECIPE = "One recipe for all depths: it favours the depth that it was made for."
ONE_SPLIT = "Intervals are conditional on one split of the data."
NOTES = [
    ONE_RECIPE,
    ONE_SPLIT,
    "Fewer than five seeds: estimates and the least difference that could be seen, no claim.",
    "The runs come from 2 versions of the code (0a1b2c3d4e, 5f6a7b8c9d): a difference may be theirs.",
    "2 of 20 runs have no predictions: intervals come from seeds alone.",
    "1 run failed and is missing: layers-4_seed-3.",
]


def estimate(values: list[float]) -> dict[str, Any]:
    """Mean and t interval over seeds."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return {"mean": mean, "low": None, "high": None, "by_seed": values}
    half = student.ppf(0.975, len(values) - 1) * (statistics.stdev(values) / math.sqrt(len(values)) + 1e-4)
    return {"mean": mean, "low": mean - half, "high": mean + half, "by_seed": values, "df": len(values) - 1}


def without_seeds(interval: dict[str, Any]) -> dict[str, Any]:
    return {key: interval[key] for key in ("mean", "low", "high")}


def minus(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return estimate([a - b for a, b in zip(left["by_seed"], right["by_seed"], strict=True)])


def make_level(
    value: Any, *, layers: int, seeds: int, accuracy: float, rise: float, verdict: str, draw: random.Random
) -> dict[str, Any]:
    """A level whose validation loss rises by `rise` nats after the best epoch."""
    epochs = list(range(1, 11))
    speed = 0.45 + 0.04 * layers

    def curve(split: str, metric: str) -> list[list[float]]:
        rows = []
        for _ in range(seeds):
            noise = draw.gauss(0, 1)
            if split == "train":
                row = {
                    "loss": [1.7 * (1 - speed * 0.7) ** e for e in epochs],
                    "accuracy": [1 - 0.5 * (1 - speed) ** e for e in epochs],
                }[metric]
            else:
                row = {
                    "loss": [0.42 + 1.2 * (1 - speed) ** e + rise * max(0, e - 5) / 5 for e in epochs],
                    "accuracy": [
                        accuracy - 0.4 * (1 - speed) ** e - (0.02 if verdict == "strong" else 0.002) * max(0, e - 6) / 4
                        for e in epochs
                    ],
                }[metric]
            size = 0.004 if metric == "accuracy" else 0.012
            rows.append([y + (size if split == "validation" else size / 6) * (noise + draw.gauss(0, 0.5)) for y in row])
        return [[min(y, 0.9999) if metric == "accuracy" else max(y, 0.001) for y in row] for row in rows]

    found = {
        split: {metric: curve(split, metric) for metric in ("loss", "accuracy")} for split in ("train", "validation")
    }
    best_epochs = [1 + min(range(len(epochs)), key=lambda e: row[e]) for row in found["validation"]["loss"]]

    def scores(moment: str) -> dict[str, Any]:
        places = [epoch - 1 if moment == "best" else len(epochs) - 1 for epoch in best_epochs]
        result: dict[str, Any] = {}
        for split in ("train", "validation"):
            result[split] = {
                metric: estimate([row[place] for row, place in zip(rows, places, strict=True)])
                for metric, rows in found[split].items()
            }
        shift = -0.007 + draw.gauss(0, 0.002)
        result["test"] = {
            "accuracy": estimate(
                [y + shift + draw.gauss(0, 0.004) for y in result["validation"]["accuracy"]["by_seed"]]
            ),
            "loss": estimate([y + 0.02 + draw.gauss(0, 0.01) for y in result["validation"]["loss"]["by_seed"]]),
        }
        for split in result.values():
            split["macro_f1"] = estimate([y - 0.013 + draw.gauss(0, 0.003) for y in split["accuracy"]["by_seed"]])
        return result

    best, last = scores("best"), scores("last")
    sentences = {
        "none": "At the last epoch validation loss is 0.01 nats and error 0.1 points above the best epoch's: within the thresholds.",
        "mild": "At the last epoch validation loss is 0.06 nats above the best epoch's (0.03 to 0.09).",
        "strong": "At the last epoch validation loss is 0.31 nats (0.27 to 0.35) and error 1.9 points (1.2 to 2.6) above the best epoch's; against 3 layers train loss is lower and validation loss higher.",
        "overconfident": "Validation loss rises by 0.12 nats (0.08 to 0.16) while accuracy holds.",
    }
    band = {
        split: {
            metric: {
                "mean": [statistics.fmean(column) for column in zip(*rows, strict=True)],
                "low": [min(column) for column in zip(*rows, strict=True)],
                "high": [max(column) for column in zip(*rows, strict=True)],
            }
            for metric, rows in by_metric.items()
        }
        for split, by_metric in found.items()
    }
    return {
        "value": value,
        "layers": layers,
        "hidden_size": 64,
        "runs": [f"layers-{value}_seed-{seed}_{draw.randrange(16**6):06x}" for seed in range(seeds)],
        "seeds": list(range(seeds)),
        "parameters": 931_206 + 99_328 * layers,
        "stack_parameters": 99_328 * layers,
        "training_seconds": 21.3 + 14.2 * layers + draw.random(),
        "latency_ms": 0.41 + 0.37 * layers,
        "best_epoch": {"mean": statistics.fmean(best_epochs), "by_seed": [float(epoch) for epoch in best_epochs]},
        "best": best,
        "last": last,
        "generalization_gap": {
            moment: {
                "accuracy": without_seeds(minus(rows["train"]["accuracy"], rows["validation"]["accuracy"])),
                "loss": without_seeds(minus(rows["validation"]["loss"], rows["train"]["loss"])),
            }
            for moment, rows in (("best", best), ("last", last))
        },
        "overfitting": {
            "verdict": verdict,
            "excess_loss": without_seeds(minus(last["validation"]["loss"], best["validation"]["loss"])),
            "excess_error": without_seeds(minus(best["validation"]["accuracy"], last["validation"]["accuracy"])),
            "against_shallower": {
                "train_loss": {"mean": -0.01, "low": -0.02, "high": -0.001},
                "validation_loss": {"mean": 0.02, "low": -0.01, "high": 0.05},
            }
            if layers > 1
            else None,
            "sentence": sentences[verdict],
            "try": "model.regularization_scale=1.5, or training.epochs=5: the best epochs lie at 4 to 5."
            if verdict in ("mild", "strong")
            else None,
        },
        "against_first": {
            "difference": 0.012 * (layers - 1),
            "low": 0.012 * (layers - 1) - 0.011,
            "high": 0.012 * (layers - 1) + 0.011,
            "p": 0.0301,
        }
        if layers > 1
        else None,
        "against_best": {"difference": -0.006 * abs(layers - 2), "low": -0.02, "high": 0.002, "p": 0.00001}
        if layers != 2
        else None,
        "curves": {"epochs": [float(epoch) for epoch in epochs], **band},
    }


def make_study(
    answer: str = "depth",
    layers: int | None = 2,
    *,
    seeds: int = 5,
    accuracies: tuple[float, ...] = (0.862, 0.884, 0.882, 0.871),
    verdicts: tuple[str, ...] = ("none", "none", "mild", "strong"),
    notes: list[str] = NOTES[:2],
) -> dict[str, Any]:
    """A study of depth as `textlstm.study` makes it."""
    draw = random.Random(len(answer) + seeds)
    rises = {"none": 0.015, "mild": 0.06, "strong": 0.31, "overconfident": 0.13}
    depths = [
        make_level(
            number, layers=number, seeds=seeds, accuracy=accuracy, rise=rises[verdict], verdict=verdict, draw=draw
        )
        for number, (accuracy, verdict) in enumerate(zip(accuracies, verdicts, strict=True), 1)
    ]
    reasons = {
        "depth": "2 layers are better than 1 by 2.2 points of accuracy (0.9 to 3.5, simultaneous 95% interval), and neither 3 nor 4 layers are better than 2.",
        "equivalent": "No depth is better than 1 layer by more than 0.5 points: all simultaneous 95% intervals lie within the margin, so the smallest is recommended.",
        "undecided": "With 3 seeds no claim is made. The highest mean, that of 3 layers, lies 0.8 points above 1 layer (−1.1 to 2.7).",
    }
    changes = [
        {
            "index": draw.randrange(500),
            "label": draw.choice(["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]),
            "first": draw.randrange(3) / seeds,
            "best": 1 - draw.randrange(2) / seeds,
        }
        for _ in range(27)
    ]
    return {
        "study": "trec6-depth",
        "created": "2026-11-24T12:00:00+00:00",
        "textlstm_version": "0.1.0",
        "commits": ["0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"],
        "dataset": "trec6",
        "factor": "model.layers",
        "factors": {"model.layers": [level["value"] for level in depths], "seed": list(range(seeds))},
        "tuning": {"mode": "none", "trials": 0, "by_depth": [], "seconds": 0.0},
        "notes": notes,
        "recommendation": {
            "answer": answer,
            "layers": layers,
            "reason": reasons[answer],
            "margin": 0.005,
            "level": 0.05,
            "seeds": seeds,
            "more_seeds": 7 if answer == "undecided" else None,
            "least_difference": 0.019 if answer == "undecided" else None,
        },
        "one_standard_error": {
            "layers": 2,
            "note": "A heuristic: the shallowest depth within one standard error of the highest mean; where all depths are equal it picks depth 1 in only half of the studies.",
        },
        "thresholds": {
            "mild_error": 0.01,
            "strong_error": 0.03,
            "mild_loss": 0.1,
            "strong_loss": 0.5,
            "least_loss": 0.02,
        },
        "depths": depths,
        "examples": {
            "compared": [1, layers or 3],
            "fixed": changes[:21] if len(changes) > 21 else changes,
            "broken": [row | {"first": row["best"], "best": row["first"]} for row in changes[22:]],
            "counts": {"fixed": 21, "broken": 5, "same": 474},
        },
        "settings": {
            "dataset.name": "trec6",
            "dataset.split_seed": 0,
            "tokenizer.vocabulary_size": 30000,
            "embedding.name": "glove",
            "model.hidden_size": 64,
            "model.bidirectional": True,
            "model.pooling": "concat",
            "model.dropout": 0.5,
            "training.epochs": 10,
            "training.learning_rate": 0.004,
            "training.patience": None,
            "baseline": "linear",
        },
        "failed": [],
    }


def make_presets(long: bool = False) -> dict[str, Any]:
    """A study of another factor than depth, with words for values."""
    study = make_study(verdicts=("strong", "mild", "overconfident", "none"))
    names = ["none", "dropout", "variational", "awd"]
    if long:
        names = [f"a_very_long_preset_without_any_break_{'x' * 9}_{name}" for name in names]
    for level, name in zip(study["depths"], names, strict=True):
        level |= {"value": name, "layers": 2, "parameters": 1_129_862}
        level["runs"] = [f"regularization-{name}_seed-{seed}_ab12cd" for seed in level["seeds"]]
    study["factor"] = "regularization"
    study["factors"] = {"regularization": names, "seed": study["factors"]["seed"]}
    study["recommendation"] |= {"layers": None, "value": names[1], "reason": f"{names[1]} is better than {names[0]}."}
    study["one_standard_error"] |= {"layers": None, "value": names[1], "note": "A heuristic."}
    study["notes"] = ["One recipe for all values of regularization.", ONE_SPLIT]
    for level in study["depths"]:
        level["overfitting"]["sentence"] = "Validation is as good as at its best, or nearly."
    study["examples"]["compared"] = [names[0], names[1]]
    return study


def make_poor() -> dict[str, Any]:
    """What old runs without predictions, last scores and latency leave, one seed each, one run failed."""
    study = make_study("undecided", None, seeds=1, notes=[])
    for level in study["depths"]:
        level |= {"last": None, "latency_ms": None, "curves": None, "against_first": None, "against_best": None}
        level["generalization_gap"]["last"] = None
        level["overfitting"] = {"verdict": "unknown", "excess_loss": None, "excess_error": None, "sentence": None}
        level["overfitting"] |= {"against_shallower": None, "try": None}
        for split in level["best"].values():
            for score in split.values():
                score |= {"low": None, "high": None}
    study["recommendation"] |= {"more_seeds": None, "least_difference": None}
    return study | {
        "examples": None,
        "commits": [None],
        "failed": [{"run": "layers-4_seed-3_ab12cd", "error": "RuntimeError: loss is not finite"}],
    }


STUDIES = {
    "two layers": make_study(),
    "equivalent": make_study("equivalent", 1, accuracies=(0.874, 0.876, 0.873), verdicts=("none",) * 3),
    "undecided": make_study(
        "undecided",
        None,
        seeds=3,
        accuracies=(0.864, 0.868, 0.872),
        verdicts=("none", "overconfident", "mild"),
        notes=NOTES,
    ),
    "presets": make_presets(),
    "long names": make_presets(long=True),
    "poor": make_poor(),
}
SMALL = make_study("equivalent", 1, seeds=2, accuracies=(0.87, 0.86), verdicts=("none", "mild"))
for each in SMALL["depths"]:
    each["curves"] = None


@functools.cache
def page_of(name: str) -> str:
    """Drawing takes a second or two."""
    return render_study(STUDIES[name])


@pytest.fixture(params=STUDIES, scope="module")
def case(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str]:
    return STUDIES[request.param], page_of(request.param)


def section(html: str, name: str) -> str:
    """One section's HTML; empty where it is absent."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.S)
    return found.group() if found else ""


def values_of(study: dict[str, Any]) -> list[Any]:
    return [level["value"] for level in study["depths"]]


def test_page_is_self_contained_and_well_formed(case):
    study, html = case
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert len(page.ids) == len(set(page.ids))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    links = [f"{folder}/report.html" for level in study["depths"] for folder in level["runs"]]
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "xlink:href", "src"):
                assert value in links or value[1:] in page.ids, value
    assert set(re.findall(r"url\(#?([^)]*)\)", html)) <= set(page.ids)
    assert "@import" not in html
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in html


def test_page_can_be_used_by_everyone(case):
    page = Page(case[1])
    assert page.tags[0] == ("html", {"lang": "en"})
    assert page.count("title") == page.count("h1") == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(found["role"] == "img" and found["aria-label"] for tag, found in page.tags if tag == "svg")


def test_equal_studies_give_equal_pages():
    assert render_study(make_study()) == page_of("two layers")


def test_every_level_and_seed_is_there(case):
    study, html = case
    rows = re.findall(r'<tr><th scope="row">[^<]*</th><td>(\d+)</td>.*?href="([^"]*)"', section(html, "runs"))
    runs = [
        (str(seed), f"{folder}/report.html")
        for level in study["depths"]
        for seed, folder in zip(level["seeds"], level["runs"], strict=True)
    ]
    assert rows == runs
    for level in study["depths"]:
        table = section(html, "table")
        for split in ("train", "validation", "test"):
            for metric, digits in (("accuracy", 2), ("macro_f1", 2)):
                assert f">{100 * level['best'][split][metric]['mean']:.{digits}f}%" in table
            assert f">{level['best'][split]['loss']['mean']:.4f}" in table
        assert f">{level['parameters']:,}" in table


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_seed_is_a_point_of_the_picture(split):
    levels = STUDIES["two layers"]["depths"]
    svg = score_picture(levels, split=split, axis=LevelAxis(["1", "2", "3", "4"], "layers"), name="x")
    uses = [each.attrib for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("}use")]
    heights = [float(each["y"]) for each in uses if "stroke: #e69f00" in each.get("style", "")]
    values = [value for level in levels for value in level["best"][split]["accuracy"]["by_seed"]]
    # One more stands in the legend, drawn last.
    assert len(heights) == len(values) + 1 == 21
    assert statistics.correlation(heights[:-1], values) == pytest.approx(-1, abs=1e-6)


def test_pictures_are_xml_with_ids_of_their_own():
    study = make_study()
    axis = LevelAxis(["1", "2", "3", "4"], "layers", chosen=1)
    pictures = [
        score_picture(study["depths"], split="test", axis=axis, name="one"),
        gap_picture(study["depths"], metric="loss", axis=axis, name="two"),
        gap_picture(study["depths"], metric="accuracy", axis=axis, name="three"),
        cost_picture(study["depths"], cost="parameters", label="parameters", axis=axis, name="four"),
        curve_picture(
            study["depths"][0]["curves"],
            metric="loss",
            axis=axis,
            name="five",
            number=1,
            limits=(0, 1),
            epochs=10,
            best_epoch=5.0,
        ),
    ]
    ids = [element.get("id") for svg in pictures for element in ElementTree.fromstring(svg).iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all("<text" in svg for svg in pictures)


@pytest.mark.parametrize(
    ("answer", "layers", "words"),
    [
        ("depth", 2, "Two layers"),
        ("depth", 1, "One layer"),
        ("depth", 12, "12 layers"),
        ("equivalent", 1, "One layer: deeper ones are no better"),
        ("undecided", None, "Undecided"),
        ("undecided", 3, "Undecided"),
        (None, None, "Undecided"),
    ],
)
def test_headline(answer, layers, words):
    study = make_study()
    study["depths"][3] |= {"value": 12, "layers": 12}
    study["recommendation"] = {"answer": answer, "layers": layers}
    assert headline(study) == words


def test_first_section_answers_the_question():
    html = page_of("two layers")
    answer = Page(section(html, "answer")).text
    for words in (
        "Two layers",
        "2 layers are better than 1 by 2.2 points",
        "Does it overfit? No",
        "1 and 2 layers: no; 3 layers: mildly; 4 layers: strongly",
        "What it costs, against 1 layer",
        "1,129,862 parameters (1.1 times)",
        "1.15 ms latency (1.5 times)",
        *NOTES[:2],
    ):
        assert words in re.sub(r"(?<=overfit\?)(?=\S)", " ", answer), words
    assert "What is missing" not in answer


def test_an_undecided_study_says_what_is_missing():
    answer = Page(section(page_of("undecided"), "answer")).text
    assert "at least 7 more seeds each" in answer
    assert "with 3 seeds only differences from 1.9 points on could be seen" in answer
    assert "It depends on depth" in answer
    assert "What 1 layer costs, and 3 layers" in answer
    assert all(note in answer for note in NOTES)


def test_verdicts_stand_with_their_numbers():
    study = STUDIES["two layers"]
    text = Page(section(page_of("two layers"), "overfitting")).text
    for level, word in zip(study["depths"], ("no", "no", "mildly", "strongly"), strict=True):
        found = level["overfitting"]
        assert f"{level['value']} layer{'s' * (level['value'] > 1)}: {word}" in text
        assert found["sentence"] in text
        assert f"{found['excess_loss']['mean']:+.3f}".replace("-", "−") in text
        assert f"{100 * found['excess_error']['mean']:+.2f}".replace("-", "−") in text
    assert text.count("To try:") == 2
    assert "error up by 1 percentage points is mild, by 3 strong" in text


def test_sections_follow_the_study():
    full, poor = Page(page_of("two layers")).ids, Page(page_of("poor")).ids
    assert {"answer", "score", "table", "curves", "gap", "overfitting", "cost", "examples", "runs", "settings"} <= set(
        full
    )
    assert not {"curves", "examples", "cost-latency_ms"} & set(poor)
    html = page_of("poor")
    assert "RuntimeError: loss is not finite" in section(html, "runs")
    assert "95% interval" not in html
    assert "Differences in test accuracy" not in html
    assert "Weights of the last epoch" not in html
    assert "commit <code>unknown</code>" in html


@pytest.mark.parametrize(
    "absent",
    [
        "notes",
        "one_standard_error",
        "thresholds",
        "factors",
        "failed",
        "commits",
        "examples",
        "settings",
        "tuning",
        "created",
        "recommendation",
    ],
)
def test_any_part_may_be_missing(absent):
    study = copy.deepcopy(SMALL)
    del study[absent]
    Page(render_study(study))
    print_study(Console(file=io.StringIO(), width=80), study)


def test_parts_may_be_null():
    study = dict.fromkeys(SMALL) | {key: SMALL[key] for key in ("study", "dataset", "factor", "depths")}
    Page(render_study(study))
    print_study(Console(file=io.StringIO(), width=80), study)


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("seeds and examples", "other seeds and other texts"),
        ("seeds", "these very texts"),
        ("examples", "one seed says nothing of others"),
        (None, None),
    ],
)
def test_page_says_what_the_intervals_hold_for(basis, words):
    study = copy.deepcopy(SMALL) | {"recommendation": SMALL["recommendation"] | {"level": 0.1}}
    for level in study["depths"]:
        level["best"]["test"]["accuracy"]["from"] = basis
    text = Page(section(render_study(study), "table")).text
    assert "their 90% intervals below" in text
    assert words is None or words in text
    assert ("other texts" in text or "these very texts" in text) == (words is not None)


def test_curves_of_some_levels_only():
    study = make_study(accuracies=(0.86, 0.87), verdicts=("none", "none"))
    study["depths"][0]["curves"] = None
    del study["depths"][1]["curves"]["train"]
    assert [f"curves-loss-{number}" in Page(render_study(study)).ids for number in (1, 2)] == [False, True]


@pytest.mark.parametrize("absent", sorted(set(STUDIES["two layers"]["depths"][0]) - {"value", "layers"}))
def test_any_part_of_a_level_may_be_missing(absent):
    study = copy.deepcopy(SMALL)
    study["depths"][0][absent] = None
    del study["depths"][1][absent]
    Page(render_study(study))
    print_study(Console(file=io.StringIO(), width=80), study)


def test_a_single_level_is_shown():
    study = make_study("undecided", None, accuracies=(0.86,), verdicts=("none",), notes=[])
    study["examples"] = None
    text = Page(render_study(study)).text
    assert "1 depth, 5 seeds each" in text
    assert "What 1 layer costs" in text
    assert "costs, and" not in text


def test_words_of_the_user_are_text_and_nothing_else():
    attack = "<script>alert('x')</script>$\\frac{&\""
    study = make_presets()
    study |= {
        "dataset": attack,
        "study": attack,
        "notes": [attack],
        "factor": f"model.{attack}",
        "textlstm_version": attack,
    }
    study["factors"] = {attack: [attack]}
    study["commits"] = [attack, None]
    study["recommendation"] |= {"reason": attack, "value": attack}
    study["one_standard_error"] = {"value": attack, "note": attack}
    study["thresholds"] = {attack: attack}
    study["settings"] = {f"{attack}.x": attack, "seed": attack}
    study["failed"] = [{"run": attack, "error": attack}]
    study["examples"]["compared"] = [attack, attack]
    study["examples"]["fixed"][0]["label"] = attack
    study["depths"][1] |= {
        "value": attack,
        "runs": [attack, "javascript:alert(1)", "//elsewhere.example/x", "../other/run", "/tmp/a b"],
    }
    study["depths"][1]["overfitting"] |= {"sentence": attack, "try": attack}
    html = render_study(study)
    assert "<script" not in html
    page = Page(html)
    assert page.text.count(attack) > 10
    links = [found["href"] for tag, found in page.tags if tag == "a" and not found["href"].startswith("#")]
    assert not [link for link in links if re.match(r"\w+:|//", link)]
    assert {"../other/run/report.html", "/tmp/a%20b/report.html"} <= set(links)
    print_study(Console(file=io.StringIO(), width=80, markup=False), study)


def test_words_are_of_values_where_the_factor_is_not_depth():
    html = page_of("presets")
    answer = Page(section(html, "answer")).text
    assert "Regularization: dropout" in answer
    assert "none: strongly; dropout: mildly; variational: overconfident; awd: no" in answer
    assert "Which regularization, and does it overfit?" in answer
    text = Page(html).text
    for words in ("2 layers", "1 layer", "All depths", "against depth", "shallower"):
        assert words not in text, words


@pytest.mark.parametrize(
    ("factor", "word"),
    [
        ("model.layers", "layers"),
        ("model.regularization_scale", "regularization scale"),
        ("embedding.name", "embedding"),
        ("regularization", "regularization"),
    ],
)
def test_a_factor_is_called_by_what_it_is(factor, word):
    assert noun({"factor": factor}) == word


def test_numbers_as_values_are_shown_as_typed():
    study = make_study()
    for level, value in zip(study["depths"], (0.1, 0.25, 0.5, 1), strict=True):
        level["value"] = value
    study |= {"factor": "dataset.train_share", "factors": {"dataset.train_share": [0.1, 0.25, 0.5, 1]}}
    study["recommendation"] = {"answer": "depth", "value": 0.25}
    assert headline(study) == "Train share: 0.25"
    assert "against train share" in Page(render_study(study)).text


@pytest.mark.parametrize(
    ("factor", "values", "words"),
    [
        ("model.layers", [1], "1 layer"),
        ("model.layers", [1, 2, 4], "1, 2 and 4 layers"),
        ("model.layers", [2], "2 layers"),
        ("regularization", ["none", "awd"], "none and awd"),
    ],
)
def test_levels_are_named_together(factor, values, words):
    assert name_all({"factor": factor}, values) == words


def test_terminal_fits_80_columns_and_says_the_answer(case):
    study, _ = case
    text = io.StringIO()
    print_study(
        Console(file=text, width=80, highlight=False, markup=False, soft_wrap=True), study, folder=Path("runs/x")
    )
    table, _, rest = text.getvalue().partition("answer ")
    lines = table.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in table.replace("a_very_l…", "")
    assert headline(study) in rest
    assert rest.count("overfits  ") == len(study["depths"])
    assert "runs/x/study.html" in rest
    for level in study["depths"]:
        assert f"{level['parameters']:,}" in table
        assert f"{100 * level['best']['test']['accuracy']['mean']:.1f}%" in table
    for note in study["notes"]:
        assert note in rest


LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts a pipe's ends where Chromium looks for them."""


class Browser:
    """Headless Chromium, spoken to in the DevTools protocol over a pipe."""

    def __init__(self, program: str, folder: Path) -> None:
        flags = "headless no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
        command = [program, *(f"--{flag}" for flag in flags.split()), "--disable-sync", "--remote-debugging-pipe"]
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(read), str(write), *command, f"--user-data-dir={folder}"],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        self._number, self._buffer, self._session = 0, b"", None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(
            self._write, json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page: Path, *, width: int, height: int) -> list[str]:
        """Show a page in a window of that size; gives the addresses that were requested."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())
        sent = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def bottom(self, selector: str) -> float:
        """Where an element ends, in pixels from the top of the window."""
        return float(self.ask(f"document.querySelector({selector!r}).getBoundingClientRect().bottom"))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        os.close(self._read)
        os.close(self._write)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            if not part:
                raise ConnectionError("Chromium has gone.")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium here")
    started = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("name", STUDIES)
def test_page_in_a_browser(browser, tmp_path, name, width, height):
    path = tmp_path / "study.html"
    path.write_text(page_of(name))
    assert browser.open(path, width=width, height=height) == [path.as_uri()]
    assert browser.ask("document.documentElement.scrollWidth") <= width
    assert browser.ask("document.body.scrollWidth") <= width
    # All that the first screen must say: the answer, why, whether it overfits, what it costs, the notes.
    for selector in ("h1", ".result", "#overfits", "#costs", "#answer"):
        assert 0 < browser.bottom(selector) <= height, selector
    assert browser.ask("document.querySelectorAll('svg').length") >= 4
    # No letter of a picture is smaller than can be read, nor outside of it.
    size = "Math.min(...[...document.querySelectorAll('svg text')].map(each => each.getBoundingClientRect().height))"
    assert browser.ask(size) >= 8


@pytest.mark.slow
def test_browser_test_notices_what_it_looks_for(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<body><img src='other.png'><h1 style='width: 3000px; margin-top: 2000px'>x</h1>")
    assert browser.open(path, width=390, height=844) == [path.as_uri(), (tmp_path / "other.png").as_uri()]
    assert browser.ask("document.documentElement.scrollWidth") > 390
    assert browser.bottom("h1") > 844
