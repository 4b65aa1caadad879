"""`study.json` from run folders: its shape, and what it says of studies with a known answer."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.study.folders import make_report, write_run, write_study
from textlstm.errors import UserError
from textlstm.study.runs import read_run
from textlstm.study.summary import JudgingSettings, summarize_folders

KEYS = {
    *(
        "study",
        "created",
        "textlstm_version",
        "commits",
        "dataset",
        "labels",
        "problem_type",
        "factor",
        "factors",
        "along",
        "tuning",
    ),
    *(
        "metric",
        "notes",
        "recommendation",
        "one_standard_error",
        "thresholds",
        "depths",
        "examples",
        "settings",
        "failed",
        "grid",
        "sensitivity",
        "baseline",
        "encoder_baseline",
        "machine",
        "texts",
    ),
}
LEVEL_KEYS = {
    *("value", "layers", "hidden_size", "runs", "seeds", "split_seeds", "parameters", "stack_parameters"),
    "operations_per_token",
    *("training_seconds", "latency_ms", "best_epoch", "best", "last", "generalization_gap", "overfitting"),
    *("against_first", "against_best", "curves"),
}


def summarize(folder, **options):
    found = summarize_folders([folder], **options)
    return json.loads(json.dumps(found, allow_nan=False))


def test_a_study_with_a_clear_answer(tmp_path):
    found = summarize(write_study(tmp_path / "s", {1: 0.80, 2: 0.85, 3: 0.85}), name="s")
    assert set(found) == KEYS
    assert all(set(level) == LEVEL_KEYS for level in found["depths"])
    assert found["recommendation"]["answer"] == "depth"
    assert (found["recommendation"]["layers"], found["recommendation"]["value"]) == (2, 2)
    assert found["factors"] == {"model.layers": [1, 2, 3], "seed": [0, 1, 2, 3, 4]}
    second = found["depths"][1]
    reports = [read_run(tmp_path / "s" / f"layers-2_seed-{seed}") for seed in range(5)]
    test = second["best"]["test"]["accuracy"]
    assert test["by_seed"] == [run.best["test"]["accuracy"] for run in reports]
    assert test["mean"] == pytest.approx(np.mean(test["by_seed"]))
    assert test["from"] == "seeds"
    assert second["against_first"]["low"] > 0.03
    assert second["generalization_gap"]["best"]["loss"]["mean"] == pytest.approx(0.2)
    assert (second["parameters"], second["training_seconds"], second["latency_ms"], second["last"]) == (
        2000,
        20,
        None,
        None,
    )
    assert found["examples"] is None
    assert any("15 of 15 runs have no predictions" in note for note in found["notes"])
    assert found["notes"][0] == "One recipe for all depths: it favours the depth that it was made for."


def test_predictions_bring_the_examples_in(tmp_path):
    found = summarize(write_study(tmp_path / "s", {1: 0.7, 2: 0.9}, predictions=True, scatter=0.01))
    test = found["depths"][0]["best"]["test"]
    assert test["accuracy"]["from"] == test["macro_f1"]["from"] == test["loss"]["from"] == "seeds and examples"
    seeds_alone = summarize(write_study(tmp_path / "t", {1: 0.7, 2: 0.9}, scatter=0.01))["depths"][0]["best"]["test"]
    width = [each["accuracy"]["high"] - each["accuracy"]["low"] for each in (test, seeds_alone)]
    assert width[0] > width[1]
    assert test["loss"]["mean"] == pytest.approx(-np.log(0.1) + test["accuracy"]["mean"] * np.log(1 / 9))
    run = read_run(tmp_path / "s" / "layers-1_seed-0").predictions
    assert found["examples"]["compared"] == [1, 2]
    counts = found["examples"]["counts"]
    assert counts["fixed"] > 40 > counts["broken"]
    assert sum(counts.values()) == 400
    assert len(found["examples"]["fixed"]) == 20
    assert all(row["best"] > 0.5 > row["first"] for row in found["examples"]["fixed"])
    assert 0 < f1_score(run.labels, run.predicted, average="macro") < 1
    assert found["recommendation"]["answer"] == "depth"


def test_one_missing_file_of_predictions_is_said(tmp_path):
    folder = write_study(tmp_path / "s", {1: 0.7, 2: 0.9}, seeds=2, predictions=True)
    (folder / "layers-2_seed-1" / "predictions.parquet").unlink()
    found = summarize(folder)
    assert "1 of 4 runs have no predictions: intervals come from seeds alone." in found["notes"]
    assert found["depths"][0]["best"]["test"]["accuracy"]["from"] == "seeds"


def test_predictions_of_other_weights_are_not_used(tmp_path):
    folder = write_study(tmp_path / "s", {1: 0.7, 2: 0.9}, seeds=2, predictions=True)
    path = folder / "layers-1_seed-0" / "report.json"
    report = json.loads(path.read_text())
    report["splits"]["test"]["accuracy"] -= 0.05
    path.write_text(json.dumps(report))
    assert any("layers-1_seed-0 do not give the accuracy" in note for note in summarize(folder)["notes"])


def test_a_single_run_is_a_study_without_claims(tmp_path):
    found = summarize(write_study(tmp_path / "s", {2: 0.8}, seeds=1))
    assert (found["recommendation"]["answer"], found["recommendation"]["layers"]) == ("undecided", None)
    level = found["depths"][0]
    assert (level["against_first"], level["against_best"]) == (None, None)
    assert level["best"]["test"]["accuracy"]["low"] is None


def test_unequal_numbers_of_seeds_are_judged_and_said(tmp_path):
    folder = write_study(tmp_path / "s", {1: 0.80, 2: 0.85}, seeds=6)
    for name in ("report.json",):
        (folder / "layers-2_seed-5" / name).unlink()
    found = summarize(folder, failed=[{"run": "layers-2_seed-5", "error": "killed"}])
    assert "Levels have 5 to 6 runs each." in found["notes"]
    assert "1 run failed and is missing: layers-2_seed-5." in found["notes"]
    assert (found["recommendation"]["answer"], found["recommendation"]["seeds"]) == ("depth", 5)


def test_the_same_run_twice_is_no_second_seed(tmp_path):
    write_study(tmp_path / "a", {1: 0.8, 2: 0.85}, seeds=2)
    write_study(tmp_path / "b", {1: 0.8, 2: 0.85}, seeds=3)
    found = summarize_folders([tmp_path / "a", tmp_path / "b"])
    assert [level["seeds"] for level in found["depths"]] == [[0, 1, 2]] * 2
    assert any("4 runs with the same settings and seed" in note for note in found["notes"])


def test_another_factor_than_depth(tmp_path):
    for scale in (0.0, 1.0):
        for seed in range(5):
            report = make_report(
                seed=seed, accuracy=0.8 + 0.05 * scale + 0.001 * seed, **{"model.regularization_scale": scale}
            )
            write_run(tmp_path / f"{scale}-{seed}", report)
    found = summarize(tmp_path)
    assert found["factor"] == "model.regularization_scale"
    assert (found["recommendation"]["layers"], found["recommendation"]["value"]) == (None, 1.0)
    assert "model.regularization_scale=1.0 is better" in found["recommendation"]["reason"]
    assert [level["value"] for level in found["depths"]] == [0.0, 1.0]
    assert all(level["overfitting"]["against_shallower"] is None for level in found["depths"])
    assert "shallower" not in found["recommendation"]["reason"]


def test_splits_are_blocks(tmp_path):
    """Splits differ by 10 points, depths by 2: within splits that is plain."""
    rng = np.random.default_rng(0)
    for layers in (1, 2):
        for split in range(5):
            for seed in range(2):
                accuracy = 0.7 + 0.025 * split + 0.03 * (layers - 1) + 0.002 * rng.normal()
                report = make_report(layers=layers, seed=seed, accuracy=accuracy, **{"dataset.split_seed": split})
                write_run(tmp_path / f"{layers}-{split}-{seed}", report | {"data": {"fingerprint": str(split)}})
    found = summarize(tmp_path)
    assert found["factors"]["dataset.split_seed"] == [0, 1, 2, 3, 4]
    assert found["recommendation"]["layers"] == 2
    assert found["depths"][1]["against_first"]["low"] > 0.02
    interval = found["depths"][0]["best"]["test"]["accuracy"]
    assert interval["df"] == 4
    assert interval["high"] - interval["low"] > 0.08
    (tmp_path / "1-0-0" / "report.json").unlink()
    (tmp_path / "1-0-1" / "report.json").unlink()
    with pytest.raises(UserError, match=r"dataset\.split_seed"):
        summarize(tmp_path)


def test_mixed_code_is_said_and_commits_are_listed(tmp_path):
    for seed, commit in enumerate(["a" * 40, "b" * 40]):
        write_run(tmp_path / str(seed), make_report(seed=seed) | {"commit": commit})
    found = summarize(tmp_path)
    assert found["commits"] == ["a" * 40, "b" * 40]
    assert any("2 versions of the code (aaaaaaaaaa, bbbbbbbbbb)" in note for note in found["notes"])


def test_what_is_judged_can_be_set(tmp_path):
    folder = write_study(tmp_path / "s", {1: 0.80, 2: 0.802}, scatter=0.0005)
    assert summarize(folder)["recommendation"]["answer"] == "equivalent"
    strict = summarize(folder, judging=JudgingSettings(margin=0.001, metric="macro_f1"))
    assert (strict["recommendation"]["answer"], strict["recommendation"]["margin"], strict["metric"]) == (
        "depth",
        0.001,
        "macro_f1",
    )


def test_curves_are_means_over_seeds(tmp_path):
    curves = summarize(write_study(tmp_path / "s", {1: 0.8}, seeds=3))["depths"][0]["curves"]
    assert curves["epochs"] == [1, 2, 3]
    assert curves["train"]["loss"]["mean"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert curves["train"]["loss"]["low"] == pytest.approx([1, 1 / 2, 1 / 3])
    band = curves["validation"]["accuracy"]
    assert band["low"][0] < band["mean"][0] < band["high"][0]
