"""`python evaluate.py` scores what was trained, to the digit."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score, f1_score

from textlstm.predict import predict

SPLITS = ("train", "validation", "test")


# ---------------------------------------------------------------- the run's own data


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_gives_the_stored_digits(desk, finished, split):
    run = desk.copy(finished.folder)
    outcome = desk.evaluate(run, f"split={split}")
    report = desk.report(run / "evaluation" / split)
    assert report["splits"] == {split: finished.report["splits"][split]}
    assert "NOT" not in outcome.out
    assert re.search(r"^Reproduced", outcome.out, re.MULTILINE)
    assert outcome.err == ""


def test_test_is_the_split_that_is_scored(desk, finished):
    run = desk.copy(finished.folder)
    desk.evaluate(run)
    assert [path.name for path in (run / "evaluation").iterdir()] == ["test"]


def test_the_model_folder_stands_for_its_run(desk, finished):
    run = desk.copy(finished.folder)
    assert "Reproduced" in desk.evaluate(run / "model").out
    assert (run / "evaluation" / "test" / "report.json").exists()


def test_the_report_has_the_same_shape(desk, finished):
    run = desk.copy(finished.folder)
    desk.evaluate(run)
    report, trained = desk.report(run / "evaluation" / "test"), finished.report
    assert report.keys() <= trained.keys()
    assert {"splits", "model", "data", "seed", "config", "labels"} <= report.keys()
    for same in ("model", "seed", "labels"):
        assert report[same] == trained[same]
    assert report["config"]["model"] == trained["config"]["model"]
    assert report["splits"]["test"].keys() == trained["splits"]["test"].keys()
    assert (run / "evaluation" / "test" / "report.html").exists()


def test_the_tables_are_printed(desk, finished):
    run = desk.copy(finished.folder)
    out, scores = desk.evaluate(run).out, finished.report["splits"]["test"]
    (row,) = [line for line in out.splitlines() if re.match(r"\W+test\W", line) and f"{scores['loss']:.4f}" in line]
    assert f"{100 * scores['accuracy']:.2f}%" in row
    assert not [line for line in out.splitlines() if re.match(r"\W+(train|validation)\W.*%", line)]
    assert str(run / "evaluation" / "test" / "report.json") in out


def test_nothing_of_the_run_is_rewritten(desk, finished):
    run = desk.copy(finished.folder)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    desk.evaluate(run)
    desk.evaluate(run, "split=validation")
    assert {path: path.read_bytes() for path in before} == before
    new = {path.relative_to(run).parts[0] for path in run.rglob("*") if path.is_file() and path not in before}
    assert new == {"evaluation"}
    assert {path.name for path in desk.place.iterdir()} == {"copy"}, "something was written beside the run"


def test_changed_weights_are_noticed(desk, finished):
    run = desk.copy(finished.folder)
    path = run / "model" / "model.safetensors"
    weights = load_file(path)
    save_file({name: weight + 0.01 for name, weight in weights.items()}, path, metadata={"format": "pt"})
    outcome = desk.evaluate(run)
    assert "NOT" in outcome.out
    assert not re.search(r"^Reproduced", outcome.out, re.MULTILINE)


def test_changed_data_is_noticed(desk):
    run = desk.train().folder
    desk.csv("rows.csv", [(f"{text} changed", label) for text, label in desk.rows()])
    outcome = desk.evaluate(run)
    assert "NOT" in outcome.out
    assert not re.search(r"^Reproduced", outcome.out, re.MULTILINE)


def test_threads_are_those_of_the_run(desk, finished):
    run = desk.copy(finished.folder)
    torch.set_num_threads(2)
    desk.evaluate(run)
    assert torch.get_num_threads() == 1
    desk.evaluate(run, "threads=2")
    assert torch.get_num_threads() == 2


def test_a_run_may_move(desk, finished):
    run = desk.copy(finished.folder, "another place/this run")
    assert "Reproduced" in desk.evaluate(run).out
    assert (run / "evaluation" / "test" / "report.json").exists()


def test_a_run_without_its_report_is_scored_without_a_verdict(desk, finished):
    run = desk.copy(finished.folder)
    for content in (None, "{}", "{"):
        (run / "report.json").unlink(missing_ok=True)
        if content is not None:
            (run / "report.json").write_text(content)
        outcome = desk.evaluate(run)
        assert "eproduced" not in outcome.out
        assert desk.report(run / "evaluation" / "test")["splits"]["test"] == finished.report["splits"]["test"]


# ---------------------------------------------------------------- other data


def test_another_data_set_of_the_same_labels(desk, finished):
    run = desk.copy(finished.folder)
    rows = desk.rows(30, seed=5)
    desk.csv("other.csv", rows)
    outcome = desk.evaluate(run, "dataset=files", "dataset.test=other.csv")
    (folder,) = (run / "evaluation").iterdir()
    scores = desk.report(folder)["splits"]
    guesses = [next(iter(result)) for result in predict(str(run), [text for text, _ in rows])]
    labels = [label for _, label in rows]
    assert list(scores) == ["test"]
    assert scores["test"]["examples"] == 30
    assert scores["test"]["accuracy"] == accuracy_score(labels, guesses)
    assert scores["test"]["macro_f1"] == pytest.approx(f1_score(labels, guesses, average="macro"))
    assert "eproduced" not in outcome.out
    assert desk.report(folder)["config"]["dataset"]["test"] == "other.csv"


def test_two_data_sets_do_not_overwrite_each_other(desk, finished):
    run = desk.copy(finished.folder)
    for name, seed in (("a.csv", 1), ("b.csv", 2)):
        desk.csv(name, desk.rows(9, seed=seed))
        desk.evaluate(run, "dataset=files", f"dataset.test={name}")
    desk.evaluate(run)
    assert len(list((run / "evaluation").iterdir())) == 3


def test_columns_of_another_data_set(desk, finished):
    run = desk.copy(finished.folder)
    desk.csv("other.csv", desk.rows(9), header=["body", "topic"])
    desk.evaluate(
        run, "dataset=files", "dataset.test=other.csv", "dataset.text_column=body", "dataset.label_column=topic"
    )


def test_fewer_classes_are_enough_and_keep_their_numbers(desk, finished):
    run = desk.copy(finished.folder)
    rows = [row for row in desk.rows(60) if row[1] == "tech"]
    desk.csv("tech.csv", rows)
    desk.evaluate(run, "dataset=files", "dataset.test=tech.csv")
    (folder,) = (run / "evaluation").iterdir()
    report = desk.report(folder)
    guesses = [next(iter(result)) for result in predict(str(run), [text for text, _ in rows])]
    assert report["labels"] == ["food", "sport", "tech"]
    assert report["splits"]["test"]["accuracy"] == guesses.count("tech") / len(rows)


def test_a_folder_as_another_data_set(desk, finished):
    run = desk.copy(finished.folder)
    for number, (text, label) in enumerate(desk.rows(12)):
        desk.write(f"texts/test/{label}/{number}.txt", text)
        desk.write(f"texts/train/{label}/{number}.txt", text)
    desk.evaluate(run, "dataset=folder", "dataset.path=texts")
    (folder,) = (run / "evaluation").iterdir()
    assert desk.report(folder)["splits"]["test"]["examples"] == 12


def test_a_bare_model_folder_on_data_that_is_given(desk, finished, pages):
    bare = Path(shutil.copytree(finished.folder / "model", desk.place / "bare"))
    desk.csv("other.csv", desk.rows(30, seed=5))
    desk.evaluate(bare, "dataset=files", "dataset.test=other.csv")
    (report,) = [desk.report(folder) for folder in desk.finished_runs()]
    assert report["splits"]["test"]["examples"] == 30
    assert report["model"] == finished.report["model"]
    (page,) = bare.rglob("report.html")
    assert "None" not in page.read_text(encoding="utf-8")


def test_a_checkpoint_of_a_run_on_data_that_is_given(desk, finished):
    run = desk.copy(finished.folder)
    desk.csv("other.csv", desk.rows(9, seed=5))
    desk.evaluate(run / "checkpoints" / "checkpoint-6", "dataset=files", "dataset.test=other.csv")


# ---------------------------------------------------------------- real processes


def test_in_a_real_process(desk, finished):
    run = desk.copy(finished.folder)
    outcome = desk.python("evaluate.py", f"checkpoint={run}")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert re.search(r"^Reproduced", outcome.out, re.MULTILINE)
    assert desk.report(run / "evaluation" / "test")["splits"]["test"] == finished.report["splits"]["test"]
