"""The sections of a study's page on grids, trials and tuning, and their tables in the terminal."""

import copy
import functools
import io
import re
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tests.study.folders import make_report, write_run
from tests.study_sections import SETTINGS, with_grid, with_trials, with_tuning
from tests.test_report_page import Page
from tests.test_study_page import Browser, browser, make_study, section
from textlstm.reports.study_grid_picture import grid_picture, round_counts
from textlstm.reports.study_page import describe_machine, describe_size, describe_texts, render_study
from textlstm.reports.study_pictures import LevelAxis, score_picture
from textlstm.reports.study_report import finish_study, write_study
from textlstm.reports.study_sensitivity_pictures import expected_best_picture, trial_picture
from textlstm.reports.study_terminal import print_study
from textlstm.reports.study_wording import headline
from textlstm.study.runs import find_runs, find_trials

__all__ = ["browser"]


def make_sensitivity(verdict: str = "harder") -> dict[str, Any]:
    study = with_trials(make_study("undecided", None), verdict=verdict)
    study["recommendation"] |= {"reason": "This study tells how sensitive each depth is.", "more_seeds": None}
    study["recommendation"]["least_difference"] = None
    study["notes"] = ["Every depth was tried with the same 12 settings drawn at random, each with a seed of its own."]
    for level in study["depths"]:
        level |= {"curves": None, "against_first": None, "against_best": None}
        level["overfitting"] = {"verdict": "unknown", "sentence": "Each trial has other settings."}
    return study | {"examples": None}


STUDIES = {
    "grid": with_grid(make_study()),
    "rates": with_grid(make_study(), second="training.learning_rate", values=[0.001, 0.002, 0.004]),
    "sensitivity": make_sensitivity(),
    "tuned": with_tuning(make_study()),
}


@functools.cache
def page_of(name: str) -> str:
    return render_study(STUDIES[name])


def in_terminal(study: dict[str, Any], width: int = 80) -> str:
    text = io.StringIO()
    print_study(Console(file=text, width=width, highlight=False, markup=False), study, folder=Path("runs/x"))
    return text.getvalue()


def text_of(name: str, part: str) -> str:
    return Page(section(page_of(name), part)).text


def words_of(svg: str) -> list[str]:
    return [each.text for each in ElementTree.fromstring(svg).iter() if each.tag.endswith("}text") and each.text]


# All of them


@pytest.mark.parametrize("name", STUDIES)
def test_pages_are_self_contained_with_ids_of_their_own(name):
    html = page_of(name)
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    # A bitmap in a picture would be an address, which the page may not load.
    assert not {"script", "link", "img", "image", "iframe"} & {tag for tag, _ in page.tags}
    links = [found["href"] for tag, found in page.tags if tag == "a"]
    assert all(link[1:] in page.ids for link in links if link.startswith("#"))
    assert {link for link in links if link.startswith("#")} >= {"#table", "#runs"}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(found["role"] == "img" and found["aria-label"] for tag, found in page.tags if tag == "svg")


@pytest.mark.parametrize("name", STUDIES)
def test_terminal_tables_fit_80_columns(name):
    table, _, _ = in_terminal(STUDIES[name]).partition("answer ")
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in table


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("part", ["grid", "sensitivity", "tuning"])
def test_any_of_these_sections_may_be_missing(name, part):
    study = copy.copy(STUDIES[name])
    study[part] = None
    del study["settings"]
    in_terminal(study)
    if name == "sensitivity":
        Page(render_study(study | {"depths": study["depths"][:2]}))


# Grid


def test_every_cell_is_in_the_table_and_the_picture():
    grid, html = STUDIES["grid"]["grid"], section(page_of("grid"), "grid")
    table = html[html.index("All cells") :]
    assert table.count("<tr") == 1 + len(grid["cells"])
    for cell in grid["cells"]:
        row = next(
            row
            for row in re.findall(r"<tr.*?</tr>", table)
            if f'row">{cell["value"]}</th><td>{cell["second"]}</td>' in row
        )
        test, validation = 100 * cell["test"]["mean"], 100 * cell["validation"]["mean"]
        for words in (f"{test:.2f}%", f"{validation:.2f}%", f"{cell['stack_parameters']:,}", cell["overfitting"][:3]):
            assert words in row.replace("no<", "none<"), words
        assert ('class="chosen"' in row) == (cell["second"] == 64)
        assert f"{test:.1f}%" in html[: html.index("All cells")]


def test_the_picture_writes_test_scores_and_lines_of_equal_size():
    grid = STUDIES["grid"]["grid"]
    svg = grid_picture(grid, noun="layers", second="width", metric="accuracy", name="x")
    words = words_of(svg)
    assert [f"{100 * cell['test']['mean']:.1f}%" in words for cell in grid["cells"]] == [True] * len(grid["cells"])
    assert {"equal parameters in the stack", "equal operations a token", "chosen by validation"} <= set(words)
    assert any(re.fullmatch(r"\d+k parameters", word) for word in words)
    assert any(re.fullmatch(r"\d+k operations", word) for word in words)
    assert "<image" not in svg
    rates = grid_picture(STUDIES["rates"]["grid"], noun="layers", second="learning rate", metric="accuracy", name="x")
    assert not any("parameters" in word for word in words_of(rates))


def test_cells_of_better_validation_are_darker():
    grid = copy.deepcopy(STUDIES["grid"]["grid"])
    svg = grid_picture(grid, noun="layers", second="width", metric="accuracy", name="x")
    mesh = next(
        each for each in ElementTree.fromstring(svg).iter() if "QuadMesh_1" in each.get("id", "") and len(each) > 1
    )
    # The cell that was not run has no colour.
    fills = re.findall(r"fill: (\S+);", " ".join(path.get("style", "") for path in mesh))
    assert fills.count("none") == 1
    shades = [sum(int(color[i : i + 2], 16) for i in (1, 3, 5)) for color in fills if color != "none"]
    by_place = sorted(grid["cells"], key=lambda cell: (cell["value"], cell["second"]))
    values = [cell["validation"]["mean"] for cell in by_place]
    assert statistics.correlation(shades, values) < -0.95


def test_odd_grids_are_drawn():
    grid = copy.deepcopy(STUDIES["grid"]["grid"])
    for cell in grid["cells"]:
        cell |= {"operations_per_token": None, "validation": cell["validation"] | {"mean": 0.8}}
    grid["cells"] = grid["cells"][:5]
    svg = grid_picture(grid, noun="layers", second="width", metric="accuracy", name="x")
    assert "equal operations a token" not in words_of(svg)
    one = grid | {"values": [2], "cells": [cell for cell in grid["cells"] if cell["value"] == 2]}
    grid_picture(one, noun="layers", second="width", metric="accuracy", name="x")


@pytest.mark.parametrize(
    ("low", "high", "counts"), [(1e3, 1e6, [5e3, 2e5]), (9e4, 4e5, [2e5]), (100, 1e4, [200, 5000]), (110, 130, [120])]
)
def test_lines_are_drawn_at_round_counts(low, high, counts):
    assert round_counts(low, high) == pytest.approx(counts)


def test_the_section_says_what_was_chosen_and_what_holds_at_equal_size():
    text = text_of("grid", "grid")
    for words in (
        "Depth and width",
        "model.hidden_size=64: validation chose it",
        "198,600 to 201,000 parameters in the stack. 1 layer of width 128: 87.1%; "
        "2 layers of width 64: 89.3% (+2.20 points, +0.40 to +4.00).",
    ):
        assert words in text, words
    answers = re.findall(r'row">(\d+)</th><td>([^<]*)', section(page_of("grid"), "grid"))[
        -len(STUDIES["grid"]["grid"]["cells"]) - 3 :
    ][:3]
    assert answers == [("32", "Undecided"), ("64", "Two layers"), ("128", "One layer: deeper ones are no better")]
    assert "Depth and learning rate" in text_of("rates", "grid")
    assert "equal parameters" not in text_of("rates", "grid")


def test_without_cells_of_one_size_that_is_said():
    study = copy.deepcopy(STUDIES["grid"])
    study["grid"]["equal_parameters"] = []
    assert "No two depths have cells" in Page(section(render_study(study), "grid")).text


def test_runs_of_the_other_cells_can_be_reached():
    study, html = STUDIES["grid"], section(page_of("grid"), "runs")
    links = set(re.findall(r'href="([^"]*)/report.html"', html))
    assert links == {run for cell in study["grid"]["cells"] for run in cell["runs"]}
    assert describe_size(study) == "55 runs: 4 depths, 3 values of width, 5 seeds each"


def test_terminal_shows_the_grid():
    text = in_terminal(STUDIES["grid"])
    assert "20 of 55 runs" in text
    table = text[text.index("test accuracy by layers and width") : text.index("answer ")]
    assert re.search(r"layers +32 +64 +128", table)
    assert re.search(r"1 +– +81\.4% +83\.7%", table)
    assert re.search(r"4 +82\.4% +84\.8% +87\.1%\*", table)


def test_words_of_the_user_in_a_grid_are_text():
    attack = "<script>alert('x')</script>$\\frac{&\""
    study = with_grid(make_study(), second=f"model.{attack}", values=[attack, "b", "c"])
    for cell in study["grid"]["cells"]:
        cell["runs"] = ["javascript:alert(1)"] * 5
    html = render_study(study)
    assert "<script" not in html
    links = [found["href"] for tag, found in Page(html).tags if tag == "a" and not found["href"].startswith("#")]
    assert not [link for link in links if re.match(r"\w+:|//", link)]


# Sensitivity


def test_a_study_of_sensitivity_answers_that_first():
    study, html = STUDIES["sensitivity"], page_of("sensitivity")
    answer = text_of("sensitivity", "answer")
    assert headline(study) == "Depth makes tuning harder"
    for words in ("Does depth make tuning harder?", study["sensitivity"]["answer"]["sentence"], "12", *SETTINGS):
        assert words in answer, words
    order = [html.index(f'id="{part}"') for part in ("answer", "sensitivity", "table", "runs")]
    assert order == sorted(order)
    assert not {"score", "overfitting", "score-test", "curves"} & set(Page(html).ids)
    assert study["recommendation"]["reason"] in text_of("sensitivity", "table")
    assert "20 runs: 4 depths, 11 to 12 trials each" in answer


@pytest.mark.parametrize(("verdict", "words"), [("easier", "makes tuning easier"), ("undecided", "undecided")])
def test_its_headline_is_the_answer(verdict, words):
    assert words in headline(make_sensitivity(verdict))


def test_every_trial_is_there():
    study, html = STUDIES["sensitivity"], section(page_of("sensitivity"), "sensitivity")
    trials = [trial for row in study["sensitivity"]["by_depth"] for trial in row["runs"]]
    links = dict(re.findall(r'<a href="([^"]*)/report.html">([^<]*)</a>', html))
    assert links == {trial["run"]: f"{100 * trial['validation']:.2f}%" for trial in trials}
    assert html.count("<td>–</td>") >= 1
    for row in study["sensitivity"]["by_depth"]:
        for number in (row["mean"], row["min"], row["max"]):
            assert f">{100 * number:.2f}%" in html
    assert "+2.11<small>+0.52 to +3.99</small>" in html


def test_pictures_of_trials_have_a_point_each_and_a_line_a_depth():
    rows = STUDIES["sensitivity"]["sensitivity"]["by_depth"]
    arguments = {"names": ["1", "2", "3", "4"], "noun": "layers", "metric": "accuracy", "name": "x"}
    tree = ElementTree.fromstring(trial_picture(rows, **arguments))
    uses = [each.attrib for each in tree.iter() if each.tag.endswith("}use")]
    heights = [float(each["y"]) for each in uses if "stroke: #e69f00" in each.get("style", "")]
    scores = [trial["validation"] for row in rows for trial in row["runs"]]
    # The legend has one more, drawn last.
    assert len(heights) == len(scores) + 1
    assert statistics.correlation(heights[:-1], scores) == pytest.approx(-1, abs=1e-6)
    words = words_of(expected_best_picture(rows, **arguments))
    assert {"layers", "1", "2", "3", "4", "trials", "expected best accuracy"} <= set(words)


def test_terminal_begins_with_the_trials():
    text = in_terminal(STUDIES["sensitivity"], width=200)
    assert text.index("validation accuracy of random settings") < text.index("trec6, study")
    row = STUDIES["sensitivity"]["sensitivity"]["by_depth"][3]
    assert re.search(
        rf"4 +12 +{100 * row['mean']:.1f}% +1\.2 +{100 * row['quartiles'][1]:.1f}% +{100 * row['max']:.1f}% +25% +8%",
        text,
    )
    assert f"why       {STUDIES['sensitivity']['sensitivity']['answer']['sentence']}" in text
    assert "depth     This study tells how sensitive" in text
    assert "overfits  " not in text


# Tuning


def test_a_tuned_study_names_recipes_and_their_cost():
    study, answer = STUDIES["tuned"], text_of("tuned", "answer")
    assert headline(study) == "Two layers"
    assert "16 min 40 s tuning, all depths (12 trials each)" in answer
    assert study["notes"][0] in answer
    html = section(page_of("tuned"), "tuning")
    rows = dict(re.findall(r'<tr><th scope="row">([^<]*)</th>(.*?)</tr>', html))
    rates = re.findall(r">([\d.e-]+)(?:<small>([^<]*)</small>)?</td>", rows["learning rate"])
    by_depth = study["tuning"]["by_depth"]
    assert [rate for rate, _ in rates] == [f"{row['chosen'][SETTINGS[0]]:.4g}" for row in by_depth]
    assert [edge for _, edge in rates] == ["smallest tried", "", "", ""]
    assert re.findall(r">([^<>]+)</td>", rows["time of all trials"]) == [
        "1 min 40 s",
        "3 min 20 s",
        "5 min 0 s",
        "6 min 40 s",
    ]
    assert "From the trials by which the recipes were chosen" in text_of("tuned", "sensitivity")
    assert "tuning    The best of 5" in in_terminal(study)


# What all runs share


@pytest.mark.parametrize(("key", "kind"), [("baseline", "linear"), ("encoder_baseline", "encoder")])
def test_a_baseline_is_a_line_and_stands_in_the_terminal(key, kind):
    levels, axis = make_study()["depths"], LevelAxis(["1", "2", "3", "4"], "layers")
    scores = {key: {"test": 0.8, "validation": 0.82}}
    with_line = score_picture(levels, split="test", axis=axis, name="x", baselines=scores)
    assert f"{kind} baseline" in words_of(with_line)
    assert "baseline" not in words_of(score_picture(levels, split="test", axis=axis, name="x"))
    study = make_study() | {
        key: {split: {"accuracy": 0.8 + k / 100, "macro_f1": 0.7} for k, split in enumerate(("validation", "test"))}
    }
    assert f"baseline  {kind}, accuracy: validation 80.0%, test 81.0%" in in_terminal(study, width=200)
    page = Page(section(render_study(study), "score")).text
    assert [f"{each} baseline" in page for each in ("linear", "encoder")] == [kind == "linear", kind == "encoder"]


def test_machine_and_texts_stand_beside_times():
    assert describe_machine({"device": "cpu", "threads": 1}) == "cpu, 1 thread"
    assert describe_machine({"device": "cuda", "threads": None}) == "cuda"
    assert describe_machine({}) == ""
    assert (
        describe_texts({"train": 4907, "validation": 545, "test": 500})
        == "4,907 train, 545 validation and 500 test texts"
    )
    assert describe_texts({"train": None, "test": 1}) == "1 test texts"
    study = make_study() | {"machine": {"device": "cpu", "threads": 2}, "texts": {"train": 4907, "test": 500}}
    html = render_study(study)
    assert "Times are those of cpu, 2 threads" in Page(section(html, "table")).text
    assert "4,907 train and 500 test texts" in Page(section(html, "table")).text
    assert "(cpu, 2 threads)" in Page(section(html, "cost")).text


def test_all_follows_the_metric():
    study = make_study() | {"metric": "macro_f1"}
    for level in study["depths"]:
        for moment in ("best", "last"):
            level["generalization_gap"][moment]["macro_f1"] = {"mean": 0.0777, "low": 0.07, "high": 0.08}
    html = render_study(study)
    assert "Test macro-F1" in Page(section(html, "answer")).text
    assert f"{100 * study['depths'][1]['best']['test']['macro_f1']['mean']:.2f}%" in section(html, "answer")
    assert "test macro-F1" in section(html, "score")
    assert "+7.77" in section(html, "gap")
    assert "validation macro-F1" in section(html, "runs")
    first = study["depths"][0]["best"]["test"]["macro_f1"]
    assert f"{100 * first['by_seed'][0]:.2f}%" in section(html, "runs")
    text = in_terminal(study, width=120)
    assert "macro-F1" in text.splitlines()[1]
    assert f"{100 * first['mean']:.1f}%" in text


# From folders


def test_links_lead_from_the_studys_folder_to_every_run_and_trial(tmp_path):
    study = tmp_path / "study"
    for layers in (1, 2):
        for number, rate in enumerate((0.001, 0.002, 0.004)):
            report = make_report(layers=layers, seed=100 + number, **{"training.learning_rate": rate})
            write_run(study / "tuning" / f"{layers}-{number}", report)
        for seed in range(2):
            report = make_report(layers=layers, seed=seed, **{"training.learning_rate": 0.002})
            write_run(study / f"{layers}-{seed}", report)
    found = write_study(Console(file=io.StringIO()), find_runs([study]), study, trials=find_trials([study]))
    assert (found["tuning"]["mode"], found["tuning"]["trials"]) == ("per_depth", 3)
    assert found["depths"][0]["runs"] == ["1-0", "1-1"]
    trials = [trial["run"] for row in found["sensitivity"]["by_depth"] for trial in row["runs"]]
    assert trials == [f"tuning/{layers}-{number}" for layers in (1, 2) for number in range(3)]
    assert 'href="tuning/2-1/report.html"' in (study / "study.html").read_text()


def test_links_of_a_grid_are_relative_and_training_finishes_with_its_trials(tmp_path):
    for layers in (1, 2):
        for width in (32, 64):
            write_run(tmp_path / f"{layers}-{width}", make_report(layers=layers, **{"model.hidden_size": width}))
    found = write_study(Console(file=io.StringIO()), find_runs([tmp_path]), tmp_path)
    assert sorted(cell["runs"][0] for cell in found["grid"]["cells"]) == ["1-32", "1-64", "2-32", "2-64"]
    tuned = tmp_path / "tuned"
    write_run(tuned / "a", make_report())
    for number, rate in enumerate((0.004, 0.002)):
        write_run(tuned / "tuning" / str(number), make_report(seed=9 + number, **{"training.learning_rate": rate}))
    finish_study(tuned, [tuned / "a"], [])
    assert '"per_depth"' in (tuned / "study.json").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
@pytest.mark.parametrize("name", STUDIES)
def test_page_in_a_browser(browser: Browser, tmp_path, name, width, height):
    path = tmp_path / "study.html"
    path.write_text(page_of(name))
    assert browser.open(path, width=width, height=height) == [path.as_uri()]
    assert browser.ask("document.documentElement.scrollWidth") <= width
    for selector in ("h1", ".result", "#overfits", "#costs", "#answer"):
        assert 0 < browser.bottom(selector) <= height, selector
    size = "Math.min(...[...document.querySelectorAll('svg text')].map(each => each.getBoundingClientRect().height))"
    assert browser.ask(size) >= 8
