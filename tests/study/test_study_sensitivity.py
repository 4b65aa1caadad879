"""How sensitive depths are to settings drawn at random: expected best, spread, and the answer with its interval."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tests.study.folders import make_report, write_run
from textlstm.study.expected_best import SEVERAL, compare_gains, expected_best, gain
from textlstm.study.sensitivity import FEWEST_TRIALS
from textlstm.study.summary import JudgingSettings, summarize_folders

NAMES = ["training.learning_rate", "model.regularization_scale", "training.weight_decay"]


def settings_of(number):
    rng = np.random.default_rng(number)
    return dict(zip(NAMES, (10 ** rng.uniform(-3.5, -1.5), rng.uniform(0, 2), 10 ** rng.uniform(-4, -1)), strict=True))


def write_trials(folder, scores, **changes):
    """scores: by depth the validation accuracy of each trial."""
    for layers, row in scores.items():
        for number, score in enumerate(row):
            report = make_report(
                layers=layers, seed=50 + number, accuracy=0.5, validation=score, **settings_of(number), **changes
            )
            write_run(folder / f"layers-{layers}_trial-{number}", report)
    return folder


def summarize(folder, **options):
    return json.loads(json.dumps(summarize_folders([folder], **options), allow_nan=False))


def spread_out(width, count=16, seed=0):
    return list(0.9 - width * np.random.default_rng(seed).random(count))


# Expected best


@pytest.mark.parametrize("trials", [1, 2, 3])
def test_expected_best_is_the_mean_over_all_draws(trials):
    scores = np.array([0.7, 0.9, 0.6, 0.9])
    by_hand = np.mean([max(draw) for draw in product(scores, repeat=trials)])
    assert expected_best(scores, trials) == pytest.approx(by_hand)


def test_expected_best_grows_from_the_mean_to_the_best():
    scores = np.random.default_rng(1).random(12)
    curve = [float(expected_best(scores, n)) for n in range(1, 60)]
    assert curve[0] == pytest.approx(scores.mean())
    assert np.all(np.diff(curve) > 0)
    assert curve[-1] == pytest.approx(scores.max(), abs=0.01)
    both = expected_best(np.stack([scores, scores[::-1]]), 3)
    assert both[0] == both[1] == pytest.approx(float(expected_best(scores, 3)))


def test_a_gain_needs_scores_that_differ():
    assert gain(np.full(9, 0.7)) == pytest.approx(0)
    assert gain(np.array([0.0, 1.0])) == pytest.approx(1 - 0.5**SEVERAL - 0.5)


def test_pairing_by_trial_cancels_what_both_depths_share():
    first = np.random.default_rng(2).random(20)
    found = compare_gains(first, first - 0.3)
    assert (found["low"], found["high"]) == pytest.approx((0, 0), abs=1e-12)
    mixed = compare_gains(first, np.random.default_rng(3).permutation(first))
    assert mixed["difference"] == pytest.approx(0)
    assert mixed["high"] - mixed["low"] > 0.05
    assert compare_gains(first[:2], first[:2])["low"] is None


KINDS = {
    "twice as wide": lambda first, other: (0.8 + 0.02 * first, 0.8 + 0.04 * other),
    "equal": lambda first, other: (0.8 + 0.03 * first, 0.8 + 0.03 * other),
    "failures": lambda first, other: tuple(
        np.where(norm.cdf(z) < share, 0.5, 0.85 - 0.1 * (1 - norm.cdf(z)) ** 2)
        for z, share in ((first, 0.2), (other, 0.4))
    ),
}


@pytest.mark.parametrize(("trials", "least"), [(8, 0.85), (12, 0.87), (20, 0.9)])
@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold(kind, trials, least, monkeypatch):
    """As often as docs/study.md says, less what chance makes of 400 studies."""
    monkeypatch.setattr("textlstm.study.expected_best.DRAWS", 1000)
    rng = np.random.default_rng(4)

    def draw(count):
        shared = rng.normal(size=count)
        return KINDS[kind](*(0.8 * shared + 0.6 * rng.normal(size=count) for _ in range(2)))

    first, other = draw(1_000_000)
    true = gain(other) - gain(first)
    found = [compare_gains(*draw(trials)) for _ in range(400)]
    hits = [one["low"] <= true <= one["high"] for one in found]
    assert np.mean(hits) >= least - 0.04
    if kind == "equal":
        assert np.mean([one["low"] > 0 for one in found]) <= 0.05


# The study


def test_such_a_study_tells_sensitivity_and_recommends_no_depth(tmp_path):
    scores = {1: spread_out(0.02), 2: spread_out(0.1), 4: spread_out(0.3)}
    found = summarize(write_trials(tmp_path, scores))
    answer, part = found["recommendation"], found["sensitivity"]
    assert (answer["answer"], answer["layers"], answer["value"]) == ("undecided", None, None)
    assert "not which depth is best" in answer["reason"]
    assert "sweep=depth model.layers=1,2,4" in answer["reason"]
    assert (found["one_standard_error"]["layers"], found["grid"], found["tuning"]["mode"]) == (None, None, "none")
    assert part["names"] == NAMES
    assert "16 settings drawn at random" in found["notes"][0]
    assert not any("recipe for all" in note or "seeds" in note for note in found["notes"])
    for row, (layers, values) in zip(part["by_depth"], scores.items(), strict=True):
        assert (row["value"], row["trials"], len(row["runs"])) == (layers, 16, 16)
        assert row["mean"] == pytest.approx(np.mean(values))
        assert row["sd"] == pytest.approx(np.std(values, ddof=1))
        assert (row["min"], row["max"]) == (min(values), max(values))
        assert row["quartiles"] == pytest.approx(np.percentile(values, (25, 50, 75)))
        assert row["near_best"] == np.mean([max(values) - value <= 0.01 for value in values])
        assert row["best"]["settings"] == pytest.approx(settings_of(int(np.argmax(values))))
        assert row["expected_best"] == pytest.approx([float(expected_best(np.array(values), n)) for n in range(1, 17)])
        assert [trial["validation"] for trial in row["runs"]] == values
    assert part["answer"]["verdict"] == "harder"
    assert "So depth makes tuning harder" in part["answer"]["sentence"]
    last = part["by_depth"][2]["against_first"]
    assert 0 < last["low"] < last["difference"] < last["high"]
    assert last["difference"] == pytest.approx(gain(np.array(scores[4])) - gain(np.array(scores[1])))


def test_levels_of_such_a_study_claim_nothing_from_seeds(tmp_path):
    for level in summarize(write_trials(tmp_path, {1: spread_out(0.02), 2: spread_out(0.3)}))["depths"]:
        assert level["best"]["test"]["accuracy"]["from"] == "trials"
        assert (level["against_first"], level["against_best"], level["curves"]) == (None, None, None)
        assert level["overfitting"]["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("first", "last", "count", "verdict"),
    [
        (0.3, 0.02, 16, "easier"),
        (0.1, 0.1, 16, "undecided"),
        (0.02, 0.3, FEWEST_TRIALS, "harder"),
        (0.02, 0.3, FEWEST_TRIALS - 1, "undecided"),
    ],
)
def test_the_answer_follows_the_spread(tmp_path, first, last, count, verdict):
    scores = {1: spread_out(first, count, 5), 3: spread_out(last, count, 6)}
    answer = summarize(write_trials(tmp_path, scores))["sensitivity"]["answer"]
    assert answer["verdict"] == verdict
    assert ("make no claim" in answer["sentence"]) == (count < FEWEST_TRIALS)


def test_a_trial_missing_at_one_depth_is_left_out_of_the_pairs_alone(tmp_path):
    write_trials(tmp_path, {1: spread_out(0.1), 2: spread_out(0.2)})
    (tmp_path / "layers-2_trial-3" / "report.json").unlink()
    rows = summarize(tmp_path)["sensitivity"]["by_depth"]
    assert ([row["trials"] for row in rows], rows[1]["against_first"]["trials"]) == ([16, 15], 15)


def test_a_trial_with_several_seeds_is_their_mean(tmp_path):
    rows = {1: spread_out(0.1), 2: spread_out(0.2)}
    for layers, row in rows.items():
        for number, score in enumerate(row):
            for seed in (0, 1):
                shift = 0.01 * (seed - 0.5)
                report = make_report(layers=layers, seed=seed, validation=score + shift, **settings_of(number))
                write_run(tmp_path / f"{layers}-{number}-{seed}", report)
    found = summarize(tmp_path)
    part = found["sensitivity"]
    assert "16 settings drawn at random" in found["notes"][0]
    assert "each with 2 seeds" in found["notes"][0]
    for row, scores in zip(part["by_depth"], rows.values(), strict=True):
        assert sorted(trial["validation"] for trial in row["runs"]) == pytest.approx(sorted(scores))
        assert {tuple(trial["seeds"]) for trial in row["runs"]} == {(0, 1)}
        assert row["gain"] == pytest.approx(gain(np.array(scores)))


def test_one_depth_has_nothing_to_compare(tmp_path):
    part = summarize(write_trials(tmp_path, {2: spread_out(0.2)}))["sensitivity"]
    assert (part["answer"]["verdict"], len(part["by_depth"])) == ("undecided", 1)


def test_trials_that_learned_nothing_are_counted(tmp_path):
    """Of 100 texts in two classes 50 are right by chance, and up to 58 are not shown to be more."""
    scores = [0.5, 0.4, 0.58, 0.59, 0.8, 0.9, 0.7, 0.85]
    part = summarize(write_trials(tmp_path / "a", {1: scores}))["sensitivity"]
    assert part["by_depth"][0]["not_above_chance"] == 3 / 8
    # The most frequent class of the test texts, where these are at hand: here it has 80% of them.
    for number, score in enumerate(scores):
        report = make_report(seed=number, validation=score, **settings_of(number))
        folder = write_run(tmp_path / "b" / str(number), report, np.ones(20))
        frame = pd.read_parquet(folder / "predictions.parquet")
        frame["label"] = ["no"] * 16 + ["yes"] * 4
        frame.to_parquet(folder / "predictions.parquet", index=False)
    part = summarize(tmp_path / "b")["sensitivity"]
    assert part["by_depth"][0]["not_above_chance"] == 7 / 8


def test_the_metric_is_what_is_told(tmp_path):
    write_trials(tmp_path, {1: spread_out(0.1), 2: spread_out(0.2)})
    part = summarize(tmp_path, judging=JudgingSettings(metric="macro_f1"))["sensitivity"]
    assert part["metric"] == "macro_f1"
    assert part["by_depth"][0]["mean"] == pytest.approx(0.5)
