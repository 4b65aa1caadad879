"""Studies whose depths were tuned each by itself: what was chosen, what it took, and that trials are in no score."""

import json

import numpy as np
import pytest

from tests.study.folders import make_report, write_run
from textlstm.study.summary import summarize_folders

RATE, DECAY = "training.learning_rate", "training.weight_decay"
RATES = [0.001, 0.002, 0.004, 0.008, 0.016, 0.003, 0.005, 0.006]
CHOSEN = {1: 4, 2: 2, 3: 0}
"""By depth the trial with the best validation score: the largest rate, one within, the smallest."""


def settings_of(number):
    return {RATE: RATES[number], DECAY: [0.1, 0.02, 0.05][number % 3] + number / 1000}


def write_tuned(folder, *, seeds=5):
    rng = np.random.default_rng(0)
    for layers, best in CHOSEN.items():
        for number in range(len(RATES)):
            score = 0.9 if number == best else 0.6 + 0.02 * rng.random()
            report = make_report(
                layers=layers, seed=1000 + number, accuracy=0.1, validation=score, **settings_of(number)
            )
            write_run(folder / "tuning" / f"layers-{layers}_trial-{number}", report)
        for seed in range(seeds):
            report = make_report(
                layers=layers, seed=seed, accuracy=0.8 + 0.02 * layers + 0.001 * rng.normal(), **settings_of(best)
            )
            write_run(folder / f"layers-{layers}_seed-{seed}", report)
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = write_tuned(tmp_path_factory.mktemp("tuned"))
    return json.loads(json.dumps(summarize_folders([folder]), allow_nan=False))


def test_what_was_chosen_and_what_it_took(found):
    tuning = found["tuning"]
    assert (tuning["mode"], tuning["trials"], tuning["seconds"]) == ("per_depth", 8, 8 * (10 + 20 + 30))
    for row, (layers, best) in zip(tuning["by_depth"], CHOSEN.items(), strict=True):
        assert (row["value"], row["chosen"], row["validation"]) == (layers, settings_of(best), 0.9)
        assert (row["trials"], row["seconds"]) == (8, 80 * layers)
        assert row["tried"][RATE] == sorted(RATES)


def test_chosen_values_at_an_edge_are_told(found):
    decays = [settings_of(number)[DECAY] for number in range(len(RATES))]
    for row in found["tuning"]["by_depth"]:
        expected = [RATE] if row["chosen"][RATE] in (min(RATES), max(RATES)) else []
        expected += [DECAY] if row["chosen"][DECAY] in (min(decays), max(decays)) else []
        assert row["at_edge"] == expected
    warnings = [note for note in found["notes"] if "better still" in note]
    assert len(warnings) == 1
    assert "at depth 1 the largest training.learning_rate (0.016)" in warnings[0]
    assert "at depth 3 the smallest training.learning_rate (0.001)" in warnings[0]
    assert "at depth 2" not in warnings[0]


def test_the_first_note_says_what_the_recipes_cost(found):
    assert found["notes"][0] == (
        "Each depth has its own recipe, chosen by validation among the same 8 trials: 8 x 3 trainings more, 8 min in all."
    )
    assert not any("changes along" in note for note in found["notes"])
    assert set(found["along"]) == {RATE, DECAY}


def test_trials_are_in_no_score(found):
    for level in found["depths"]:
        assert level["seeds"] == [0, 1, 2, 3, 4]
        assert level["best"]["test"]["accuracy"]["low"] > 0.8
    assert (found["recommendation"]["answer"], found["recommendation"]["layers"]) == ("depth", 3)
    assert found["factors"]["seed"] == [0, 1, 2, 3, 4]


def test_trials_tell_the_sensitivity_of_each_depth(found):
    part = found["sensitivity"]
    assert part["names"] == [RATE, DECAY]
    assert [(row["value"], row["trials"], row["max"]) for row in part["by_depth"]] == [(d, 8, 0.9) for d in CHOSEN]
    assert part["by_depth"][2]["best"]["settings"] == settings_of(0)


def test_without_trials_nothing_was_tuned(tmp_path):
    write_run(tmp_path / "a", make_report())
    found = summarize_folders([tmp_path])
    assert found["tuning"] == {"mode": "none", "trials": 0, "by_depth": [], "seconds": 0.0}
    assert found["sensitivity"] is None


def test_trials_of_a_depth_that_is_not_reported_are_left_out(tmp_path):
    write_tuned(tmp_path, seeds=2)
    for seed in range(2):
        (tmp_path / f"layers-2_seed-{seed}" / "report.json").unlink()
    found = summarize_folders([tmp_path])
    assert [row["value"] for row in found["tuning"]["by_depth"]] == [1, 3]
    assert [row["value"] for row in found["sensitivity"]["by_depth"]] == [1, 3]
