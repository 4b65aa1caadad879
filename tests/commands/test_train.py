"""`python train.py`: what a run does, writes and says, and that the files it writes agree."""

import gzip
import json
import math
import os
import re
import shlex
import signal
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import accuracy_score, f1_score, log_loss

import textlstm.door.run_folder
import textlstm.reports.report
from textlstm.network import load_checkpoint

SPLITS = ("train", "validation", "test")

# ---------------------------------------------------------------- the folder of a run


def test_a_run_leaves_these_files_and_no_others(finished):
    assert finished.folder.parent == finished.place / "runs" / "files"
    assert {path.name for path in finished.folder.iterdir()} == {
        ".hydra",
        "checkpoints",
        "environment.json",
        "history.jsonl",
        "model",
        "predictions.parquet",
        "report.html",
        "report.json",
    }
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        path.name for path in (finished.folder / "model").iterdir()
    }
    assert {path.name for path in (finished.folder / ".hydra").iterdir()} >= {"config.yaml", "overrides.yaml"}
    # 42 texts in batches of 8 are 6 updates an epoch, and each epoch leaves a checkpoint.
    assert {path.name for path in (finished.folder / "checkpoints").iterdir()} == {"checkpoint-6", "checkpoint-12"}


def test_the_folder_is_named_after_the_time(finished):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[0-9a-f]{6,}", finished.folder.name)


def test_the_report_is_written_last(finished):
    report = (finished.folder / "report.json").stat().st_mtime_ns
    assert all(path.stat().st_mtime_ns <= report for path in finished.folder.rglob("*") if path.is_file())


def test_a_clean_run_says_nothing_on_stderr(finished):
    assert finished.outcome.err == ""


def test_output_dir_moves_everything(desk):
    desk.train("output_dir=elsewhere/deep")
    assert {path.name for path in desk.place.iterdir()} == {"rows.csv", "elsewhere"}
    assert [run.parent for run in desk.finished_runs()] == [desk.place / "elsewhere" / "deep" / "files"]


def test_two_runs_in_one_second_do_not_share_a_folder(desk, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2030, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr(textlstm.door.run_folder, "datetime", Stopped)
    first, second = desk.train().folder, desk.train().folder
    assert first != second
    assert {first.name[:19], second.name[:19]} == {"2030-01-02_03-04-05"}
    assert len(desk.finished_runs()) == 2


def test_a_run_that_fails_at_its_end_leaves_no_report(desk, monkeypatch):
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(textlstm.reports.report, "render_page", stop)
    outcome = desk.run("train", *desk.quick())
    assert outcome.code == 130
    assert not desk.finished_runs()
    assert (outcome.folder / "predictions.parquet").exists()


# ---------------------------------------------------------------- report.json


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """Dotted name and value of everything that holds nothing else."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, f"{name}.{key}")]
    if isinstance(value, list):
        return [leaf for number, item in enumerate(value) for leaf in leaves(item, f"{name}[{number}]")]
    return [(name, value)]


DOCUMENTED = {
    **{f"splits.{split}.{key}": float for split in SPLITS for key in ("loss", "accuracy", "macro_f1")},
    **{f"splits.{split}.examples": int for split in SPLITS},
    **{f"generalization_gap.{key}": float for key in ("loss", "accuracy", "macro_f1")},
    **{f"baseline.linear.test.{key}": float for key in ("accuracy", "macro_f1")},
    "model.layers": int,
    "model.hidden_size": int,
    "model.parameters": int,
    "model.recurrence": str,
    "training.seconds": float,
    "training.epochs": (int, float),
    "training.best_epoch": (int, float),
    "training.tokens_per_second": float,
    "training.precision": str,
    "data.fingerprint": str,
    "data.duplicates_removed": int,
    "data.duplicates.given.inside.train.exact": int,
    "data.duplicates.used.inside.test.near": int,
    "data.duplicates.used.across": list,
    "data.duplicates.conflict_examples": list,
    "data.truncated_share": float,
    "data.truncated_tokens_share": float,
    "data.vocabulary_size": int,
    "data.unknown_rate": float,
    "seed": int,
    "config": dict,
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_report_has_every_documented_key(finished, name):
    value: Any = finished.report
    for part in name.split("."):
        value = value[part]
    assert isinstance(value, DOCUMENTED[name])
    assert not isinstance(value, bool)


def test_every_number_of_the_report_is_finite(desk, finished):
    report = desk.report(finished.folder)  # raises at the words NaN and Infinity
    assert all(math.isfinite(value) for _, value in leaves(report) if isinstance(value, float))


def test_scores_are_shares_and_examples_are_all_texts(finished):
    splits = finished.report["splits"]
    assert {name: split["examples"] for name, split in splits.items()} == {"train": 42, "validation": 6, "test": 12}
    for split in splits.values():
        assert 0 <= split["accuracy"] <= 1
        assert 0 <= split["macro_f1"] <= 1
        assert split["loss"] > 0
        assert split["accuracy"] * split["examples"] == pytest.approx(round(split["accuracy"] * split["examples"]))


def test_the_gap_is_the_difference_of_the_splits(finished):
    report = finished.report
    train, validation = report["splits"]["train"], report["splits"]["validation"]
    assert report["generalization_gap"] == {
        "loss": validation["loss"] - train["loss"],
        "accuracy": train["accuracy"] - validation["accuracy"],
        "macro_f1": train["macro_f1"] - validation["macro_f1"],
    }


def test_parameters_are_those_of_the_saved_weights(finished):
    weights = load_file(finished.folder / "model" / "model.safetensors")
    assert finished.report["model"]["parameters"] == sum(weight.size for weight in weights.values())


def test_the_report_holds_the_settings_of_the_run(finished):
    config = finished.report["config"]
    assert config["model"]["hidden_size"] == 8
    assert config["model"]["layers"] == finished.report["model"]["layers"] == 2
    assert config["training"]["batch_size"] == 8
    assert config["dataset"]["train"] == str(finished.place / "rows.csv")
    assert "_target_" not in json.dumps(config)
    assert finished.report["training"]["epochs"] == 2
    assert finished.report["training"]["precision"] == "fp32"


# ---------------------------------------------------------------- the other files agree with it


def test_predictions_give_the_reported_test_scores(finished):
    table = pd.read_parquet(finished.folder / "predictions.parquet")
    test, names = finished.report["splits"]["test"], finished.report["labels"]
    assert list(table.columns) == ["index", "label", "prediction", "probabilities", "in_train"]
    assert table["index"].tolist() == list(range(12))
    probabilities = np.stack(table["probabilities"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert [names[i] for i in probabilities.argmax(axis=1)] == table["prediction"].tolist()
    assert test["accuracy"] == accuracy_score(table["label"], table["prediction"])
    assert test["macro_f1"] == pytest.approx(f1_score(table["label"], table["prediction"], average="macro"), abs=1e-12)
    assert test["loss"] == pytest.approx(log_loss(table["label"], probabilities, labels=names), rel=1e-9)


def test_predictions_stand_in_the_order_of_the_test_file(desk):
    rows = desk.rows(9, seed=3)
    desk.csv("test.csv", rows)
    outcome = desk.train("dataset.test=test.csv")
    table = pd.read_parquet(outcome.folder / "predictions.parquet")
    assert table["label"].tolist() == [label for _, label in rows]


def test_history_has_a_row_an_epoch_and_agrees_with_the_report(finished):
    rows = [json.loads(line) for line in (finished.folder / "history.jsonl").read_text().splitlines()]
    assert rows == finished.report["history"]
    assert [row["step"] for row in rows] == [6, 12]
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        for split in ("train", "validation"):
            assert {"loss", "accuracy", "macro_f1"} <= row[split].keys()
        assert row["training_loss"] > 0
        assert row["learning_rate"] >= 0


def test_the_reported_scores_are_those_of_the_best_epoch(desk):
    outcome = desk.train("training.epochs=6", "training.learning_rate=0.02", "training.batch_size=4")
    report = desk.report(outcome.folder)
    scores = {row["epoch"]: row["validation"]["accuracy"] for row in report["history"]}
    assert report["splits"]["validation"]["accuracy"] == max(scores.values())
    assert scores[report["training"]["best_epoch"]] == max(scores.values())
    best = next(row for row in report["history"] if row["epoch"] == report["training"]["best_epoch"])
    assert report["splits"]["validation"]["loss"] == pytest.approx(best["validation"]["loss"], rel=1e-5)


def test_environment_tells_versions_hardware_and_data(desk, finished):
    environment = desk.json(finished.folder / "environment.json")
    assert {"python", "torch", "transformers", "datasets", "numpy"} <= environment["versions"].keys()
    assert environment["hardware"]["cores"] == os.cpu_count()
    assert environment["threads"] == 1
    assert environment["precision"] == "fp32"
    assert environment["data_fingerprint"] == finished.report["data"]["fingerprint"]
    assert environment["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", environment["commit"])


def test_the_page_needs_no_other_file(finished):
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "<svg" in page


# ---------------------------------------------------------------- the terminal


def test_progress_tells_epoch_loss_score_speed_and_time_left(finished):
    lines = [line for line in finished.outcome.out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    for line in lines:
        assert re.search(r"loss \d", line)
        assert re.search(r"validation", line)
        assert re.search(r"\d%", line)
        assert re.search(r"[\d,]+ tokens/s", line)
        assert "left" in line


def test_the_closing_table_has_every_split_the_gap_and_the_baseline(finished):
    out, report = finished.outcome.out, finished.report
    for split in SPLITS:
        scores = report["splits"][split]
        (row,) = [line for line in out.splitlines() if re.match(rf"\W+{split}\W", line) and "%" in line]
        assert f"{100 * scores['accuracy']:.2f}%" in row
        assert f"{100 * scores['macro_f1']:.2f}%" in row
        assert f"{scores['loss']:.4f}" in row
    (row,) = [line for line in out.splitlines() if re.match(r"\W+linear baseline, test", line)]
    assert f"{100 * report['baseline']['linear']['test']['accuracy']:.2f}%" in row
    assert "generalization gap" in out
    assert f"{report['model']['parameters']:,} parameters" in out


def test_the_last_lines_give_the_folder_the_report_and_the_next_command(finished):
    lines = finished.outcome.out.rstrip().splitlines()[-3:]
    assert lines[0].split()[-1] == str(finished.folder)
    assert Path(lines[1].split()[-1]) == finished.folder / "report.html"
    assert lines[2].startswith("next ")
    assert "evaluate.py" in lines[2]


@pytest.mark.parametrize("output_dir", ["runs", "my runs"])
def test_the_next_command_can_be_typed_as_it_stands(desk, output_dir):
    program, script, *arguments = shlex.split(desk.train(f"output_dir={output_dir}").line("next"))
    assert (program, script) == ("python", "evaluate.py")
    outcome = desk.run("evaluate", *arguments)
    assert outcome.code == 0, outcome.err
    assert "Reproduced" in outcome.out


# ---------------------------------------------------------------- the same again, and what a seed changes


def test_the_same_settings_give_the_same_bits(desk):
    first, second = desk.train().folder, desk.train().folder
    assert (first / "model/model.safetensors").read_bytes() == (second / "model/model.safetensors").read_bytes()
    assert desk.report(first)["splits"] == desk.report(second)["splits"]


def test_the_seed_changes_weights_and_never_the_split(desk):
    folders = [desk.train(f"seed={seed}").folder for seed in (0, 1)]
    first, second = map(desk.report, folders)
    assert first["data"]["fingerprint"] == second["data"]["fingerprint"]
    assert first["splits"] != second["splits"]
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    assert tables[0]["label"].tolist() == tables[1]["label"].tolist()


def test_the_split_seed_changes_the_split(desk):
    prints = {desk.report(desk.train(f"dataset.split_seed={n}").folder)["data"]["fingerprint"] for n in (0, 1)}
    assert len(prints) == 2


# ---------------------------------------------------------------- settings


def test_every_setting_of_the_specification_reaches_the_run(desk):
    given = {
        "training.epochs": 1,
        "training.batch_size": 16,
        "training.learning_rate": 0.01,
        "training.weight_decay": 0.1,
        "training.label_smoothing": 0.05,
        "training.max_grad_norm": 0.5,
        "training.patience": 3,
        "training.precision": "fp32",
        "training.device": "cpu",
        "training.threads": 1,
        "tokenizer.vocabulary_size": 25,
        "tokenizer.max_length": 4,
        "model.layers": 3,
        "model.hidden_size": 6,
        "model.pooling": "attention",
        "model.bidirectional": "false",
        "model.dropout": 0.25,
        "seed": 5,
    }
    outcome = desk.train(*(f"{name}={value}" for name, value in given.items()))
    report, network = desk.report(outcome.folder), desk.json(outcome.folder / "model" / "config.json")
    for name, value in given.items():
        found = report["config"]
        for part in name.split("."):
            found = found[part]
        assert found == {"false": False}.get(str(value), value)
    assert (report["model"]["layers"], report["model"]["hidden_size"], report["seed"]) == (3, 6, 5)
    assert report["data"]["truncated_share"] > 0
    assert report["data"]["truncated_tokens_share"] > 0
    assert report["data"]["unknown_rate"] > 0
    assert network["vocab_size"] == 25 + 2  # and padding and the unknown word
    assert (network["pooling"], network["bidirectional"], network["dropout"]) == ("attention", False, 0.25)


def test_a_width_for_each_layer(desk):
    report = desk.report(desk.train("model.layers=3", "model.hidden_size=[8,6,4]", "training.epochs=1").folder)
    assert report["model"]["hidden_size"] == [8, 6, 4]


def test_smoke_stops_after_twenty_updates_and_scores_every_text(desk):
    desk.csv("many.csv", desk.rows(300))
    quick = [override for override in desk.quick() if not override.startswith("training.epochs")]
    outcome = desk.run("train", *quick, "training=smoke", "dataset.train=many.csv")
    assert outcome.code == 0, outcome.err
    report = desk.report(outcome.folder)
    assert report["history"][-1]["step"] == 20
    assert [report["splits"][split]["examples"] for split in SPLITS] == [210, 30, 60]


@pytest.mark.parametrize("order", [["training=smoke", "training.epochs=3"], ["training.epochs=3", "training=smoke"]])
def test_explicit_epochs_win_over_smoke(desk, order):
    quick = [override for override in desk.quick() if not override.startswith("training.epochs")]
    outcome = desk.run("train", *quick, *order, "training.batch_size=4")
    assert outcome.code == 0, outcome.err
    assert desk.report(outcome.folder)["history"][-1]["step"] == 33


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.batch_size=1000", "model.hidden_size=1", "embedding.embedding_size=1", "tokenizer.max_length=1"],
        ["training.gradient_accumulation_steps=4", "training.batch_size=3", "training.schedule=cosine"],
        ["training.max_steps=1", "training.metric=macro_f1", "training.warmup=0"],
        ["training.epochs=null", "training.max_steps=3", "training.metric=loss", "seed=4294967295"],
    ],
)
def test_unusual_but_allowed_settings(desk, overrides):
    assert "Reproduced" in desk.evaluate(desk.train(*overrides).folder).out


TINY = {
    "one word a text": [(word, "ab"[i % 2]) for i, word in enumerate("one two three four five six seven".split() * 3)],
    "the same text": [("same text", "ab"[i % 2]) for i in range(20)],
    "punctuation alone": [("!?" + "." * i, "ab"[i % 2]) for i in range(20)],
    "every word once": [(f"w{i}", "ab"[i % 2]) for i in range(20)],
    "labels that look like nothing": [(f"w{i} x", ("nan", "None")[i % 2]) for i in range(20)],
    "labels over two lines": [(f"w{i}\nx", ("a\nb", 'c,d"e')[i % 2]) for i in range(20)],
}


@pytest.mark.parametrize("name", TINY)
def test_poor_data_is_no_reason_to_fail(desk, pages, name):
    """With corpus vectors and the linear baseline, both of which count words."""
    desk.csv("rows.csv", TINY[name])
    quick = [override for override in desk.quick() if not override.startswith(("embedding", "baseline", "tokenizer"))]
    copies = "dataset.deduplicate=" + ("none" if name == "the same text" else "exact")
    outcome = desk.run("train", *quick, "training.epochs=1", "embedding.embedding_size=8", copies)
    assert outcome.code == 0, outcome.err
    assert desk.report(outcome.folder)["labels"] == sorted({label for _, label in TINY[name]})


def test_patience_stops_a_training_that_no_longer_gets_better(desk):
    # So small that no weight changes: at 1e-9 the loss still falls in its last digits on some processors.
    outcome = desk.train("training.epochs=9", "training.patience=1", "training.learning_rate=1e-30")
    report = desk.report(outcome.folder)
    assert report["training"]["epochs"] == 2
    assert report["training"]["best_epoch"] == 1


def test_bf16_runs_on_a_cpu_and_is_scored_as_it_was_trained(desk):
    outcome = desk.train("training.precision=bf16")
    assert desk.report(outcome.folder)["training"]["precision"] == "bf16"
    assert "Reproduced" in desk.evaluate(outcome.folder).out


def test_no_baseline_where_none_is_wanted(desk):
    outcome = desk.train("baseline=none")
    assert desk.report(outcome.folder)["baseline"]["linear"] is None
    assert "linear baseline" not in outcome.out


# ---------------------------------------------------------------- data of one's own


def parquet(path: Path, rows: list[tuple[str, str]]) -> None:
    pd.DataFrame(rows, columns=["review", "stars"]).to_parquet(path)


def jsonl(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("".join(json.dumps({"id": 1, "review": text, "stars": label}) + "\n" for text, label in rows))


def tsv(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("stars\treview\n" + "".join(f"{label}\t{text}\n" for text, label in rows))


def test_every_kind_of_table_is_read_alike(desk):
    rows = {name: desk.rows(number, seed=number) for name, number in (("train", 30), ("validation", 12), ("test", 9))}
    for name in rows:
        desk.csv(f"{name}.csv", rows[name], header=["review", "stars"])
    tsv(desk.place / "train.tsv", rows["train"])
    jsonl(desk.place / "validation.jsonl", rows["validation"])
    parquet(desk.place / "test.parquet", rows["test"])
    columns = ["dataset.text_column=review", "dataset.label_column=stars", "training.epochs=1"]
    runs = []
    for endings in (["csv"] * 3, ["tsv", "jsonl", "parquet"]):
        files = [f"dataset.{name}={name}.{ending}" for name, ending in zip(rows, endings, strict=True)]
        runs.append(desk.report(desk.train(*files, *columns).folder))
    assert [runs[0]["splits"][split]["examples"] for split in SPLITS] == [30, 12, 9]
    assert runs[0]["data"]["fingerprint"] == runs[1]["data"]["fingerprint"]
    assert runs[0]["splits"] == runs[1]["splits"]


@pytest.mark.parametrize(
    ("given", "sizes"), [("validation", [48, 9, 12]), ("test", [54, 6, 9])], ids=["no test", "no validation"]
)
def test_a_missing_file_is_taken_from_train(desk, given, sizes):
    desk.csv("nine.csv", desk.rows(9, seed=9))
    outcome = desk.train(f"dataset.{given}=nine.csv")
    assert [desk.report(outcome.folder)["splits"][split]["examples"] for split in SPLITS] == sizes


def test_a_class_too_small_to_split_stays_in_train_with_a_warning(desk):
    desk.csv("rows.csv", [*desk.rows(), ("the only one", "rare")])
    outcome = desk.train()
    report = desk.report(outcome.folder)
    assert "rare" in report["labels"]
    assert any("rare" in warning for warning in report["data"]["warnings"])
    assert re.search(r"^warning .*rare", outcome.out, re.MULTILINE)
    assert "rare" not in set(pd.read_parquet(outcome.folder / "predictions.parquet")["label"])


def test_empty_texts_are_dropped_and_counted(desk, finished):
    desk.csv("rows.csv", [("", "sport"), *desk.rows(), (" \t ", "tech")])
    outcome = desk.train()
    report = desk.report(outcome.folder)
    assert report["data"]["empty_texts_dropped"] == 2
    assert report["data"]["fingerprint"] == finished.report["data"]["fingerprint"]
    assert re.search(r"\b2 empty", outcome.out)


def test_repeats_are_removed_before_the_split(desk, finished):
    rows = desk.rows()
    desk.csv("rows.csv", [*rows, *rows[:4]])
    outcome = desk.train()
    report = desk.report(outcome.folder)
    assert report["data"]["duplicates_removed"] == 4
    assert report["data"]["fingerprint"] == finished.report["data"]["fingerprint"]
    assert re.search(r"copies +as read: train 4 exact", outcome.out)
    assert re.search(r"copies +as used: none", outcome.out)


def test_repeats_that_stay_are_told_everywhere(desk, pages):
    rows = [*desk.rows(), ("two meanings of one text", "food"), ("two meanings of one text", "tech")]
    desk.csv("rows.csv", rows)
    desk.csv("test.csv", [("fresh words here", "sport"), *rows[:3], ("Two meanings  of one text", "tech")])
    outcome = desk.train("dataset.test=test.csv", "dataset.deduplicate=none")
    data = desk.report(outcome.folder)["data"]
    assert data["duplicates_removed"] == 0
    (read,) = data["duplicates"]["given"]["across"]
    assert (read["split"], read["other"], read["exact"], read["label_conflicts"]) == ("test", "train", 4, 1)
    assert read["rows"] == {"exact": [1, 2, 3, 4], "near": []}
    table = pd.read_parquet(outcome.folder / "predictions.parquet")
    used = {row["other"]: row for row in data["duplicates"]["used"]["across"] if row["split"] == "test"}
    assert np.flatnonzero(table["in_train"] == "exact").tolist() == used["train"]["rows"]["exact"]
    assert sum(row["exact"] for row in used.values()) >= 4
    assert "as read: train 1 exact, test in train 4 exact" in outcome.out
    assert "training text stands there with several labels: all rows are kept" in outcome.out
    page = (outcome.folder / "report.html").read_text()
    assert "test texts in train" in page
    assert "“two meanings of one text”: test tech (1); train food (1), tech (1)" in page


def test_vocabulary_comes_from_the_training_texts_alone(desk):
    desk.csv("val.csv", [("goal onlyinvalidation", "sport"), ("phone chip", "tech")])
    desk.csv("test.csv", [("goal onlyintest", "sport"), ("phone chip", "tech")])
    outcome = desk.train("dataset.validation=val.csv", "dataset.test=test.csv")
    vocabulary = desk.json(outcome.folder / "model" / "tokenizer.json")["model"]["vocab"]
    assert "number59" in vocabulary
    assert not {"onlyinvalidation", "onlyintest"} & vocabulary.keys()


def test_a_folder_a_class(desk):
    for number, (text, label) in enumerate(desk.rows()):
        desk.write(f"texts/{label}/{number}.txt", text)
    outcome = desk.run("train", *desk.quick()[:-2], "dataset=folder", "dataset.path=texts")
    assert outcome.code == 0, outcome.err
    assert outcome.folder.parent.name == "folder"
    report = desk.report(outcome.folder)
    assert report["labels"] == ["food", "sport", "tech"]
    assert [report["splits"][split]["examples"] for split in SPLITS] == [42, 6, 12]


@pytest.mark.parametrize(
    "names",
    [("ü日本.csv", "a b.csv", "a=b.csv"), ("it's.csv", "(1) #a.csv", "~tilde.csv"), ("{a}.csv", "[b].csv", "$c.csv")],
)
def test_paths_of_every_kind(desk, names):
    given = []
    for split, name in zip(SPLITS, names, strict=True):
        desk.csv(name, desk.rows(12, seed=len(given)))
        given.append(f"dataset.{split}={name}")
    config = desk.report(desk.train(*given, "training.epochs=1").folder)["config"]
    assert [config["dataset"][split] for split in SPLITS] == list(names)


def test_a_path_with_a_comma_in_quotes(desk):
    desk.csv("a,b.csv", desk.rows())
    desk.train("dataset.train='a,b.csv'", "training.epochs=1")


def test_texts_and_labels_that_look_like_markup_are_left_alone(desk, pages):
    desk.csv("rows.csv", [(f"[bold]{text}[/nix] <b>", f"[red]{label}[/x]") for text, label in desk.rows()])
    outcome = desk.train("training.epochs=1")
    assert desk.report(outcome.folder)["labels"] == ["[red]food[/x]", "[red]sport[/x]", "[red]tech[/x]"]
    assert "[red]sport[/x]" in (outcome.folder / "report.html").read_text(encoding="utf-8")


# ---------------------------------------------------------------- embeddings


def vectors(words: list[str], size: int = 5) -> str:
    random = np.random.default_rng(0)
    return "".join(f"{word} {' '.join(f'{x:.4f}' for x in random.normal(size=size))}\n" for word in words)


def glove(desk: Any, path: str, *overrides: str) -> Any:
    quick = [override for override in desk.quick() if not override.startswith("embedding")]
    outcome = desk.run("train", *quick, "embedding=glove", f"embedding.path={path}", *overrides)
    assert outcome.code == 0, outcome.err
    return outcome


def test_glove_plain_gz_and_zip_are_the_same_vectors(desk):
    text = vectors(["the", "of", "goal", "team", "phone", "bread"])
    desk.write("v.txt", text)
    desk.write("v.txt.gz", gzip.compress(text.encode()))
    with zipfile.ZipFile(desk.place / "v.zip", "w") as archive:
        archive.writestr("v.txt", text)
    folders = [glove(desk, path).folder for path in ("v.txt", "v.txt.gz", "v.zip")]
    plain, *others = [(folder / "model/model.safetensors").read_bytes() for folder in folders]
    assert others == [plain, plain]
    assert desk.json(folders[0] / "model" / "config.json")["embedding_size"] == 5


def test_glove_vectors_stand_in_the_frozen_table_and_coverage_is_counted(desk):
    rows = desk.rows()
    desk.write("v.txt", vectors(["the", "goal", "phone"]))
    for name in ("validation.csv", "test.csv"):
        desk.csv(name, [("goal soup", "sport"), ("phone", "tech"), ("soup", "food")])
    outcome = glove(
        desk, "v.txt", "embedding.trainable=false", "dataset.validation=validation.csv", "dataset.test=test.csv"
    )
    vocabulary = desk.json(outcome.folder / "model" / "tokenizer.json")["model"]["vocab"]
    model, _ = load_checkpoint(outcome.folder / "model")
    table = model.get_input_embeddings().weight.detach().numpy()
    for line in vectors(["the", "goal", "phone"]).splitlines():
        word, *numbers = line.split()
        np.testing.assert_allclose(table[vocabulary[word]], np.array(numbers, float), rtol=1e-6)
    words = [word for text, _ in rows for word in text.split()]
    expected = {
        "vocabulary": 3 / len({*words, "the"}),
        "running_tokens": sum(word in ("goal", "phone") for word in words) / len(words),
    }
    assert desk.report(outcome.folder)["data"]["coverage"] == pytest.approx(expected)
    assert f"{100 * expected['vocabulary']:.1f}%" in outcome.line("vectors")
    assert f"{100 * expected['running_tokens']:.1f}%" in outcome.line("vectors")


def test_words_of_the_file_join_the_vocabulary_by_their_place_in_the_file_alone(desk):
    desk.write("v.txt", vectors(["the", "of", "rareword"]))
    for name in ("validation.csv", "test.csv"):
        desk.csv(name, [("rareword goal", "sport"), ("rareword chip", "tech"), ("rareword", "food")])
    outcome = glove(
        desk, "v.txt", "embedding.extra_words=2", "dataset.validation=validation.csv", "dataset.test=test.csv"
    )
    vocabulary = desk.json(outcome.folder / "model" / "tokenizer.json")["model"]["vocab"]
    assert {"the", "of"} <= vocabulary.keys()
    assert "rareword" not in vocabulary


def test_corpus_vectors_are_the_default(desk):
    quick = [override for override in desk.quick() if not override.startswith("embedding")]
    outcome = desk.run("train", *quick)
    assert outcome.code == 0, outcome.err
    report = desk.report(outcome.folder)
    assert report["config"]["embedding"]["name"] == "corpus"
    assert 0 < report["data"]["coverage"]["running_tokens"] <= 1


def test_random_vectors_have_no_coverage(finished):
    assert finished.report["data"]["coverage"] is None


# ---------------------------------------------------------------- real processes


def test_a_hang_up_stops_like_ctrl_c(desk, monkeypatch):
    monkeypatch.setattr(textlstm.reports.report, "render_page", lambda *_: signal.raise_signal(signal.SIGTERM))
    outcome = desk.run("train", *desk.quick())
    assert outcome.code == 130
    assert f"resume={outcome.folder}" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.slow
def test_the_default_data_in_a_smoke_run(desk):
    """`python train.py training=smoke`, the first thing that anyone types."""
    outcome = desk.python("train.py", "training=smoke", "training.threads=1", f"output_dir={desk.place / 'runs'}")
    assert outcome.code == 0, outcome.err
    report = desk.report(outcome.folder)
    assert outcome.folder.parent.name == "bbc_news"
    assert report["labels"] == ["business", "entertainment", "politics", "sports", "tech"]
    assert report["history"][-1]["step"] == 20
    assert report["data"]["duplicates_removed"] > 0
    sizes = np.array([report["splits"][split]["examples"] for split in SPLITS])
    assert sizes.sum() == 2225 - report["data"]["duplicates_removed"]
    np.testing.assert_allclose(sizes / sizes.sum(), [0.7, 0.1, 0.2], atol=0.001)
    assert report["baseline"]["linear"]["test"]["accuracy"] > 0.96
    assert outcome.err == ""
