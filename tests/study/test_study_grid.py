"""Grids of two settings: one slice chosen by validation, every cell kept, edges and equal sizes told."""

import json
from itertools import product

import numpy as np
import pytest
from scipy.stats import t as student

from tests.study.folders import make_report, write_run
from textlstm.study.summary import JudgingSettings, summarize_folders

WIDTH, RATE = "model.hidden_size", "training.learning_rate"


def write_grid(folder, scores, *, second=WIDTH, seeds=5, scatter=0.002, predictions=False, sizes=None, along=None):
    """scores: by (depth, second value) the mean of both held-out splits, or a pair of validation and test."""
    rng = np.random.default_rng(0)
    ease = rng.random(400)
    for (layers, value), score in scores.items():
        validation, test = score if isinstance(score, tuple) else (score, score)
        for seed in range(seeds):
            noise = scatter * rng.normal()
            settings = {second: value} | (along(layers, value) if along else {})
            report = make_report(
                layers=layers, seed=seed, accuracy=test + noise, validation=validation + noise, **settings
            )
            stack = sizes[layers, value] if sizes else 900
            report["model"] |= {"parameters_by_part": {"stack": stack}, "operations_per_token": 2 * stack}
            right = (ease < test + noise) if predictions else None
            write_run(folder / f"{layers}-{value}-{seed}", report, right)
    return folder


def summarize(folder, **options):
    return json.loads(json.dumps(summarize_folders([folder], **options), allow_nan=False))


SCORES = {(1, 32): 0.80, (2, 32): 0.80, (3, 32): 0.80, (1, 128): 0.82, (2, 128): 0.88, (3, 128): 0.88}


def test_a_grid_is_told_at_the_value_that_validation_chose(tmp_path):
    found = summarize(write_grid(tmp_path, SCORES))
    grid = found["grid"]
    assert (grid["factor"], grid["values"], grid["second"], grid["second_values"]) == (
        "model.layers",
        [1, 2, 3],
        WIDTH,
        [32, 128],
    )
    assert grid["chosen"] == 128
    assert (found["recommendation"]["answer"], found["recommendation"]["layers"]) == ("depth", 2)
    assert "model.hidden_size=128, which validation chose" in found["recommendation"]["reason"]
    assert any("model.hidden_size=128, which validation chose among 2 values" in note for note in found["notes"])
    assert [level["value"] for level in found["depths"]] == [1, 2, 3]
    assert all(len(level["runs"]) == 5 and "-128-" in level["runs"][0] for level in found["depths"])
    assert (found["settings"][WIDTH], found["along"]) == (128, {})
    assert found["factors"] == {"model.layers": [1, 2, 3], WIDTH: [32, 128], "seed": [0, 1, 2, 3, 4]}
    answers = {row["value"]: row["recommendation"] for row in grid["answers"]}
    assert (answers[128]["answer"], answers[128]["layers"]) == ("depth", 2)
    assert answers[32]["answer"] != "depth"


def test_the_test_split_has_no_part_in_the_choice(tmp_path):
    scores = {(d, w): (0.9 if w == 32 else 0.8, 0.6 if w == 32 else 0.95) for d, w in product((1, 2), (32, 64))}
    assert summarize(write_grid(tmp_path, scores))["grid"]["chosen"] == 32


def test_cells_hold_what_their_runs_say(tmp_path):
    sizes = {(d, w): 10 * d * w for d, w in SCORES}
    found = summarize(write_grid(tmp_path, SCORES, sizes=sizes))
    cells = {(cell["value"], cell["second"]): cell for cell in found["grid"]["cells"]}
    assert set(cells) == set(SCORES)
    for (layers, width), cell in cells.items():
        reports = [json.loads((tmp_path / f"{layers}-{width}-{s}" / "report.json").read_text()) for s in range(5)]
        for split in ("validation", "test"):
            values = [report["splits"][split]["accuracy"] for report in reports]
            half = student.ppf(0.975, 4) * np.std(values, ddof=1) / np.sqrt(5)
            assert cell[split]["mean"] == pytest.approx(np.mean(values))
            assert cell[split]["high"] - cell[split]["low"] == pytest.approx(2 * half)
        assert (cell["seeds"], cell["parameters"]) == ([0, 1, 2, 3, 4], 1000 * layers)
        assert (cell["stack_parameters"], cell["operations_per_token"]) == (10 * layers * width, 20 * layers * width)
        assert (cell["training_seconds"], cell["latency_ms"]) == (10 * layers, None)
    # The chosen slice and its levels are the same runs.
    for level in found["depths"]:
        assert level["best"]["test"]["accuracy"] == cells[level["value"], 128]["test"]


def test_intervals_of_cells_are_over_examples_too_where_predictions_are(tmp_path):
    found = summarize(write_grid(tmp_path, SCORES, predictions=True))
    assert {cell["test"]["from"] for cell in found["grid"]["cells"]} == {"seeds and examples"}


def test_a_missing_run_and_a_missing_cell_break_nothing(tmp_path):
    write_grid(tmp_path, SCORES)
    for name in ["1-32-0", *(f"3-128-{seed}" for seed in range(5)), *(f"2-32-{seed}" for seed in range(5))]:
        (tmp_path / name / "report.json").unlink()
    found = summarize(tmp_path)
    cells = {(cell["value"], cell["second"]): len(cell["seeds"]) for cell in found["grid"]["cells"]}
    assert cells == {(1, 32): 4, (3, 32): 5, (1, 128): 5, (2, 128): 5}
    assert [level["value"] for level in found["depths"]] == [1, 2]
    assert found["recommendation"]["layers"] == 2


def test_the_metric_chooses_the_slice(tmp_path):
    write_grid(tmp_path, {(d, w): 0.8 + w / 1000 for d, w in product((1, 2), (32, 64))}, scatter=0)
    for path in tmp_path.glob("*/report.json"):
        report = json.loads(path.read_text())
        report["splits"]["validation"]["macro_f1"] = 0.9 - report["config"]["model"]["hidden_size"] / 1000
        path.write_text(json.dumps(report))
    assert summarize(tmp_path)["grid"]["chosen"] == 64
    assert summarize(tmp_path, judging=JudgingSettings(metric="macro_f1"))["grid"]["chosen"] == 32


def test_presets_crossed_with_depth_go_along_as_one(tmp_path):
    rates = {"awd": 0.3, "none": 0.0}
    scores = {(d, name): 0.8 + rates[name] / 10 for d, name in product((1, 2), rates)}
    found = summarize(
        write_grid(tmp_path, scores, second="regularization", along=lambda _, name: {"model.dropout": rates[name]})
    )
    assert (found["grid"]["second"], found["grid"]["second_along"]) == ("regularization", ["model.dropout"])
    assert (found["grid"]["chosen"], found["settings"]["model.dropout"]) == ("awd", 0.3)
    assert found["grid"]["equal_parameters"] == []


# Equal sizes


def test_cells_of_one_size_are_compared_along_the_line(tmp_path):
    sizes = {(1, 32): 1000, (2, 32): 2000, (1, 64): 2100, (2, 64): 4000, (1, 96): 4350, (2, 96): 9000}
    scores = dict.fromkeys(sizes, 0.8) | {(2, 32): 0.85}
    groups = summarize(write_grid(tmp_path, scores, sizes=sizes))["grid"]["equal_parameters"]
    named = [[(cell["value"], cell["second"], cell["stack_parameters"]) for cell in group["cells"]] for group in groups]
    assert named == [[(1, 64, 2100), (2, 32, 2000)], [(1, 96, 4350), (2, 64, 4000)]]
    first = groups[0]["against_first"][1]
    assert groups[0]["against_first"][0] is None
    assert first["difference"] == pytest.approx(groups[0]["test"][1] - groups[0]["test"][0])
    assert 0.03 < first["low"] < first["difference"] < first["high"]
    assert groups[1]["against_first"][1]["low"] < 0 < groups[1]["against_first"][1]["high"]


@pytest.mark.parametrize(
    ("sizes", "operations", "words"),
    [
        ((1000, 1013), (5, 9), "Depths are compared at equal parameters (within 1.3%)."),
        ((1000, 1300), (500, 508), "Depths are compared at equal operations per token (within 1.6%)."),
        ((1000, 1030), (500, 520), None),
        ((1000, 1030), (None, None), None),
    ],
)
def test_widths_that_make_depths_equal_are_told(tmp_path, sizes, operations, words):
    for layers, stack, count in zip((1, 2), sizes, operations, strict=True):
        for seed in range(2):
            report = make_report(layers=layers, seed=seed, **{WIDTH: 100 // layers})
            report["model"] |= {"parameters_by_part": {"stack": stack}, "operations_per_token": count}
            write_run(tmp_path / f"{layers}-{seed}", report)
    assert [note for note in summarize(tmp_path)["notes"] if "equal" in note] == ([words] if words else [])


# Edges


def rates(best):
    """Scores by depth and learning rate; `best` has the best rate of each depth."""
    return {
        (d, rate): 0.9 - 0.1 * abs(np.log(rate / best[d])) for d, rate in product(best, (0.001, 0.002, 0.004, 0.008))
    }


def test_the_best_rate_at_an_edge_of_the_grid_is_told(tmp_path):
    found = summarize(write_grid(tmp_path, rates({1: 0.002, 2: 0.008, 4: 0.001}), second=RATE, scatter=0))
    assert [note for note in found["notes"] if "better still" in note] == [
        "At depth 2 the best learning rate of this grid is its largest (0.008): a larger one may be better still.",
        "At depth 4 the best learning rate of this grid is its smallest (0.001): a smaller one may be better still.",
    ]


def test_two_rates_have_no_edges_to_speak_of_and_widths_have_none(tmp_path):
    scores = {(d, rate): 0.8 + rate for d, rate in product((1, 2), (0.001, 0.004))}
    assert not [note for note in summarize(write_grid(tmp_path / "a", scores, second=RATE))["notes"] if "still" in note]
    wide = {(d, w): 0.8 + w / 1000 for d, w in product((1, 2), (32, 64, 128))}
    assert not [note for note in summarize(write_grid(tmp_path / "b", wide))["notes"] if "still" in note]
