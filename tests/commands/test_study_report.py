"""A study's report: at the end of the study, and again from its run folders by `evaluate.py study=`."""

import json
import re
import shutil
from pathlib import Path

import pytest
from scipy.stats import binomtest

SCALES = "model.layers=1,2", "seed=0,1", "training.epochs=2", "study.workers=0"


@pytest.fixture(scope="module")
def study(desk_at, tmp_path_factory):
    """A study of two depths and two seeds, made once, with what it printed."""
    desk = desk_at(tmp_path_factory.mktemp("study"))
    outcome = desk.python("train.py", "-m", *desk.quick(*SCALES), "study=small", f"output_dir={desk.place / 'runs'}")
    assert outcome.code == 0, outcome.err
    return desk.place / "runs" / "small", outcome


def runs_of(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("layers-*/report.json"))


def undated(path: Path) -> dict:
    return json.loads(path.read_text()) | {"created": ""}


def test_a_study_ends_with_its_answer_table_and_page(study):
    folder, outcome = study
    assert re.search(r"^answer +Undecided", outcome.out, re.MULTILINE)
    assert "Fewer than five seeds" in outcome.out
    content = json.loads((folder / "study.json").read_text())
    assert content["recommendation"]["answer"] == "undecided"
    assert content["factors"] == {"model.layers": [1, 2], "seed": [0, 1]}
    page = (folder / "study.html").read_text()
    for level in content["depths"]:
        for run in level["runs"]:
            assert (folder / run / "report.json").is_file()
            assert f"{run}/report.html" in page


def test_both_points_of_training_are_in_the_reports_and_the_study(study):
    folder, _ = study
    content = json.loads((folder / "study.json").read_text())
    reports = [json.loads((run / "report.json").read_text()) for run in runs_of(folder)]
    for report in reports:
        last = report["history"][-1]["validation"]
        for metric in ("loss", "accuracy", "macro_f1"):
            assert report["last_splits"]["validation"][metric] == pytest.approx(last[metric], abs=1e-6)
        assert report["latency_ms"] > 0
    for layers, level in enumerate(content["depths"], 1):
        mine = [report for report in reports if report["model"]["layers"] == layers]
        for point, key in (("best", "splits"), ("last", "last_splits")):
            mean = sum(report[key]["test"]["accuracy"] for report in mine) / 2
            assert level[point]["test"]["accuracy"]["mean"] == pytest.approx(mean)


def test_the_report_is_built_again_from_the_run_folders_wherever_they_are(study, desk):
    folder, _ = study
    moved = Path(shutil.copytree(folder, desk.place / "moved" / "small"))
    expected = undated(moved / "study.json")
    for name in ("study.json", "study.html"):
        (moved / name).unlink()
    outcome = desk.run("evaluate", "study=moved/small")
    assert outcome.code == 0, outcome.err
    assert undated(moved / "study.json") == expected
    assert "study.html" in outcome.out


def test_without_predictions_intervals_come_from_seeds_and_the_page_says_so(study, desk):
    folder, _ = study
    moved = Path(shutil.copytree(folder, desk.place / "small"))
    for path in moved.glob("*/predictions.parquet"):
        path.unlink()
    assert desk.run("evaluate", "study=small").code == 0
    assert "intervals come from seeds alone" in (moved / "study.html").read_text()
    assert json.loads((moved / "study.json").read_text())["depths"][0]["best"]["test"]["accuracy"]["from"] == "seeds"


def test_several_studies_together_have_a_report_beside_the_first(study, desk):
    folder, _ = study
    for number, name in enumerate(("one", "two")):
        for run in runs_of(folder)[number::2]:
            shutil.copytree(run, desk.place / "runs" / name / run.name)
    outcome = desk.run("evaluate", "study=[runs/one,runs/two]")
    assert outcome.code == 0, outcome.err
    together = json.loads((desk.place / "runs" / "one+two" / "study.json").read_text())
    assert together["factors"] == {"model.layers": [1, 2], "seed": [0, 1]}
    for level in together["depths"]:
        for run in level["runs"]:
            assert (desk.place / "runs" / "one+two" / run / "report.json").is_file()


def test_two_checkpoints_are_compared_text_by_text(study, desk):
    import pandas as pd

    first, *_, second = runs_of(study[0])
    outcome = desk.run("evaluate", f"compare=[{first},{second}]")
    assert outcome.code == 0, outcome.err
    frames = [pd.read_parquet(run / "predictions.parquet") for run in (first, second)]
    right = [frame["label"] == frame["prediction"] for frame in frames]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    p = binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
    assert f"{only[0]} are right in the first alone and {only[1]} in the second alone" in outcome.out
    assert f"p = {p:.3g}." in outcome.out
    assert "says nothing about depth" in outcome.out


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["study=nix"], ["nix", "no folder"]),
        (["study=STUDY", "checkpoint=RUN"], ["checkpoint= and study=", "one thing"]),
        (["study=STUDY", "split=validation"], ["split has no effect"]),
        (["checkpoint=RUN", "judging.margin=0.1"], ["judging.margin", "about a study"]),
        (["study=STUDY", "judging.margin=2"], ["judging.margin=2", "less than 1"]),
        (["study=STUDY", "judging.factor=model.nix"], ["factor=model.nix", "no setting"]),
        (["compare=[RUN]"], ["compare", "at least 2"]),
        (["compare=[RUN,nix]"], ["nix", "not a finished run"]),
    ],
    ids=str,
)
def test_what_cannot_be_judged_is_refused(study, desk, overrides, says):
    folder, _ = study
    run = str(runs_of(folder)[0])
    outcome = desk.run("evaluate", *(text.replace("STUDY", str(folder)).replace("RUN", run) for text in overrides))
    desk.assert_refused(outcome, says)
