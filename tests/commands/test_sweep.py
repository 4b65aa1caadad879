"""`python train.py -m`: one run for each combination, and a failure ends its own run alone."""

import re
from pathlib import Path
from typing import Any

import pytest

from textlstm.training.history import ProgressLines


def sweep(desk: Any, *overrides: str) -> Any:
    return desk.run("train", "-m", *desk.quick("training.epochs=1"), *overrides)


def found(desk: Any) -> dict[tuple[int, int], Path]:
    """(layers, seed) -> folder of each finished run."""
    runs = {}
    for folder in desk.finished_runs():
        report = desk.report(folder)
        runs[report["model"]["layers"], report["seed"]] = folder
    return runs


def test_every_combination_becomes_a_run(desk):
    outcome = sweep(desk, "model.layers=1,2,3", "seed=0,1")
    assert outcome.code == 0, outcome.err
    runs = found(desk)
    assert runs.keys() == {(layers, seed) for layers in (1, 2, 3) for seed in (0, 1)}
    assert len(desk.finished_runs()) == 6
    (parent,) = {folder.parent for folder in runs.values()}
    assert parent.parent == desk.place / "runs" / "files"
    for folder in runs.values():
        assert f"next      python evaluate.py checkpoint={folder.relative_to(desk.place)}" in outcome.out
        assert {"model", "predictions.parquet", "history.jsonl", "environment.json", ".hydra"} <= {
            path.name for path in folder.iterdir()
        }


def test_a_run_of_a_sweep_is_the_same_run_alone(desk):
    assert sweep(desk, "model.layers=1,2", "seed=3").code == 0
    alone = desk.train("training.epochs=1", "model.layers=2", "seed=3").folder
    (swept,) = [folder for (layers, _), folder in found(desk).items() if layers == 2 and "sweep" in str(folder)] or [
        folder for folder in desk.finished_runs() if desk.report(folder)["model"]["layers"] == 2 and folder != alone
    ]
    assert desk.report(swept)["splits"] == desk.report(alone)["splits"]


def test_the_flag_may_stand_anywhere(desk):
    outcome = desk.run("train", *desk.quick("training.epochs=1"), "seed=0,1", "--multirun")
    assert outcome.code == 0, outcome.err
    assert len(desk.finished_runs()) == 2


def test_runs_of_a_sweep_can_be_evaluated(desk):
    assert sweep(desk, "seed=0,1").code == 0
    for folder in desk.finished_runs():
        assert "Reproduced" in desk.evaluate(folder).out


FAILURES = {
    "model.layers=1,0,2": ["model.layers=0", "at least 1"],
    "dataset.text_column=text,txt,text": ["'txt'", "text, label"],
    "dataset.train=rows.csv,nix.csv": ["nix.csv", "not a file"],
    "training.learning_rate=1e30,1e-3 training.max_grad_norm=0": ["diverged"],
    "training.precision=fp16,fp32": ["fp16", "GPU"],
}


@pytest.mark.parametrize("overrides", FAILURES)
def test_a_failing_run_ends_alone_and_is_told(desk, overrides):
    outcome = sweep(desk, *overrides.split())
    failing = 1
    values = overrides.split()[0].split("=")[1].split(",")
    assert outcome.code == 1
    assert len(desk.finished_runs()) == len(values) - failing
    for word in FAILURES[overrides]:
        assert re.search(re.escape(word), outcome.err), outcome.err
    assert "Traceback" not in outcome.err
    assert "Error executing job" not in outcome.err
    assert "+" not in outcome.err.replace("1e+30", "")


def test_all_that_failed_are_counted(desk):
    outcome = sweep(desk, "model.layers=0,-1,-2,-3,1")
    assert outcome.code == 1
    assert len(desk.finished_runs()) == 1
    for value in (0, -1, -2, -3):
        assert f"model.layers={value} is not allowed" in outcome.err
    assert re.search(r"\b4 run", outcome.err)
    assert re.search(r"\b[23] more", outcome.err.rstrip().splitlines()[-1])


@pytest.mark.parametrize("override", ["model.layer=1,2", "+model.layer=1,2", "training=smok,default", "nix=1,2"])
def test_a_misspelt_setting_stops_the_sweep_at_once(desk, override):
    outcome = sweep(desk, override)
    desk.assert_refused(outcome, [override.lstrip("+").split("=")[0]])
    assert "run " not in outcome.out


def test_an_error_of_the_program_does_not_stop_the_other_runs(desk, monkeypatch):
    whole = ProgressLines.on_train_begin

    def fail(self: ProgressLines, args: Any, *rest: Any, **named: Any) -> None:
        if args.seed == 1:
            raise RuntimeError("a bug")
        whole(self, args, *rest, **named)

    monkeypatch.setattr(ProgressLines, "on_train_begin", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        sweep(desk, "seed=0,1,2")
    assert {seed for _, seed in found(desk)} == {0, 2}


def test_ctrl_c_stops_the_whole_sweep_and_names_the_run(desk, monkeypatch):
    whole = ProgressLines.on_step_end

    def stop(self: ProgressLines, args: Any, *rest: Any, **named: Any) -> None:
        whole(self, args, *rest, **named)
        if args.seed == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLines, "on_step_end", stop)
        outcome = sweep(desk, "seed=0,1,2")
    assert outcome.code == 130
    (line,) = outcome.err.splitlines()
    assert {seed for _, seed in found(desk)} == {0}
    resumed = desk.run("train", line.split()[-1])
    assert resumed.code == 0, resumed.err
    runs = found(desk)
    assert {seed for _, seed in runs} == {0, 1}
    assert "Reproduced" in desk.evaluate(runs[2, 1]).out


def test_two_sweeps_do_not_share_a_folder(desk):
    assert sweep(desk, "seed=0,1").code == 0
    assert sweep(desk, "seed=0,1").code == 0
    assert len(desk.finished_runs()) == 4
    assert len({folder.parent for folder in desk.finished_runs()}) == 2


@pytest.mark.slow
def test_in_a_real_process(desk):
    outcome = desk.python(
        "train.py", "-m", *desk.quick("training.epochs=1"), "model.layers=1,0,2", f"output_dir={desk.place / 'runs'}"
    )
    assert outcome.code == 1
    assert len(desk.finished_runs()) == 2
    assert "model.layers=0" in outcome.err
    assert "Traceback" not in outcome.err
