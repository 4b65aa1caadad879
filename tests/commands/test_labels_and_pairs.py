"""Several labels a text, pairs of texts, and balanced classes: every command once through, and what is refused."""

import json
import random
import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from textlstm.predict import predict

WORDS = {
    "sport": "goal team match player".split(),
    "tech": "phone chip network screen".split(),
    "food": "bread soup".split(),
}
JSONL = ["dataset=files", "tokenizer.minimum_count=1"]


def write_sets(desk, name="sets.jsonl", number=80):
    draw = random.Random(0)
    lines = []
    for i in range(number):
        labels = draw.sample(list(WORDS), draw.choice([0, 1, 1, 2]))
        text = " ".join([*(w for label in labels for w in draw.choices(WORDS[label], k=3)), f"number{i}"])
        lines.append(json.dumps({"text": text, "label": labels}))
    return desk.write(name, "\n".join(lines))


def write_pairs(desk, number=80):
    draw = random.Random(0)
    rows = []
    for i in range(number):
        one, other = draw.choice(list(WORDS)), draw.choice(list(WORDS))
        first, second = (" ".join(draw.choices(WORDS[name], k=3)) for name in (one, other))
        rows.append((f"{first} number{i}", second, "same" if one == other else "other"))
    return desk.csv("pairs.csv", rows, ("text", "second", "label"))


def written(page):
    """What a page says, without its settings and the names of its parts."""
    page = re.sub(r'<section id="settings".*?</section>', "", page, flags=re.DOTALL)
    return re.sub(r'(id|href|xlink:href)="[^"]*"|url\([^)]*\)|#[\w-]*|<!--.*?-->', "", page)


def test_several_labels_through_every_command(desk, pages):
    path = write_sets(desk)
    run = desk.train(
        f"dataset.train={path}", "baseline=linear", "training.metric=micro_f1", "training.class_weight=balanced"
    )
    assert "subset accuracy" in run.out
    assert not re.search(r"(?<!subset )accuracy", run.out)
    assert "Lowest F1 by class: " in run.out
    report = desk.report(run.folder)
    assert report["problem_type"] == "multi_label_classification"
    assert set(report["generalization_gap"]) == {"loss", "accuracy", "macro_f1", "micro_f1"}
    assert set(report["baseline"]["linear"]["test"]) == {"accuracy", "macro_f1", "micro_f1"}
    assert "confusion" not in report["diagnostics"]["test"]
    page = (run.folder / "report.html").read_text()
    assert "Subset accuracy" in page
    assert "Confusion matrix" not in page
    assert not re.search(r"(?<!subset )accuracy", written(page), re.IGNORECASE)
    assert "probability of the predicted class" not in page
    # The stored predictions and thresholds give the report's score.
    thresholds = desk.json(run.folder / "model" / "config.json")["thresholds"]
    assert [row["threshold"] for row in report["diagnostics"]["test"]["per_class"]] == thresholds
    frame = pd.read_parquet(run.folder / "predictions.parquet")
    names = np.array(report["labels"])
    sets = [names[np.array(row) >= thresholds].tolist() for row in frame["probabilities"]]
    assert [list(row) for row in frame["prediction"]] == sets
    right = [list(a) == list(b) for a, b in zip(frame["label"], frame["prediction"], strict=True)]
    assert np.mean(right) == report["splits"]["test"]["accuracy"]

    assert "Reproduced" in desk.evaluate(run.folder).out
    said = json.loads(desk.run("predict", str(run.folder), "goal team soup").out)
    chances = said["probabilities"]
    wanted = [name for name, chance in chances.items() if chance >= thresholds[report["labels"].index(name)]]
    assert said == {"labels": wanted, "probabilities": chances}
    assert predict(str(run.folder), ["goal team soup"]) == [chances]

    export = desk.run("export", str(run.folder), "--format", "onnx")
    assert export.code == 0, export.err
    onnx = run.folder / "onnx"
    assert desk.json(onnx / "config.json")["thresholds"] == thresholds
    alone = json.loads(desk.python(str(onnx / "classify.py"), "goal team soup", cwd=desk.place).out)
    assert alone["labels"] == wanted
    assert alone["probabilities"] == pytest.approx(chances, abs=1e-5)
    desk.evaluate(onnx)
    scored = desk.report(run.folder / "evaluation" / "test-onnx")
    assert scored["splits"]["test"]["accuracy"] == report["splits"]["test"]["accuracy"]


def test_transformers_pipeline_gives_each_class_its_own_probability(desk):
    from transformers import pipeline

    run = desk.train(f"dataset.train={write_sets(desk)}")
    found = pipeline("text-classification", model=str(run.folder / "model"), top_k=None)("goal team")
    ours = json.loads(desk.run("predict", str(run.folder), "goal team").out)["probabilities"]
    rows = found[0] if isinstance(found[0], list) else found
    assert {row["label"]: row["score"] for row in rows} == pytest.approx(ours, abs=1e-5)
    assert sum(ours.values()) != pytest.approx(1.0, abs=1e-3)
    assert expit(0) == 0.5


def test_a_study_of_sets_is_judged_by_whole_sets(desk):
    path = write_sets(desk)
    study = desk.study(f"dataset.train={path}", "-m", "model.layers=1,2", "seed=0,1", "study.name=sets")
    assert study.code == 0, study.err
    found = desk.json(desk.place / "runs" / "sets" / "study.json")
    assert found["problem_type"] == "multi_label_classification"
    assert "subset accuracy" in study.out
    page = (desk.place / "runs" / "sets" / "study.html").read_text()
    assert not re.search(r"(?<!subset )accuracy", written(page), re.IGNORECASE)
    runs = desk.finished_runs()
    compared = desk.run("evaluate", f"compare=[{runs[0]},{runs[1]}]")
    assert compared.code == 0, compared.err


def test_pairs_through_every_command(desk):
    path = write_pairs(desk)
    run = desk.train(f"dataset.train={path}", "dataset.text_pair_column=second", "baseline=linear")
    assert "Reproduced" in desk.evaluate(run.folder).out
    said = json.loads(desk.run("predict", str(run.folder), "goal team", "soup").out)
    lines = desk.write("in.jsonl", '{"text": "goal team", "text_pair": "soup", "id": 7}\n')
    assert json.loads(desk.run("predict", str(run.folder), str(lines)).out) == {"id": 7} | said
    assert predict(str(run.folder), [("goal team", "soup")]) == [said["probabilities"]]
    turned = json.loads(desk.run("predict", str(run.folder), "soup", "goal team").out)
    assert turned["probabilities"] != said["probabilities"]

    export = desk.run("export", str(run.folder), "--format", "onnx")
    assert export.code == 0, export.err
    onnx = run.folder / "onnx"
    alone = json.loads(desk.python(str(onnx / "classify.py"), "goal team", "soup", cwd=desk.place).out)
    assert alone["probabilities"] == pytest.approx(said["probabilities"], abs=1e-5)
    desk.evaluate(onnx)
    scored = desk.report(run.folder / "evaluation" / "test-onnx")["splits"]["test"]
    assert scored["accuracy"] == desk.report(run.folder)["splits"]["test"]["accuracy"]

    finished = desk.finished_runs()
    bad = desk.write("bad.jsonl", '{"text": "goal team"}\n')
    desk.assert_refused(
        desk.run("predict", str(run.folder), str(bad)), ['Line 1 has no "text_pair"', "pairs"], *finished
    )
    desk.assert_refused(desk.run("predict", str(run.folder), "one"), [r"1 text\(s\) given", "pairs"], *finished)
    text = desk.write("in.txt", "one text\n")
    desk.assert_refused(desk.run("predict", str(run.folder), str(text)), ["Line 1 is one text", "text_pair"], *finished)
    single = desk.csv("single.csv", [("goal", "same"), ("soup", "other")])
    desk.assert_refused(
        desk.run("evaluate", f"checkpoint={run.folder}", "dataset=files", f"dataset.test={single}"),
        ["reads pairs of texts", "text_pair_column"],
        *finished,
    )


@pytest.mark.parametrize("how", ["class_weight", "sampling"])
def test_balanced_classes_train_and_resume_nothing_else(desk, how):
    rows = [(text, label) for i, (text, label) in enumerate(desk.rows(90)) if label != "food" or i % 9 == 2]
    desk.csv("rows.csv", rows)
    plain, balanced = desk.train(), desk.train(f"training.{how}=balanced")
    first, second = desk.report(plain.folder), desk.report(balanced.folder)
    assert first["splits"]["train"]["loss"] != second["splits"]["train"]["loss"]
    assert first["history"][0]["training_loss"] != second["history"][0]["training_loss"]
    assert "Reproduced" in desk.evaluate(balanced.folder).out


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["training.class_weight=balanced", "training.sampling=balanced"], ["together twice"]),
        (["training.metric=micro_f1"], ["micro_f1 is the accuracy"]),
        (["training.class_weight=even"], ["training.class_weight='even' is not allowed"]),
        (["dataset.label_separator="], ["label_separator is empty"]),
        (["dataset.label_separator=;"], ["label_separator=; has no effect"]),
        (["dataset.text_pair_column=text"], ["are both 'text'"]),
        (["dataset.text_pair_column=other"], ["no column 'other'"]),
    ],
)
def test_what_cannot_act_is_refused(desk, overrides, says):
    desk.assert_refused(desk.run("train", *desk.quick(*overrides)), says)
    assert not list((desk.place / "runs").rglob("*"))


def test_sampling_by_class_is_refused_for_sets(desk):
    outcome = desk.run("train", *desk.quick(f"dataset.train={write_sets(desk)}", "training.sampling=balanced"))
    desk.assert_refused(outcome, ["sampling=balanced cannot act", "class_weight=balanced"])
    assert not list((desk.place / "runs").rglob("*"))
